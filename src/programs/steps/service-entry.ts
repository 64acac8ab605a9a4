/** What a service's entry says. */
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
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

/** Offset of a backend in its map, or -1. */
export function lookupBackend(program: ProgramInstance, family: Family, id: number): number {
  const key = program.datapath.keys.small;
  key[0] = id;
  return family.backends.lookup(key, 0);
}

/**
 * The agent lets the backend pods of a local redirect reach what they redirect: whether this goes for a network
 * namespace (by its cookie's words) and the frontend at `address[at]` and `port` (raw).
 */
export function isRedirectSkipped(
  program: ProgramInstance,
  family: Family,
  cookieLow: number,
  cookieHigh: number,
  address: Int32Array,
  at: number,
  port: number,
): boolean {
  const key = program.datapath.keys.skip;
  const n = family.addressWords;
  key[0] = cookieLow;
  key[1] = cookieHigh;
  for (let i = 0; i < n; i++) key[2 + i] = address[at + i];
  if (n === 1) {
    key[3] = port;
  } else {
    key[6] = 0;
    key[7] = port;
  }
  return family.skipLoadBalancer.lookup(key, 0) >= 0;
}
