/** How much of what a program does is told. */
import type { Action } from '../../topologies/trace/model.js';

/** Hooks and verdicts; what decides the packet's way; every lookup, update and event. */
export type Detail = 'brief' | 'normal' | 'verbose';

/** Counters and housekeeping: nothing on the packet's way depends on them. */
const BOOKKEEPING =
  /^cilium_(policystats|metrics|ratelimit|ratelimit_metrics|snat_v[46]_alloc_retries|lb_act)$/;

/** The decision on a policy says what was found; of a Maglev table, the backend that is looked up next does. */
const TOLD_OTHERWISE = /^cilium_(policy_v2|maglev_inner)/;

export function isShown(action: Action, detail: Detail): boolean {
  if (detail === 'verbose') return true;
  switch (action.kind) {
    case 'lookup':
      return !BOOKKEEPING.test(action.entry.map) && !TOLD_OTHERWISE.test(action.entry.map);
    case 'create':
    case 'delete':
      return !BOOKKEEPING.test(action.entry.map) && !/ related$/.test(action.entry.key);
    case 'update':
      return false;
    case 'event':
      return action.detail !== '';
    default:
      return true;
  }
}

/**
 * Of lookups in one map that found nothing, one after the other, the last is told: they ask for the same thing in other
 * words (the other direction of a connection, a service of any protocol).
 */
export function joinMisses(actions: readonly Action[], detail: Detail): readonly Action[] {
  if (detail === 'verbose') return actions;
  return actions.filter((action, i) => {
    const next = actions[i + 1];
    if (action.kind !== 'lookup' || action.entry.value !== null || next?.kind !== 'lookup') return true;
    return next.entry.map !== action.entry.map;
  });
}
