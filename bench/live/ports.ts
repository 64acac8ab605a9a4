/**
 * What live ports cost without a datapath: receiving by ring and by recvmmsg, and a loop that only moves frames from one
 * port to another. `node dist/bench/live/ports.js [--json] [--seconds N] [--runs N]`; needs root.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FrameArena } from '../../src/engine/frame-arena.js';
import { loadLibc } from '../../src/io/live/libc.js';
import { KERNEL_DROPS, type LivePort, type PortSpec, RECEIVED } from '../../src/io/live/live-port.js';
import { openPort } from '../../src/io/live/open.js';
import { Poller } from '../../src/io/live/poller.js';
import { TestNamespace, whyNoTap } from '../../test/support/live-network.js';
import { startFlood } from './flood.js';

export interface LiveResult {
  readonly name: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly runs: number;
}

/** Of one run. */
interface Sample {
  readonly packetsPerSecond: number;
  /** CPU time of the thread that receives, by its packets. */
  readonly nsPerPacket: number;
  readonly lost: number;
}

const BATCH = 64;
/** Frames that the kernel cuts from each that the flood sends, where it does. */
const SEGMENTS = 60;
const WARM_UP_MS = 300;

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};

/** ns that the calling thread has run. */
const threadTimeNs = (): number => Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);

/** Runs `round` for some seconds, which answers how many packets it has handled; it waits when there are none. */
function measure(seconds: number, round: () => number): { packets: number; seconds: number; cpuNs: number } {
  const cpu = threadTimeNs();
  const start = process.hrtime.bigint();
  const end = start + BigInt(Math.round(seconds * 1e9));
  let packets = 0;
  while (process.hrtime.bigint() < end) for (let i = 0; i < 100; i++) packets += round();
  return {
    packets,
    seconds: Number(process.hrtime.bigint() - start) / 1e9,
    cpuNs: threadTimeNs() - cpu,
  };
}

/** The veth cuts merged datagrams itself; without ethtool frames are sent one by one, which is slower. */
function cutInKernel(namespace: TestNamespace, name: string): number {
  try {
    namespace.run('ethtool', '-K', name, 'tx-udp-segmentation', 'off');
    return SEGMENTS;
  } catch {
    return 1;
  }
}

async function receiveOnce(ring: boolean, seconds: number): Promise<Sample> {
  const [far, near] = [new TestNamespace(), new TestNamespace()];
  try {
    far.addVeth('far0', near, 'near0');
    const port = await openPort({ plugin: 'af-packet', name: 'near0', namespace: near.name, ring });
    const poll = Int32Array.of(port.fd, 1);
    const libc = await loadLibc('bench');
    const flood = startFlood({ name: 'far0', namespace: far.name, segments: cutInKernel(far, 'far0') });
    await sleep(WARM_UP_MS);
    const arena = new FrameArena(2 * BATCH, 2);
    const handles = new Int32Array(BATCH);
    const round = (): number => {
      const count = port.receive(arena, handles, 0, BATCH);
      if (count === 0) libc.poll(poll, 1, 10);
      for (let i = 0; i < count; i++) arena.free(handles[i]);
      return count;
    };
    measure(WARM_UP_MS / 1000, round);
    port.refresh();
    const lostBefore = port.counters[KERNEL_DROPS];
    const run = measure(seconds, round);
    port.refresh();
    const lost = port.counters[KERNEL_DROPS] - lostBefore;
    await flood.stop();
    port.close();
    return {
      packetsPerSecond: run.packets / run.seconds,
      nsPerPacket: run.cpuNs / run.packets,
      lost: lost / (run.packets + lost),
    };
  } finally {
    for (const namespace of [far, near]) namespace.dispose();
  }
}

type Side = Omit<PortSpec, 'name' | 'namespace'>;

