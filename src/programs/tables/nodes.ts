/**
 * Nodes of the cluster (`cilium_node_map_v2`). Key words: family in the highest byte, address (4). The value is one
 * word, read by the functions below.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

export const KEY_FAMILY_SHIFT = 24;

/** The node's id, 0 for none. */
export function id(word: number): number {
  return word & 0xffff;
}

/** IPsec SPI that the node uses. */
export function spi(word: number): number {
  return (word >> 16) & 0xff;
}

/** Writes the entry of one of a node's addresses, 4 or 16 bytes. */
export function writeNode(map: BpfMap, address: Uint8Array, nodeId: number, nodeSpi: number): void {
  const key = keyStruct(map.spec.keySize)
    .u8(3, address.length === 4 ? 1 : 2)
    .copy(4, address);
  writeEntry(map, key, valueStruct(4).u16le(0, nodeId).u8(2, nodeSpi));
}
