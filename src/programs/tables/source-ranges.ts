/**
 * Client prefixes that a service is open to (`cilium_lb4_source_range`, `cilium_lb6_source_range`): prefix length
 * (32 bits always compared, then those of the address), reverse NAT id in network order at 4, address at 8.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

const STATIC_PREFIX = 32;

export function writeSourceRange(
  map: BpfMap,
  reverseNatId: number,
  address: Uint8Array,
  prefixLength: number,
): void {
  const key = keyStruct(map.spec.keySize)
    .u32le(0, STATIC_PREFIX + prefixLength)
    .u16(4, reverseNatId)
    .copy(8, address);
  writeEntry(map, key, valueStruct(1));
}
