/**
 * Egress gateway policies (`cilium_egress_gw_policy_v4`, `..._v6`), longest prefix of (pod, destination). Key words:
 * prefix length, pod's address (1 or 4), destination (1 or 4). Value: the egress address (1 or 4 words), then the
 * gateway node's IPv4 address.
 */
import type { Prefix } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

/** Prefix lengths of a full key. */
export const FULL_PREFIX_V4 = 64;
export const FULL_PREFIX_V6 = 256;

/** Gateway addresses (raw words) that are none: 0.0.0.0, and 0.0.0.1 for a destination that the policy excludes. */
export const NO_GATEWAY = 0;
export const EXCLUDED = 0x01000000;

/** As bytes: the gateway of a destination that the policy excludes. */
export const EXCLUDED_GATEWAY = Uint8Array.of(0, 0, 0, 1);

/** Writes the policy of one pod for a destination; the gateway's address is always an IPv4 one. */
export function writeEgressPolicy(
  map: BpfMap,
  source: Uint8Array,
  destination: Prefix,
  egressAddress: Uint8Array,
  gatewayAddress: Uint8Array,
): void {
  const length = source.length;
  const key = keyStruct(map.spec.keySize)
    .u32le(0, 8 * length + destination.length)
    .copy(4, source)
    .copy(4 + length, destination.address);
  const value = valueStruct(map.spec.valueSize).copy(0, egressAddress).copy(length, gatewayAddress);
  writeEntry(map, key, value);
}
