/**
 * What sockets were translated from (`cilium_lb4_reverse_sk`, `cilium_lb6_reverse_sk`). Key words: socket cookie (2),
 * backend address (1 or 4), its port (raw). Value words: frontend address (1 or 4), port (raw) | reverse NAT index << 16.
 */

/** Words of the cookie, in front of the address. */
export const KEY_ADDRESS = 2;

/** Of the value word behind the address: the frontend's port, raw. */
export function port(word: number): number {
  return word & 0xffff;
}

/** Of the same word: the service's reverse NAT index, raw. */
export function revNat(word: number): number {
  return word >>> 16;
}
