/** Timing of prepared cases: warm-up, runs, the median, and a check of what came out after every run. */

export type Phase = 'established' | 'new';

/** One thing to time: `run` handles `packets` packets (or operations) and is all that is in the measured time. */
export interface Case {
  readonly flows: number;
  readonly phase: Phase;
  readonly packets: number;
  /** Bytes that a run reads or writes, where throughput is of interest. */
  readonly bytes?: number;
  /** Puts everything back before each run, warm-up included. Not timed. */
  reset?(): void;
  run(): void;
  /** Time in ns that the last run spent on what is not measured (laying frames down), measured anew. */
  overheadNs?(): number;
  /** Throws when the packets of the last run came out wrong. Not timed. */
  verify(): void;
  /** A case that takes turns with this one, so that what the machine does to one it does to the other. */
  readonly against?: Case;
}

export interface Benchmark {
  readonly name: string;
  /** Makes the cases; a generator makes each when its turn comes, so that one's memory is gone before the next. */
  prepare(): Iterable<Case>;
}

/** Medians over `runs` runs; `min` and `max` are the fastest and slowest, in ns per packet. */
export interface Result {
  readonly name: string;
  readonly flows: number;
  readonly phase: Phase;
  readonly nsPerPacket: number;
  readonly packetsPerSecond: number;
  readonly runs: number;
  readonly min: number;
  readonly max: number;
  readonly gigabytesPerSecond?: number;
  /** Time by that of the case it takes turns with: the median of the ratios of neighbouring runs. */
  readonly relative?: number;
}

/** Milliseconds of the clock that runs are timed by. */
export let now: () => number = () => performance.now();

/** Times runs by the CPU time that this process takes, for a machine that has other things to do. */
export function useCpuTime(): void {
  now = () => process.cpuUsage().user / 1000;
}

export const MINIMUM_RUNS = 7;

/** V8 has optimised a loop within some tens of milliseconds; the rest of this settles caches and branch predictors. */
const WARM_UP_MS = 300;
const MINIMUM_WARM_UP_RUNS = 2;

/** Runs every case of a benchmark. Throws what `verify` throws, with the case's name in front. */
export function* measure(benchmark: Benchmark, runs: number): Generator<Result> {
  for (const item of benchmark.prepare()) yield measureCase(benchmark.name, item, runs);
}

export function measureCase(name: string, item: Case, runs: number): Result {
  const { against } = item;
  const warmUpEnd = performance.now() + WARM_UP_MS;
  for (let i = 0; i < MINIMUM_WARM_UP_RUNS || performance.now() < warmUpEnd; i++) {
    if (against !== undefined) runOnce(name, against);
    runOnce(name, item);
  }
  const times: number[] = [];
  const ratios: number[] = [];
  for (let i = 0; i < runs; i++) {
    const other = against === undefined ? 0 : runOnce(name, against);
    const time = runOnce(name, item);
    times.push(time);
    ratios.push(time / other);
  }
  times.sort(ascending);
  ratios.sort(ascending);
  const middle = median(times);
  return {
    name,
    flows: item.flows,
    phase: item.phase,
    nsPerPacket: round(middle),
    packetsPerSecond: Math.round(1e9 / middle),
    runs,
    min: round(times[0]),
    max: round(times[times.length - 1]),
    ...(item.bytes === undefined ? {} : { gigabytesPerSecond: round(item.bytes / (middle * item.packets)) }),
    ...(against === undefined ? {} : { relative: round(median(ratios)) }),
  };
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** Resets, runs and verifies a case; ns per packet. */
function runOnce(name: string, item: Case): number {
  item.reset?.();
  const start = now();
  item.run();
  const elapsedMs = now() - start;
  try {
    item.verify();
  } catch (error) {
    throw new Error(`${name}, ${item.flows} flows, ${item.phase}: ${(error as Error).message}`);
  }
  const overheadNs = item.overheadNs?.() ?? 0;
  return (elapsedMs * 1e6 - overheadNs) / item.packets;
}

/** Of ascending numbers; the mean of the middle two when their count is even. */
export function median(ascending: readonly number[]): number {
  const middle = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[middle] : (ascending[middle - 1] + ascending[middle]) / 2;
}

/** Tenths for what a person reads; hundredths below 10. */
function round(value: number): number {
  const unit = value < 10 ? 100 : 10;
  return Math.round(value * unit) / unit;
}
