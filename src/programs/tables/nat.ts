/**
 * SNAT entries (`cilium_snat_v4_external`, `cilium_snat_v6_external` and their per-cluster twins). Keys are tuples
 * as a packet has them: daddr, saddr, destination port | source port << 16, protocol | flags << 8. An entry with
 * flags OUT is found by what is sent before translation, its partner with flags IN by what comes back.
 */

/** Value words: u64 seconds of creation, u64 whether conntrack follows the flow, padding. */
export const CREATED = 0;
export const NEEDS_CONNTRACK = 2;
/** What the source (OUT) or the destination (IN) becomes: address (1 or 4 words), then the port in the lower half. */
export const ADDRESS = 8;

/** Words of a value that holds an address of `addressWords`. */
export function valueWords(addressWords: number): number {
  return addressWords === 1 ? 10 : 14;
}

export { TUPLE_IN, TUPLE_OUT } from './conntrack.js';
