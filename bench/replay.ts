/**
 * `packetwalk replay` end to end: from a capture in the page cache to counted fates, in frames of 64 bytes. The frames
 * go from a pod to a service whose backend is on another node, in flows that take turns in scattered order.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Feed } from '../src/cli/replay/feed.js';
import { WAS_TRANSMITTED } from '../src/cli/replay/selection.js';
import { Clock } from '../src/engine/clock.js';
import { SeededRandom } from '../src/engine/random.js';
import * as ethernet from '../src/engine/wire/ethernet.js';
import * as ipv4 from '../src/engine/wire/ipv4.js';
import * as layer4 from '../src/engine/wire/layer4.js';
import * as tcp from '../src/engine/wire/tcp.js';
import { ByteWindow } from '../src/io/byte-window.js';
import { DEFAULT_CHUNK_SIZE } from '../src/io/capture-file.js';
import { FileInput } from '../src/io/file-input.js';
import { PacketBatch } from '../src/io/packet-batch.js';
import { PCAP_FILE_HEADER_LENGTH, PcapReader } from '../src/io/pcap-reader.js';
import { PcapWriter } from '../src/io/pcap-writer.js';
import { buildTopology } from '../src/topologies/build.js';
import { loadTopology } from '../src/topologies/load.js';
import { Replay } from '../src/topologies/replay.js';
import type { Benchmark, Case } from './harness.js';

const FRAME_LENGTH = 64;
const FRAMES = 1 << 18;
const STRIDE = 40503;
/** 10.1.1.10 and 10.96.0.80 of life-of-a-packet, as raw words, and the MACs at the pod's device. */
const POD = 10 | (1 << 8) | (1 << 16) | (10 << 24);
const SERVICE = 10 | (96 << 8) | (0 << 16) | (80 << 24);
const POD_MAC = Uint8Array.of(0x0a, 0x00, 0x0a, 0x01, 0x01, 0x0a);
const DEVICE_MAC = Uint8Array.of(0x0a, 0x00, 0x00, 0x00, 0x11, 0xaa);
const SERVICE_PORT = 80;
const START_SECONDS = 1_700_000_000;
const INTERVAL_NS = 1000;

function writeFrames(file: string, flows: number): void {
  const sink = new PcapWriter(file);
  sink.addInterface({});
  const frame = new Uint8Array(FRAME_LENGTH);
  const ipAt = ethernet.HEADER_LENGTH;
  const tcpAt = ipAt + ipv4.HEADER_LENGTH;
  for (let i = 0; i < FRAMES; i++) {
    const port = (i * STRIDE) % flows;
    const length = FRAME_LENGTH - tcpAt;
    ethernet.write(frame, 0, DEVICE_MAC, POD_MAC, ethernet.TYPE_IPV4);
    ipv4.write(frame, ipAt, length, i & 0xffff, ipv4.DONT_FRAGMENT, 64, ipv4.PROTOCOL_TCP, POD, SERVICE);
    tcp.write(frame, tcpAt, port, SERVICE_PORT, i, 1, tcp.ACK, 0xffff);
    layer4.fillIpv4(frame, ipAt, tcpAt, length, tcp.checksumAt(tcpAt));
    sink.write(0, START_SECONDS, i * INTERVAL_NS, frame, 0, FRAME_LENGTH, FRAME_LENGTH);
  }
  sink.close();
}

function replayCase(directory: string, flows: number): Case {
  const file = path.join(directory, `${flows}.pcap`);
  writeFrames(file, flows);
  const built = buildTopology(loadTopology('life-of-a-packet').spec, {
    clock: new Clock(),
    random: new SeededRandom(1),
  });
  for (const { datapath } of built.nodes) datapath.events.mode = 'discard';
  const replay = new Replay(built, { captureDevice: null, oneWay: false });
  const batch = new PacketBatch();
  let feed: Feed;
  return {
    flows,
    phase: 'established',
    packets: FRAMES,
    run: () => {
      const window = new ByteWindow(new FileInput(file), DEFAULT_CHUNK_SIZE);
      window.fill(PCAP_FILE_HEADER_LENGTH);
      const source = new PcapReader(window);
      const watchers = { recorder: null, monitor: null, listener: null, progress: null };
      feed = new Feed(source, replay, { limit: Number.POSITIVE_INFINITY, speed: 0, only: -1, ...watchers });
      for (let count = source.read(batch); count > 0; count = source.read(batch)) feed.walk(batch);
      source.close();
    },
    verify: () => {
      assert.equal(feed.tally.outcomes[WAS_TRANSMITTED], FRAMES);
      assert.equal([...feed.tally.paths.paths()].length, flows);
    },
  };
}

export const replayBenchmarks: readonly Benchmark[] = [
  {
    name: 'replay-pod-to-clusterip-remote',
    *prepare() {
      const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-replay-'));
      try {
        for (const flows of [1, 1024, 65536]) yield replayCase(directory, flows);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  },
];
