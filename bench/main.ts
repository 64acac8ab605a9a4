/**
 * `npm run bench -- [--filter NAME] [--runs N] [--json] [--baseline FILE]`: times the benchmarks of benchmarks.ts.
 * Each runs in a process of its own, since what V8 learned from one changes the code it makes for the next.
 */
import '../src/engine/tune.js';
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks.js';
import { type Benchmark, MINIMUM_RUNS, measure, type Result, useCpuTime } from './harness.js';
import { readBaseline, table } from './report.js';

const USAGE = `usage: npm run --silent bench -- [options]
  --filter NAME    only the benchmarks whose name contains NAME
  --runs N         runs per case, ${MINIMUM_RUNS} at least (default 9)
  --json           results as one JSON array on standard output
  --baseline FILE  compare with FILE, as --json prints it (default: the kernel's figures)
  --cpu-time       time by the CPU time taken, on a machine that is busy otherwise
  --in-process     no process per benchmark, for profilers
  --list           names only
`;

const KERNEL_BASELINE = fileURLToPath(new URL('../../bench/kernel-baseline.json', import.meta.url));

interface Options {
  readonly filter: string;
  readonly runs: number;
  readonly json: boolean;
  readonly baseline: string;
  readonly cpuTime: boolean;
  readonly inProcess: boolean;
  readonly list: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      filter: { type: 'string', default: '' },
      runs: { type: 'string', default: '9' },
      json: { type: 'boolean', default: false },
      baseline: { type: 'string', default: KERNEL_BASELINE },
      'cpu-time': { type: 'boolean', default: false },
      'in-process': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < MINIMUM_RUNS)
    throw new Error(`--runs: ${values.runs} is not ${MINIMUM_RUNS} or more`);
  return { ...values, runs, cpuTime: values['cpu-time'], inProcess: values['in-process'] };
}

/** One benchmark in a fresh process with the same flags; its results come back as JSON. */
function measureApart(benchmark: Benchmark, runs: number, cpuTime: boolean): Result[] {
  const script = fileURLToPath(import.meta.url);
  const args = [
    ...process.execArgv,
    script,
    '--in-process',
    '--json',
    '--runs',
    String(runs),
    '--filter',
    `=${benchmark.name}`,
    ...(cpuTime ? ['--cpu-time'] : []),
  ];
  const child = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.status !== 0) throw new Error(`${benchmark.name} failed, see above`);
  return JSON.parse(child.stdout) as Result[];
}

/** A filter that starts with `=` is a whole name. */
function isWanted(benchmark: Benchmark, filter: string): boolean {
  return filter.startsWith('=') ? benchmark.name === filter.slice(1) : benchmark.name.includes(filter);
}

function main(): void {
  const options = readOptions();
  const wanted = benchmarks.filter((benchmark) => isWanted(benchmark, options.filter));
  if (wanted.length === 0) {
    const names = benchmarks.map((benchmark) => benchmark.name).join(', ');
    throw new Error(`--filter ${options.filter}: no such benchmark; there are ${names}`);
  }
  if (options.list) {
    process.stdout.write(wanted.map((benchmark) => `${benchmark.name}\n`).join(''));
    return;
  }
  if (options.cpuTime) useCpuTime();
  const baseline = readBaseline(options.baseline);
  const talk = (line: string) => {
    if (!options.inProcess) process.stderr.write(`${line}\n`);
  };
  talk(`${cpus()[0].model}, ${cpus().length} CPUs, Node ${process.version}`);
  const results: Result[] = [];
  // A benchmark that fails does not keep the others from being measured.
  for (const [i, benchmark] of wanted.entries()) {
    talk(`[${i + 1}/${wanted.length}] ${benchmark.name}`);
    try {
      results.push(
        ...(options.inProcess
          ? measure(benchmark, options.runs)
          : measureApart(benchmark, options.runs, options.cpuTime)),
      );
    } catch (error) {
      process.stderr.write(`bench: ${(error as Error).message}\n`);
      process.exitCode = 1;
    }
  }
  const output = options.json ? [JSON.stringify(results)] : table(results, baseline);
  process.stdout.write(`${output.join('\n')}\n`);
}

try {
  main();
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