async function forwardOnce(side: Side, seconds: number): Promise<Sample> {
  const [left, right, middle] = [new TestNamespace(), new TestNamespace(), new TestNamespace()];
  try {
    const open = (end: TestNamespace, name: string): Promise<LivePort> => {
      if (side.plugin === 'tap') return openPort({ ...side, name: 'end0', namespace: end.name });
      middle.addVeth(name, end, 'end0');
      return openPort({ ...side, name, namespace: middle.name });
    };
    const ports = [await open(left, 'left0'), await open(right, 'right0')];
    const poller = await Poller.create();
    for (const port of ports) poller.add(port.fd);
    const flood = startFlood({ name: 'end0', namespace: left.name, segments: 1 });
    await sleep(WARM_UP_MS);
    const arena = new FrameArena(4 * BATCH, 16);
    const handles = new Int32Array(BATCH);
    const round = (): number => {
      const count = ports[0].receive(arena, handles, 0, BATCH);
      if (count === 0) poller.wait(10);
      else ports[1].send(arena, handles, 0, count);
      for (let i = 0; i < count; i++) arena.free(handles[i]);
      return count;
    };
    const arrived = (): number => Number(right.run('cat', '/sys/class/net/end0/statistics/rx_packets'));
    measure(WARM_UP_MS / 1000, round);
    const [before, moved] = [arrived(), ports[0].counters[RECEIVED]];
    const run = measure(seconds, round);
    const lost = ports[0].counters[RECEIVED] - moved - (arrived() - before);
    await flood.stop();
    for (const port of ports) port.close();
    poller.close();
    return {
      packetsPerSecond: run.packets / run.seconds,
      nsPerPacket: run.cpuNs / run.packets,
      lost: Math.max(lost, 0) / run.packets,
    };
  } finally {
    for (const namespace of [left, right, middle]) namespace.dispose();
  }
}

const CASES: readonly (readonly [name: string, once: (seconds: number) => Promise<Sample>])[] = [
  ['receive 64 B: packet ring', (seconds) => receiveOnce(true, seconds)],
  ['receive 64 B: recvmmsg', (seconds) => receiveOnce(false, seconds)],
  ['forward 64 B: TAP to TAP, io_uring', (seconds) => forwardOnce({ plugin: 'tap' }, seconds)],
  [
    'forward 64 B: TAP to TAP, read and write',
    (seconds) => forwardOnce({ plugin: 'tap', batches: false }, seconds),
  ],
  [
    'forward 64 B: packet socket to packet socket',
    (seconds) => forwardOnce({ plugin: 'af-packet' }, seconds),
  ],
];

/** Medians of `runs` runs of each case, which take turns. */
export async function benchPorts(seconds: number, runs: number): Promise<LiveResult[]> {
  const samples = CASES.map((): Sample[] => []);
  for (let run = 0; run < runs; run++) {
    for (const [i, [, once]] of CASES.entries()) samples[i].push(await once(seconds));
  }
  return CASES.flatMap(([name], i) => [
    {
      name,
      metric: 'rate',
      value: Math.round(median(samples[i].map((one) => one.packetsPerSecond))),
      unit: 'packets/s',
      runs,
    },
    {
      name,
      metric: 'cpu',
      value: Math.round(median(samples[i].map((one) => one.nsPerPacket))),
      unit: 'ns/packet',
      runs,
    },
    {
      name,
      metric: 'lost',
      value: Number(median(samples[i].map((one) => one.lost)).toFixed(4)),
      unit: 'of 1',
      runs,
    },
  ]);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '2' },
      runs: { type: 'string', default: '3' },
    },
  });
  const reason = whyNoTap();
  if (reason !== false) {
    process.stderr.write(`live ports: ${reason}\n`);
    process.exitCode = 3;
    return;
  }
  const results = await benchPorts(Number(values.seconds), Number(values.runs));
  if (values.json) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
  else {
    for (const { name, metric, value, unit } of results) {
      process.stdout.write(`${name.padEnd(48)} ${metric.padEnd(5)} ${String(value).padStart(9)} ${unit}\n`);
    }
  }
}

if (process.argv[1]?.endsWith('/live/ports.js')) await main();
