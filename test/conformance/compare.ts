/** Compares what a step did with what was recorded, field by field; nothing is left out. */
import { isDeepStrictEqual } from 'node:util';
import type { MapDifference } from './map-shadow.js';
import { dropReasonOf, type MetricChanges } from './metric-shadow.js';
import type { Changes, Expectation, HelperCall, RecordedEvent, Redirect, Step } from './vector-format.js';

export interface Mismatch {
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** What a step did. */
export interface Outcome {
  readonly verdict: number;
  readonly frame: string;
  readonly mark: number;
  readonly cb: readonly number[];
  readonly tcIndex: number;
  /** XDP metadata, hex. */
  readonly meta: string;
  readonly redirects: readonly Redirect[];
  readonly calls: readonly HelperCall[];
  readonly tailCalls: readonly { readonly map: string; readonly slot: number }[];
  readonly events: readonly RecordedEvent[];
  readonly randomUsed: number;
  readonly metrics: MetricChanges;
  /** Changed maps only. */
  readonly maps: ReadonlyMap<string, MapDifference>;
}

const TC_SHOT = 2;
const NOTHING: readonly never[] = [];

export function compareStep(step: Step, isXdp: boolean, outcome: Outcome): Mismatch[] {
  const { expect } = step;
  const mismatches: Mismatch[] = [];
  const check = (field: string, expected: unknown, actual: unknown): void => {
    if (expected !== actual && !isDeepStrictEqual(expected, actual)) {
      mismatches.push({ field, expected, actual });
    }
  };
  check('verdict', expect.verdict, outcome.verdict);
  check('frame', expect.frame === '=' ? step.frame : expect.frame, outcome.frame);
  if (isXdp) check('ctx.meta', expect.ctx?.meta ?? '', outcome.meta);
  else if (expect.verdict !== TC_SHOT) checkContext(step, outcome, check);
  check('redirects', expect.redirects ?? NOTHING, outcome.redirects);
  check('calls', expect.calls ?? NOTHING, outcome.calls);
  if (expect.tailCalls !== undefined) check('tailCalls', expect.tailCalls, outcome.tailCalls);
  check('dropReason', expect.dropReason ?? null, dropReasonOf(outcome.metrics));
  check('events', expect.events ?? NOTHING, outcome.events);
  check('random', step.random?.length ?? 0, outcome.randomUsed);
  check('metrics', expect.metrics ?? {}, outcome.metrics);
  compareMaps(expect, outcome.maps, mismatches);
  return mismatches;
}

function checkContext(
  step: Step,
  outcome: Outcome,
  check: (field: string, expected: unknown, actual: unknown) => void,
): void {
  const { ctx } = step;
  const after = step.expect.ctx;
  check('ctx.mark', (after?.mark ?? ctx.mark ?? 0) >>> 0, outcome.mark >>> 0);
  check('ctx.tc_index', (after?.tc_index ?? ctx.tc_index ?? 0) >>> 0, outcome.tcIndex >>> 0);
  const cb = after?.cb ?? ctx.cb ?? [];
  for (let i = 0; i < 5; i++) {
    if ((cb[i] ?? 0) >>> 0 === outcome.cb[i] >>> 0) continue;
    const words = (list: readonly number[]): number[] => [0, 1, 2, 3, 4].map((n) => (list[n] ?? 0) >>> 0);
    check('ctx.cb', words(cb), words(outcome.cb));
    break;
  }
}

/** One mismatch per map, with the entries that differ: key to value before, expected and actual. */
function compareMaps(
  expect: Expectation,
  actual: ReadonlyMap<string, MapDifference>,
  mismatches: Mismatch[],
): void {
  const recorded = expect.maps ?? {};
  for (const [name, changes] of Object.entries(recorded)) {
    const difference = actual.get(name);
    if (!sameChanges(changes, difference)) mismatches.push(mapMismatch(name, changes, difference));
  }
  for (const [name, difference] of actual) {
    if (!Object.hasOwn(recorded, name)) mismatches.push(mapMismatch(name, {}, difference));
  }
}

function sameChanges(changes: Changes, difference: MapDifference | undefined): boolean {
  const set = changes.set ?? NOTHING;
  const deleted = changes.deleted ?? NOTHING;
  if (set.length + deleted.length !== (difference?.size ?? 0)) return false;
  if (difference === undefined) return true;
  for (const [key, value] of set) if (difference.get(key)?.after !== value) return false;
  for (const key of deleted) {
    const change = difference.get(key);
    if (change === undefined || change.after !== undefined) return false;
  }
  return true;
}

function mapMismatch(name: string, changes: Changes, difference: MapDifference | undefined): Mismatch {
  const expected: Record<string, string | null> = {};
  for (const [key, value] of changes.set ?? NOTHING) expected[key] = value;
  for (const key of changes.deleted ?? NOTHING) expected[key] = null;
  const actual: Record<string, string | null> = {};
  for (const [key, { after }] of difference ?? []) {
    if (Object.hasOwn(expected, key) && expected[key] === (after ?? null)) delete expected[key];
    else actual[key] = after ?? null;
  }
  return { field: `maps.${name}`, expected, actual };
}
