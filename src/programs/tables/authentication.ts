/**
 * Mutual authentication (`cilium_auth_map`). Key: local and remote identity, id of the remote's node (0 for this one)
 * and type; the same 12 bytes are the body of the signal that asks for an entry. Value: until when it holds, in units
 * of 512 ns since what `cilium_runtime_config` takes the clock from.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';
import { writeU64 } from './u64.js';

const KEY_SIZE = 12;
const UNIT_NS = 512;

/** Authentication types of policy entries. */
export const TYPE_SPIRE = 1;
export const TYPE_ALWAYS_FAIL = 127;

/** Where a key holds the type. */
const TYPE_AT = 10;

export function typeOf(bytes: Uint8Array, keyAt: number): number {
  return bytes[keyAt + TYPE_AT];
}

/** The parties of the key at `bytes[keyAt]` are authenticated until `untilNs` of the node's clock. */
export function writeAuthentication(map: BpfMap, bytes: Uint8Array, keyAt: number, untilNs: number): void {
  const value = valueStruct(8);
  writeU64(value.words, 0, Math.floor(untilNs / UNIT_NS));
  writeEntry(map, keyStruct(KEY_SIZE).copy(0, bytes.subarray(keyAt, keyAt + KEY_SIZE)), value);
}
