/** A live port as a PacketSource: what it receives, with the time at which it was read. */
import { FrameArena, OWES_CHECKSUM } from '../../engine/frame-arena.js';
import { Offloads } from '../../engine/offload/offloads.js';
import { LINKTYPE_ETHERNET } from '../link-type.js';
import type { PacketBatch } from '../packet-batch.js';
import { type CaptureInterface, END, NOTHING_YET, type PacketSource } from '../packet-source.js';
import { type Libc, loadLibc } from './libc.js';
import { type LivePort, PORT_GONE } from './live-port.js';

/** Frames of a batch at most, and how many of them can be merged segments. */
const BATCH = 256;
const LONG_FRAMES = 16;
/** How often the state of an interface from which nothing comes is looked at. */
const REFRESH_MS = 500;

export class LiveSource implements PacketSource {
  readonly name: string;
  readonly interfaces: readonly CaptureInterface[];
  readonly size = -1;
  readonly position = -1;
  readonly #port: LivePort;
  readonly #libc: Libc | null;
  readonly #arena = new FrameArena(BATCH, LONG_FRAMES);
  readonly #handles = new Int32Array(BATCH);
  readonly #offloads = new Offloads();
  #count = 0;
  #isClosed = false;

  /** Takes over the port, which `close` closes. Merged segments stay merged; their checksums are computed. */
  static async open(port: LivePort): Promise<LiveSource> {
    return new LiveSource(port, port.fd < 0 ? null : await loadLibc(port.name));
  }

  private constructor(port: LivePort, libc: Libc | null) {
    this.#port = port;
    this.#libc = libc;
    this.name = `${port.plugin}:${port.name}`;
    this.interfaces = [
      {
        linkType: LINKTYPE_ETHERNET,
        snapLength: 0,
        unitsPerSecond: 1e9,
        timestampOffsetSeconds: 0,
        frameCheckLength: 0,
        name: port.name,
        description: '',
        operatingSystem: '',
      },
    ];
  }

  read(batch: PacketBatch): number {
    this.#release();
    batch.count = 0;
    const port = this.#port;
    if (this.#isClosed) return END;
    const count = port.receive(this.#arena, this.#handles, 0, Math.min(batch.capacity, BATCH));
    if (count === 0) return port.state === PORT_GONE ? END : NOTHING_YET;
    this.#count = count;
    const now = performance.timeOrigin + performance.now();
    const seconds = Math.floor(now / 1000);
    const nanoseconds = Math.floor((now - 1000 * seconds) * 1e6);
    for (let i = 0; i < count; i++) this.#fill(batch, i, seconds, nanoseconds);
    batch.bytes = this.#arena.bytes;
    batch.hasOptions = false;
    batch.count = count;
    return count;
  }

  #fill(batch: PacketBatch, row: number, seconds: number, nanoseconds: number): void {
    const arena = this.#arena;
    const handle = this.#handles[row];
    if ((arena.owes[handle] & OWES_CHECKSUM) !== 0 && this.#offloads.settle(arena, handle)) {
      this.#offloads.complete(arena, handle);
    }
    batch.offset[row] = arena.start[handle];
    batch.capturedLength[row] = arena.length[handle];
    batch.originalLength[row] = arena.length[handle];
    batch.seconds[row] = seconds;
    batch.nanoseconds[row] = nanoseconds;
    batch.interfaceIndex[row] = 0;
    batch.optionsStart[row] = 0;
    batch.optionsEnd[row] = 0;
  }

  /** Resolves when a frame has come, and now and then, so that an interface that vanishes is noticed. */
  wait(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const port = this.#port;
    return new Promise((resolve) => {
      let cancel: () => void = () => {
        port.onReadable = null;
      };
      const timer = setTimeout(() => {
        cancel();
        port.refresh();
        resolve();
      }, REFRESH_MS);
      const done = (): void => {
        clearTimeout(timer);
        port.onReadable = null;
        resolve();
      };
      if (this.#libc === null) port.onReadable = done;
      else cancel = this.#libc.whenReadable(port.fd, done);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#release();
    this.#port.close();
  }

  #release(): void {
    for (let i = 0; i < this.#count; i++) this.#arena.free(this.#handles[i]);
    this.#count = 0;
  }
}
