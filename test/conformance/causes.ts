/** Puts a mismatch in few words, so that steps that fail in the same way are counted together. */
import type { Mismatch } from './compare.js';
import type { HelperCall, RecordedEvent, Redirect } from './vector-format.js';

const EVENT_NAMES: Readonly<Record<number, string>> = {
  1: 'drop',
  2: 'debug',
  3: 'capture',
  4: 'trace',
  5: 'verdict',
};

export function causeOf({ field, expected, actual }: Mismatch): string {
  switch (field) {
    case 'verdict':
    case 'dropReason':
    case 'random':
      return `${field}: ${expected} expected, ${actual} found`;
    case 'exception':
      return `exception: ${String(actual).split('\n')[0]}`;
    case 'frame':
      return `frame: ${hexDifference(expected as string, actual as string)}`;
    case 'events':
      return `events: ${eventDifference(expected as RecordedEvent[], actual as RecordedEvent[])}`;
    case 'redirects':
      return `redirects: ${redirectNames(expected as Redirect[])} expected, ${redirectNames(actual as Redirect[])} found`;
    case 'calls':
      return `calls: ${callNames(expected as HelperCall[])} expected, ${callNames(actual as HelperCall[])} found`;
    case 'metrics':
      return `metrics: ${metricDifference(expected as Metrics, actual as Metrics)}`;
    default:
      return field.startsWith('maps.')
        ? `${field}: ${entryDifference(expected as Entries, actual as Entries)}`
        : field;
  }
}

/** Name of an event record by its first bytes: `trace 5`, `drop 133`. */
export function eventName(event: RecordedEvent | undefined): string {
  if (event === undefined) return 'none';
  if (event.signal) return 'signal';
  const type = Number.parseInt(event.hex.slice(0, 2), 16);
  const name = EVENT_NAMES[type] ?? `type ${type}`;
  return `${name} ${Number.parseInt(event.hex.slice(2, 4), 16)}`;
}

/** Offset of the first byte that differs, or the lengths. */
export function hexDifference(expected: string, actual: string): string {
  if (expected.length !== actual.length) {
    return `${expected.length / 2} bytes expected, ${actual.length / 2} found`;
  }
  return `byte ${firstDifference(expected, actual)}`;
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at >> 1;
}

function eventDifference(expected: readonly RecordedEvent[], actual: readonly RecordedEvent[]): string {
  const count = Math.max(expected.length, actual.length);
  for (let i = 0; i < count; i++) {
    const [wanted, found] = [eventName(expected[i]), eventName(actual[i])];
    if (wanted !== found) return `${wanted} expected, ${found} found`;
    if (expected[i].hex !== actual[i].hex)
      return `${wanted}: ${hexDifference(expected[i].hex, actual[i].hex)}`;
  }
  return 'order';
}

function redirectNames(redirects: readonly Redirect[]): string {
  return redirects.map((redirect) => redirect.kind).join('+') || 'none';
}

function callNames(calls: readonly HelperCall[]): string {
  return calls.map((call) => call.fn).join('+') || 'none';
}

type Metrics = Readonly<Record<string, readonly [number, number]>>;

function metricDifference(expected: Metrics, actual: Metrics): string {
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  const different = [...names].filter((name) => String(expected[name]) !== String(actual[name]));
  return different
    .map((name) => `${name} ${expected[name]?.[0] ?? 0}x expected, ${actual[name]?.[0] ?? 0}x found`)
    .join('; ');
}

type Entries = Readonly<Record<string, string | null>>;

function entryDifference(expected: Entries, actual: Entries): string {
  const texts = new Set<string>();
  for (const [key, value] of Object.entries(expected)) {
    const found = actual[key];
    if (found === undefined) texts.add(value === null ? 'not deleted' : 'entry not written');
    else if (value !== null && found !== null) texts.add(`value ${hexDifference(value, found)}`);
    else texts.add(value === null ? 'written, not deleted' : 'deleted, not written');
  }
  for (const [key, value] of Object.entries(actual)) {
    if (!Object.hasOwn(expected, key)) texts.add(value === null ? 'unexpected delete' : 'unexpected write');
  }
  return [...texts].sort().join(', ');
}
