/** What programs tell of a packet in `cilium_events`, in one line each. */

import { DROP_NO_FIB } from '../../programs/drop-reasons.js';
import {
  type DatapathEvent,
  TO_HOST,
  TO_LXC,
  TO_NETWORK,
  TO_OVERLAY,
  TO_PROXY,
  TO_STACK,
  type TraceEvent,
  tracePointText,
  traceReasonText,
} from '../../programs/tables/events.js';
import { FIB_TEXTS } from './fib-text.js';
import type { TraceNames } from './trace-names.js';

const TO_POINTS = [TO_HOST, TO_LXC, TO_NETWORK, TO_OVERLAY, TO_PROXY, TO_STACK];
const UNKNOWN_REASON = 5;

/** Empty for events that say nothing more: debug messages and captures. */
export function eventText(names: TraceNames, node: string, event: DatapathEvent): string {
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
function traceText(names: TraceNames, node: string, event: TraceEvent): string {
  const { point, reason, sourceIdentity, destinationIdentity, destinationId } = event;
  let where = tracePointText(point);
  if (point === TO_LXC) where += ` ${names.endpoint(node, destinationId)}`;
  if (point === TO_PROXY) where += ` port ${destinationId}`;
  const isTo = TO_POINTS.includes(point);
  const identities = isTo ? `${sourceIdentity}->${destinationIdentity}` : String(sourceIdentity);
  const state = reason === UNKNOWN_REASON ? '' : `, state ${traceReasonText(reason)}`;
  return `${where}, identity ${identities}${state}${event.encrypted ? ', encrypted' : ''}`;
}
