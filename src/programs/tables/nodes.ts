/**
 * Nodes of the cluster (`cilium_node_map_v2`). Key words: family in the highest byte, address (4). The value is one
 * word, read by the functions below.
 */
export const KEY_FAMILY_SHIFT = 24;

/** The node's id, 0 for none. */
export function id(word: number): number {
  return word & 0xffff;
}

/** IPsec SPI that the node uses. */
export function spi(word: number): number {
  return (word >> 16) & 0xff;
}
