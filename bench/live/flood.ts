/** A thread that sends frames of 64 bytes out of an interface as fast as it can, until it is told to stop. */
import { Worker, workerData } from 'node:worker_threads';
import { FrameArena, OWES_CHECKSUM, OWES_UDP_SEGMENTS } from '../../src/engine/frame-arena.js';
import * as checksum from '../../src/engine/wire/checksum.js';
import * as ethernet from '../../src/engine/wire/ethernet.js';
import * as ipv4 from '../../src/engine/wire/ipv4.js';
import * as udp from '../../src/engine/wire/udp.js';
import { openPort } from '../../src/io/live/open.js';

const BATCH = 64;
const IP_AT = ethernet.HEADER_LENGTH;
const UDP_AT = IP_AT + ipv4.HEADER_LENGTH;
const HEADERS = UDP_AT + udp.HEADER_LENGTH;
/** Bytes of a frame, and of its payload: documentation addresses (RFC 5737), the discard port. */
const PAYLOAD = 64 - HEADERS;
const FROM = 0x010200c0;
const TO = 0x020200c0;

export interface FloodOptions {
  readonly name: string;
  readonly namespace: string;
  /** Frames that the kernel makes of each that is sent; 1 where the interface takes merged ones as they are. */
  readonly segments: number;
}

export interface Flood {
  stop(): Promise<void>;
}

/** Starts the thread. */
export function startFlood(options: FloodOptions): Flood {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: { flood: options, stop } });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
  return {
    stop() {
      Atomics.store(stop, 0, 1);
      return ended;
    },
  };
}

function putFrame(arena: FrameArena, segments: number): number {
  const payload = segments * PAYLOAD;
  const handle = arena.allocate(HEADERS + payload);
  const start = arena.start[handle];
  const { bytes } = arena;
  ethernet.write(
    bytes,
    start,
    Uint8Array.of(2, 0, 0, 0, 0, 2),
    Uint8Array.of(2, 0, 0, 0, 0, 1),
    ethernet.TYPE_IPV4,
  );
  ipv4.write(bytes, start + IP_AT, udp.HEADER_LENGTH + payload, 1, 0, 64, ipv4.PROTOCOL_UDP, FROM, TO);
  udp.write(bytes, start + UDP_AT, 5000, 9, payload);
  checksum.fillIpv4Header(bytes, start + IP_AT);
  if (segments > 1) {
    arena.owes[handle] = OWES_CHECKSUM | OWES_UDP_SEGMENTS;
    arena.checksumAt[handle] = start + UDP_AT;
    arena.checksumOffset[handle] = udp.CHECKSUM_OFFSET;
    arena.segmentSize[handle] = PAYLOAD;
  }
  return handle;
}

async function run({ name, namespace, segments }: FloodOptions, stop: Int32Array): Promise<void> {
  const port = await openPort({ plugin: 'af-packet', name, namespace });
  const arena = new FrameArena(BATCH, BATCH);
  const handles = Int32Array.from({ length: BATCH }, () => putFrame(arena, segments));
  while (Atomics.load(stop, 0) === 0) port.send(arena, handles, 0, BATCH);
  port.close();
}

const data = workerData as { flood?: FloodOptions; stop: Int32Array } | null;
if (data?.flood !== undefined) await run(data.flood, data.stop);
