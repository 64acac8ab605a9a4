/** What is measured between two namespaces, with the tools that everybody uses for it. */
import { execFile, spawn } from 'node:child_process';
import { type Joined, pause } from './systems.js';

export interface Value {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/** Payload of a frame of 60 bytes. */
const SMALL_PAYLOAD = 18;
const PORT = '5201';
/** Linux' default. Where a machine has BBR, its timers pace every system down: a bridge to 17 Gbit/s from 31. */
const CONGESTION_CONTROL = 'cubic';
const PINGS = 1000;

export async function measureTcp(joined: Joined, seconds: number): Promise<Value[]> {
  const { end } = await iperf(joined, ['-C', CONGESTION_CONTROL, '-t', String(seconds)]);
  return [{ metric: 'tcp', value: end.sum_received.bits_per_second / 1e9, unit: 'Gbit/s' }];
}

/** As fast as the sender can; what arrives counts. */
export async function measureUdp(joined: Joined, seconds: number): Promise<Value[]> {
  const { end } = await iperf(joined, ['-u', '-b', '0', '-l', String(SMALL_PAYLOAD), '-t', String(seconds)]);
  const { packets, lost_packets: lost, seconds: lasted } = end.sum;
  return [
    { metric: 'udp-sent', value: packets / lasted / 1e3, unit: 'kpps' },
    { metric: 'udp-received', value: (packets - lost) / lasted / 1e3, unit: 'kpps' },
  ];
}

export async function measureRoundTrips({ client, address, answersPings }: Joined): Promise<Value[]> {
  // A service's address answers no ping.
  if (!answersPings) return [];
  const text = await run(client, ['ping', '-c', String(PINGS), '-i', '0.002', address]);
  const times = [...text.matchAll(/ time=([\d.]+) ms/g)]
    .map(([, time]) => Number(time))
    .sort((a, b) => a - b);
  if (times.length < PINGS * 0.99) throw new Error(`${PINGS - times.length} of ${PINGS} pings were lost`);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(part * times.length))];
  return [
    { metric: 'rtt-median', value: at(0.5), unit: 'ms' },
    { metric: 'rtt-p99', value: at(0.99), unit: 'ms' },
  ];
}

interface IperfResult {
  readonly error?: string;
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  };
}

/** One test against a server of its own. */
async function iperf({ client, server, address }: Joined, args: readonly string[]): Promise<IperfResult> {
  const child = spawn('ip', ['netns', 'exec', server, 'iperf3', '-s', '-1', '-p', PORT], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await pause(300);
  try {
    const result = JSON.parse(
      await run(client, ['iperf3', '-J', '-c', address, '-p', PORT, ...args]),
    ) as IperfResult;
    if (result.error !== undefined) throw new Error(`iperf3: ${result.error}`);
    await ended;
    return result;
  } finally {
    child.kill();
  }
}

function run(namespace: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 1 << 26, timeout: 120_000 };
    execFile('ip', ['netns', 'exec', namespace, ...words], options, (error, stdout) => {
      if (stdout === '') reject(error ?? new Error(`${words[0]} says nothing`));
      else resolve(stdout);
    });
  });
}
