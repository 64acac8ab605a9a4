/** What programs tell of a packet in `cilium_events`, in one line each. */
import { DROP_NO_FIB } from '../../programs/drop-reasons.js';
import * as events from '../../programs/tables/events.js';
import { FIB_TEXTS } from './fib-text.js';
import type { TraceNames } from './trace-names.js';

const TO_POINTS = [
  events.TO_HOST,
  events.TO_LXC,
  events.TO_NETWORK,
  events.TO_OVERLAY,
  events.TO_PROXY,
  events.TO_STACK,
];

/** Empty for events that say nothing more: debug messages and captures. */
export function eventText(names: TraceNames, node: string, event: events.DatapathEvent): string {
  if (event.kind === 'drop') {
    const detail = extendedErrorText(event.reason, event.extendedError);
    const extended = detail === '' ? '' : `: ${detail}`;
    return `${names.reason(event.reason)}${extended}, identity ${event.sourceIdentity}->${event.destinationIdentity}`;
  }
  return event.kind === 'trace' ? traceText(names, node, event) : '';
}

/** The extended error of a drop; empty for none. FIB lookups leave their result, maps an errno. */
export function extendedErrorText(reason: number, error: number): string {
  if (error === 0) return '';
  if (reason === -DROP_NO_FIB) return FIB_TEXTS[error] ?? 'no neighbour known';
  return error < 0 ? `errno ${-error}` : String(error);
}

/** `to-endpoint 2004 (pod4), identity 10001->10004, state new`. */
function traceText(names: TraceNames, node: string, event: events.TraceEvent): string {
  const { point, reason, sourceIdentity, destinationIdentity, destinationId } = event;
  let where = events.tracePointText(point);
  if (point === events.TO_LXC) where += ` ${names.endpoint(node, destinationId)}`;
  if (point === events.TO_PROXY) where += ` port ${destinationId}`;
  const isTo = TO_POINTS.includes(point);
  const identities = isTo ? `${sourceIdentity}->${destinationIdentity}` : String(sourceIdentity);
  const state = reason === events.REASON_UNKNOWN ? '' : `, state ${events.traceReasonText(reason)}`;
  return `${where}, identity ${identities}${state}${event.encrypted ? ', encrypted' : ''}`;
}
