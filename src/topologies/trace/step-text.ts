/** Steps between programs in words. */
import type { Device } from '../../engine/device.js';
import { CONSUMED, DELIVERED, TRANSMITTED } from '../../engine/fate.js';
import {
  BY_DECAPSULATION,
  BY_ENCAPSULATION,
  BY_LINK,
  BY_PEER,
  BY_REDIRECT,
  BY_REDIRECT_INGRESS,
  BY_REDIRECT_NEIGHBOUR,
  BY_REDIRECT_PEER,
  BY_ROUTE,
  BY_XDP,
  STEP_NAMES,
} from '../../engine/observer.js';
import type { Place } from './model.js';
import type { TraceNames } from './trace-names.js';

/** How a frame comes from one device (empty for a stack) to the next; a BY_ number of the engine's. */
export function moveText(from: string, to: Device, how: number): string {
  switch (how) {
    case BY_PEER:
      return `${to.kind === 'veth' ? 'veth pair' : 'wire'} ${from} – ${to.name}`;
    case BY_LINK:
      return `over link ${to.segment?.name ?? ''} to ${to.name}`;
    case BY_ROUTE:
      return `routed to ${to.name}`;
    case BY_ENCAPSULATION:
      return `into an outer packet at ${from}, routed to ${to.name}`;
    case BY_DECAPSULATION:
      return `out of the outer packet at ${to.name}`;
    case BY_XDP:
      return `sent by the driver of ${to.name}, past its egress hooks`;
    case BY_REDIRECT_INGRESS:
      return `redirected into the ingress of ${to.name}`;
    case BY_REDIRECT_PEER:
      return `redirected into ${to.name} of ${to.namespace.name}`;
    case BY_REDIRECT_NEIGHBOUR:
    case BY_REDIRECT:
      return `redirected to the egress of ${to.name}`;
    default:
      return `${STEP_NAMES[how]}: to ${to.name}`;
  }
}

/** How a frame ends. */
export function endText(names: TraceNames, fate: number, place: Place, reason: number): string {
  switch (fate) {
    case DELIVERED:
      return `delivered to ${place.pod} on ${place.machine}`;
    case TRANSMITTED:
      return `sent out of ${place.machine}/${place.device}`;
    case CONSUMED:
      return `taken by the stack of ${place.machine}`;
    default:
      return `dropped at ${place.pod ?? place.machine}/${place.device}: ${names.reason(reason)}`;
  }
}

/** `pod1`, `node1`. */
export function placeName({ machine, pod }: Place): string {
  return pod ?? machine;
}
