/**
 * Frontends by reverse NAT id (`cilium_lb4_reverse_nat`, `cilium_lb6_reverse_nat`): key is the id in network order,
 * value the address and the port (network order) that replies get back as their source.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

/** `port` 0 leaves the reply's port alone. */
export function writeReverseNat(map: BpfMap, id: number, address: Uint8Array, port: number): void {
  const value = valueStruct(map.spec.valueSize).copy(0, address).u16(address.length, port);
  writeEntry(map, keyStruct(2).u16(0, id), value);
}
