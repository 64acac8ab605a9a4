/**
 * Session affinity. What is remembered (`cilium_lb4_affinity`, `cilium_lb6_affinity`): key words are the client's
 * address (1 or 4) or the cookie of its network namespace (2), and at a word of its own the reverse NAT index with the
 * bit that says which; the value's words are below. `cilium_lb_affinity_match` lists which backend (u32) may be remembered for which service (reverse
 * NAT id, network order at 4); its value says nothing. The remembered backends themselves are written by programs.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

/** Word of the key that holds the reverse NAT index (raw), and its bit for a client known by its namespace. */
export const KEY_REV_NAT_V4 = 2;
export const KEY_REV_NAT_V6 = 4;
export const KEY_BY_NAMESPACE = 1 << 16;

/** Words of the value: u64 last use in seconds, backend id. */
export const LAST_USED = 0;
export const BACKEND = 2;

export function writeAffinityMatch(map: BpfMap, backendId: number, reverseNatId: number): void {
  writeEntry(map, keyStruct(8).u32le(0, backendId).u16(4, reverseNatId), valueStruct(1));
}
