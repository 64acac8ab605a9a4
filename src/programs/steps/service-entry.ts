/** What a service's entry says. */
import type { Flow } from '../flow.js';
import * as services from '../tables/services.js';

/** Reverse NAT index (raw) of a service. */
export function serviceRevNat(flow: Flow, serviceAt: number): number {
  return flow.family.services.words[(serviceAt >> 2) + services.COUNT_AND_REV_NAT] >>> 16;
}

export function serviceFlags(flow: Flow, serviceAt: number): number {
  return flow.family.services.words[(serviceAt >> 2) + services.FLAGS] & services.FLAG_BITS;
}

/** A service whose packets an L7 proxy takes where their backend is. */
export function isL7Delegate(flags: number): boolean {
  return (
    (flags & (services.LOOPBACK_OR_L7_DELEGATE | services.HOSTPORT)) === services.LOOPBACK_OR_L7_DELEGATE
  );
}
