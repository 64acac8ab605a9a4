/**
 * Session affinity. `cilium_lb_affinity_match` lists which backend (u32) may be remembered for which service (reverse
 * NAT id, network order at 4); its value says nothing. The remembered backends themselves are written by programs.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { Struct, writeEntry } from './entry.js';

export function writeAffinityMatch(map: BpfMap, backendId: number, reverseNatId: number): void {
  writeEntry(map, new Struct(8).u32le(0, backendId).u16(4, reverseNatId), new Struct(1));
}
