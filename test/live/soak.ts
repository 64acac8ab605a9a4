/**
 * `npm run soak -- [--seconds N]`: a lab at full load for as long as one likes (600 s). Prints what happened; ends with 1
 * when memory grew, a ping was lost, a stream broke off, or a frame is missing whose loss was not counted.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Status } from '../../src/cli/lab/status.js';
import { askControl } from '../../src/live/control-socket.js';
import { socketPath } from '../../src/live/state-file.js';
import { cannotRun, iperf, Lab, pause } from './lab.js';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
const seconds = Number(values.seconds);
const missing = cannotRun('ping', 'iperf3');
if (missing !== false || !(seconds >= 10)) {
  process.stderr.write(`${missing || '--seconds: give 10 or more'}\n`);
  process.exit(missing === false ? 2 : 3);
}

/**
 * Memory may grow by so much from the second quarter to the last. In a run of a minute or two caches still fill up.
 */
const GROWTH_LIMIT = seconds < 300 ? 1.5 : 1.1;
const CHANGE_MS = 5000;
/** The heap finds its size, which is then the same after 1,200 changes, in the first hundred. */
const CHANGES_BEFORE = 150;

const lab = await Lab.start(['dual-stack', '--serve', '--quiet']);
const faults: string[] = [];
try {
  await settleHeap();
  const time = ['-t', String(seconds)];
  const servers = [
    lab.run('client', ['iperf3', '-s', '-1', '-p', '5202'], seconds + 30),
    lab.run('server', ['iperf3', '-s', '-1', '-p', '5203'], seconds + 30),
  ];
  await pause(500);
  const streams = [
    iperf(lab, 'client', ['-c', '10.0.2.10', ...time], seconds + 30),
    iperf(lab, 'outside', ['-c', '10.0.1.10', '-p', '5202', ...time], seconds + 30),
    iperf(
      lab,
      'client',
      ['-c', 'fd00:a:2::10', '-p', '5203', '-u', '-b', '20M', '-l', '1000', ...time],
      seconds + 30,
    ),
  ];
  const pings = lab.run(
    'client',
    ['ping', '-q', '-w', String(seconds), '-i', '0.05', '-W', '3', '10.0.2.10'],
    seconds + 30,
  );
  let isOver = false;
  const allStreams = Promise.all(streams).finally(() => {
    isOver = true;
  });
  allStreams.catch(() => {});
  const memory: number[] = [];
  for (let nextChange = Date.now() + CHANGE_MS; !isOver; ) {
    memory.push(residentBytes(lab.process.pid ?? 0));
    if (Date.now() > nextChange) {
      await lab.ask('pod', 'add', 'second', '--node', 'node2', '--label', 'app=server');
      await lab.ask('pod', 'remove', 'second');
      nextChange = Date.now() + CHANGE_MS;
    }
    await pause(500);
  }
  const [tcp, fromOutside, udp] = await allStreams;
  await Promise.all(servers);
  const { stdout } = await pings;
  const loss = Number(/([\d.]+)% packet loss/.exec(stdout)?.[1] ?? 100);
  await pause(300);
  const status = await lab.status();

  const quarter = Math.floor(memory.length / 4);
  const [early, late] = [memory.slice(quarter, 2 * quarter), memory.slice(-quarter)].map(median);
  process.stdout.write(
    `${seconds} s, ${status.walked} frames; TCP ${gigabits(tcp.bitsPerSecond)} and ${gigabits(fromOutside.bitsPerSecond)}, ` +
      `UDP ${udp.lostPercent.toFixed(2)} % lost, pings ${loss} % lost; ` +
      `memory ${Math.round(early / 1e6)} MB, then ${Math.round(late / 1e6)} MB\n`,
  );
  if (late > early * GROWTH_LIMIT) faults.push('memory has grown');
  if (loss > 0) faults.push('pings were lost');
  if (Math.min(tcp.bitsPerSecond, fromOutside.bitsPerSecond) < 1e6) faults.push('a stream stood still');
  faults.push(...unexplained(status));
} finally {
  await lab.stop();
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length > 0 ? 1 : 0;

/** Changes the lab to what it is, again and again. */
async function settleHeap(): Promise<void> {
  const socket = socketPath(lab.name);
  const text = JSON.stringify(await askControl(socket, 'topology'));
  for (let i = 0; i < CHANGES_BEFORE; i++) await askControl(socket, 'apply', { text, source: 'soak' });
}

/** Every frame that was read has a fate, and every one that came out was sent or is counted as lost. */
function unexplained({ walked, copies, originated, fates, ports, lost }: Status): string[] {
  const sum = (name: string): number => ports.reduce((all, { counters }) => all + (counters[name] ?? 0), 0);
  const found: string[] = [];
  const ended = Object.values(fates).reduce((all, count) => all + count, 0);
  const begun = walked + copies + originated;
  if (ended !== begun) found.push(`${begun} frames walked and ${ended} ended`);
  const out = fates.delivered + fates.transmitted;
  const known =
    sum('sent') +
    sum('queue full') +
    sum('longer than the MTU') +
    sum('link down') +
    sum('send errors') +
    (lost['at a device without interface'] ?? 0);
  if (known !== out) found.push(`${out} frames came out and ${known} were sent or counted as lost`);
  return found;
}

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function gigabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
}
