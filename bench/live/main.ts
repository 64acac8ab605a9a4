/**
 * `npm run bench:live -- [--filter NAME] [--runs N] [--seconds N] [--json]`: packets of real tools between two network
 * namespaces, through packetwalk and through what else can join them; all in one run on one machine, in turns.
 */
import { parseArgs } from 'node:util';
import { measureRoundTrips, measureTcp, measureUdp, type Value } from './measures.js';
import { isInstalled, removeLeftovers, type System, systems } from './systems.js';

const USAGE = `usage: npm run --silent bench:live -- [options]
  --filter NAME    only the systems whose name contains NAME
  --runs N         how often each is measured, in turns; the median counts (default 3)
  --seconds N      length of a TCP or UDP stream (default 4)
  --json           results as one JSON array on standard output
`;

interface Result {
  readonly name: string;
  readonly metric: string;
  /** Median of the runs. */
  readonly value: number;
  readonly unit: string;
  readonly runs: readonly number[];
}

function fail(text: string, exitCode: number): never {
  process.stderr.write(`${text}\n`);
  process.exit(exitCode);
}

const { values: options } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const runs = Number(options.runs);
const seconds = Number(options.seconds);
if (!(runs >= 1 && seconds >= 1)) fail('--runs and --seconds: give 1 or more', 2);
if (process.getuid?.() !== 0) fail('needs root, to make network namespaces', 3);
for (const tool of ['ip', 'iperf3', 'ping', 'ethtool']) {
  if (!isInstalled(tool)) fail(`needs ${tool}: apt install iproute2 iperf3 iputils-ping ethtool`, 3);
}

const chosen = systems.filter(({ name }) => name.includes(options.filter));
const measured = new Map<string, { unit: string; values: number[] }>();
for (let round = 1; round <= runs; round++) {
  for (const system of chosen) await measureSystem(system, round);
}
const results = [...measured].map(([key, { unit, values }]): Result => {
  const [name, metric] = key.split(' ');
  const sorted = [...values].sort((a, b) => a - b);
  return { name, metric, value: sorted[sorted.length >> 1], unit, runs: values };
});
process.stdout.write(options.json ? `${JSON.stringify(results)}\n` : table(results));

async function measureSystem(system: System, round: number): Promise<void> {
  if (system.needs !== null && !isInstalled(system.needs)) {
    if (round === 1) process.stderr.write(`${system.name}: left out, ${system.needs} is not installed\n`);
    return;
  }
  process.stderr.write(`run ${round} of ${runs}: ${system.name}\n`);
  try {
    const joined = await system.open();
    try {
      const measures = [
        () => measureTcp(joined, seconds),
        () => measureUdp(joined, seconds),
        () => measureRoundTrips(joined),
      ];
      for (const measure of measures) {
        for (const value of await measure().catch(complain)) note(system.name, value);
      }
    } finally {
      await joined.close();
    }
  } catch (error) {
    complain(error as Error);
    removeLeftovers();
  }
}

function complain({ message }: Error): Value[] {
  process.stderr.write(`  ${message.split('\n')[0]}\n`);
  return [];
}

function note(name: string, { metric, value, unit }: Value): void {
  const key = `${name} ${metric}`;
  const entry = measured.get(key) ?? { unit, values: [] };
  entry.values.push(value);
  measured.set(key, entry);
}

/** A row per system, and how packetwalk's pod to pod compares with it. */
function table(all: readonly Result[]): string {
  const metrics = [...new Map(all.map(({ metric, unit }) => [metric, unit]))];
  const names = [...new Set(all.map(({ name }) => name))];
  const found = (name: string, metric: string): number | undefined =>
    all.find((result) => result.name === name && result.metric === metric)?.value;
  const cell = (name: string, metric: string): string => {
    const value = found(name, metric);
    const own = found('packetwalk', metric);
    if (value === undefined) return '-'.padStart(20);
    const ratio = own === undefined || name.startsWith('packetwalk') ? '' : `x ${(own / value).toFixed(2)}`;
    return `${value.toPrecision(3)} ${ratio.padStart(8)}`.padStart(20);
  };
  const header = ['system'.padEnd(20), ...metrics.map(([metric, unit]) => `${metric} ${unit}`.padStart(20))];
  const rows = names.map((name) => [name.padEnd(20), ...metrics.map(([metric]) => cell(name, metric))]);
  return `${[header, ...rows].map((row) => row.join('').trimEnd()).join('\n')}\n\nx: packetwalk's value in parts of that system's\n`;
}
