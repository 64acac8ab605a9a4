/**
 * Sets of prefixes whose one-byte value says nothing: ip-masq-agent's (`cilium_ipmasq_v4`, `_v6`) and the prefilter's
 * (`cilium_cidr_v4_dyn`, `_v6_dyn`). Key: prefix length, address.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

export function writePrefix(map: BpfMap, address: Uint8Array, prefixLength: number): void {
  writeEntry(
    map,
    keyStruct(map.spec.keySize).u32le(0, prefixLength).copy(4, address),
    valueStruct(map.spec.valueSize),
  );
}
