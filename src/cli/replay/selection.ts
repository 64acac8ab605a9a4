/** Which frames a user asked to see: by what became of them. */
import { CONSUMED, DELIVERED, DROPPED, TRANSMITTED, UNDER_WAY } from '../../engine/fate.js';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';

/** What became of a walked frame, as the summary counts it; bits, so that several can be asked for. */
export const WAS_DELIVERED = 1;
export const WAS_TRANSMITTED = 2;
export const WAS_TAKEN = 4;
export const WAS_DROPPED = 8;
/** The datapath itself replied to it (ARP, ICMP), to where it came from. */
export const WAS_ANSWERED = 16;
/** It waits for a neighbour's link address; what becomes of it is counted then. */
export const WAS_HELD = 32;
/** Size of a table indexed by outcome. */
export const OUTCOMES = 33;

const NAMES: ReadonlyMap<string, number> = new Map([
  ['dropped', WAS_DROPPED],
  ['forwarded', WAS_DELIVERED | WAS_TRANSMITTED],
  ['delivered', WAS_DELIVERED],
  ['transmitted', WAS_TRANSMITTED],
  ['stack', WAS_TAKEN],
  ['answered', WAS_ANSWERED],
  ['held', WAS_HELD],
]);

export const SELECTION_NAMES: readonly string[] = [...NAMES.keys()];

export function outcomeOf(fate: number, answered: boolean): number {
  if (answered) return WAS_ANSWERED;
  if (fate === DELIVERED) return WAS_DELIVERED;
  if (fate === TRANSMITTED) return WAS_TRANSMITTED;
  if (fate === CONSUMED) return WAS_TAKEN;
  if (fate === DROPPED) return WAS_DROPPED;
  if (fate === UNDER_WAY) return WAS_HELD;
  throw new Error(`fate ${fate}`);
}

const OUTCOME_NAMES: Readonly<Record<number, string>> = {
  [WAS_DELIVERED]: 'delivered',
  [WAS_TRANSMITTED]: 'transmitted',
  [WAS_TAKEN]: 'stack',
  [WAS_DROPPED]: 'dropped',
  [WAS_ANSWERED]: 'answered',
  [WAS_HELD]: 'held',
};

export function outcomeName(outcome: number): string {
  return OUTCOME_NAMES[outcome];
}

/** Bits of the outcomes that `--only` names, separated by commas or given several times; -1, all, for none. */
export function readSelection(values: readonly string[]): number {
  if (values.length === 0) return -1;
  let bits = 0;
  for (const name of values.flatMap((value) => value.split(','))) {
    const outcome = NAMES.get(name.trim());
    if (outcome === undefined) {
      const hint = suggestion(name, SELECTION_NAMES) || `; it is one of ${SELECTION_NAMES.join(', ')}`;
      throw new UsageError(`--only ${name}: no such fate${hint}`);
    }
    bits |= outcome;
  }
  return bits;
}
