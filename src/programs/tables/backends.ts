/**
 * Backends (`cilium_lb4_backends_v3`, `cilium_lb6_backends_v3`) by u32 id. Value words: address (1 or 4), then the
 * word below, then cluster id | zone << 16.
 */

/** Of the word behind the address: port (raw), protocol, state. */
export function port(word: number): number {
  return word & 0xffff;
}

export const STATE_ACTIVE = 0;
export const STATE_TERMINATING = 1;
export const STATE_QUARANTINED = 2;
export const STATE_MAINTENANCE = 3;

export function state(word: number): number {
  return word >>> 24;
}

/** Of the last word. */
export function clusterId(word: number): number {
  return word & 0xffff;
}

export function zone(word: number): number {
  return (word >> 16) & 0xff;
}
