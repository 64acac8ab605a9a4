/** `hubble observe` and its options. */
import type { BuiltTopology } from '../../../topologies/built.js';
import { UsageError } from '../../exit-codes.js';
import {
  countOf,
  type Flag,
  type GivenFlag,
  lastValue,
  oneOf,
  readFlags,
  wholeNumber,
} from '../../shell/flags.js';
import { FILTERS, type FlowTest, LIST_FILTERS } from './flow-filter.js';
import { OUTPUTS, type OutputFormat, type TextOptions } from './flow-text.js';
import { TIME_FORMATS } from './flow-time.js';

const TOOL = 'hubble observe';

const FLAGS: readonly Flag[] = [
  { name: '--output', short: '-o', takesValue: true },
  { name: '--follow', short: '-f' },
  { name: '--last', takesValue: true },
  { name: '--first', takesValue: true },
  { name: '--all' },
  { name: '--not' },
  { name: '--print-node-name' },
  { name: '--ip-translation' },
  { name: '--numeric' },
  { name: '--time-format', takesValue: true },
  { name: '--color', takesValue: true },
  { name: '--ipv4', short: '-4' },
  { name: '--ipv6', short: '-6' },
  ...[...FILTERS.keys()].map((name): Flag => {
    const short = { '--type': '-t', '--namespace': '-n', '--label': '-l' }[name];
    return short === undefined ? { name, takesValue: true } : { name, short, takesValue: true };
  }),
];

export interface ObserveOptions {
  readonly output: OutputFormat;
  readonly text: TextOptions;
  /** Only the first or last so many flows; null for all. */
  readonly first: number | null;
  readonly last: number | null;
  /** `--all` and `--follow`. */
  readonly isWhole: boolean;
  readonly accepts: FlowTest;
}

/**
 * Reads the words behind `hubble observe`. Throws UsageError; a pod or service that the topology does not have is one.
 */
export function readObserve(words: readonly string[], topology: BuiltTopology): ObserveOptions {
  const given = readFlags(TOOL, words, FLAGS);
  const count = (flag: string): number | null => {
    const value = lastValue(given, flag);
    return value === null ? null : wholeNumber(TOOL, flag, value, 1, Number.MAX_SAFE_INTEGER);
  };
  const [first, last] = [count('--first'), count('--last')];
  if (first !== null && last !== null) throw new UsageError(`${TOOL}: --first or --last, not both`);
  return {
    output: oneOf(TOOL, '--output', lastValue(given, '--output') ?? 'compact', OUTPUTS),
    text: {
      timeFormat: oneOf(
        TOOL,
        '--time-format',
        lastValue(given, '--time-format') ?? 'StampMilli',
        TIME_FORMATS,
      ),
      nodeName: countOf(given, '--print-node-name') > 0,
      translate: lastValue(given, '--ip-translation') !== 'false',
      numeric: countOf(given, '--numeric') > 0,
    },
    first,
    last,
    isWhole: countOf(given, '--all') + countOf(given, '--follow') > 0,
    accepts: readFilters(given, topology),
  };
}

/** Values of one flag are alternatives, flags are all to be met; what stands behind `--not` is to be met by none. */
function readFilters(given: readonly GivenFlag[], topology: BuiltTopology): FlowTest {
  const wanted = new Map<string, FlowTest[]>();
  const unwanted: FlowTest[] = [];
  let isNegated = false;
  for (const [flag, value] of given) {
    if (flag === '--not') {
      isNegated = true;
      continue;
    }
    const tests = testsOf(flag, value, topology);
    if (tests === null) continue;
    if (isNegated) unwanted.push(...tests);
    else wanted.set(groupOf(flag), [...(wanted.get(groupOf(flag)) ?? []), ...tests]);
    isNegated = false;
  }
  if (isNegated) throw new UsageError(`${TOOL}: --not what? (a filter stands behind it)`);
  const groups = [...wanted.values()];
  return (flow) =>
    groups.every((tests) => tests.some((test) => test(flow))) && !unwanted.some((test) => test(flow));
}

/** `-4` and `-6` are values of one kind. */
function groupOf(flag: string): string {
  return flag === '--ipv4' || flag === '--ipv6' ? '--ip-version' : flag;
}

function testsOf(flag: string, value: string, topology: BuiltTopology): FlowTest[] | null {
  if (flag === '--ipv4') return [FILTERS.get('--ip-version')!('4')];
  if (flag === '--ipv6') return [FILTERS.get('--ip-version')!('6')];
  const reader = FILTERS.get(flag);
  if (reader === undefined) return null;
  checkName(flag, value, topology);
  const values = LIST_FILTERS.includes(flag) ? value.split(',') : [value];
  return values.map((one) => {
    try {
      return reader(one.trim());
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(`${TOOL}: ${flag} ${one}: ${error.message}`);
    }
  });
}

/** A name that nothing begins with would silently match no flow. */
function checkName(flag: string, value: string, { pods, plan }: BuiltTopology): void {
  const kind = /-(pod|service)$/.exec(flag)?.[1];
  if (kind === undefined) return;
  const names =
    kind === 'pod'
      ? pods.map(({ planned }) => planned.name)
      : [...new Set(plan.services.map(({ name }) => name))];
  const bare = (name: string): string => name.slice(name.indexOf('/') + 1);
  if (names.some((name) => bare(name).startsWith(bare(value)))) return;
  const list = names.length === 0 ? `the topology has no ${kind}` : `there are ${names.join(', ')}`;
  throw new UsageError(`${TOOL}: ${flag} ${value}: no such ${kind}; ${list}`);
}
