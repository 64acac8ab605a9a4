import { i32le } from '../../engine/wire/bytes.js';
import type { Family } from '../family.js';
import type { ProgramInstance } from '../instance.js';
import * as nodes from '../tables/nodes.js';

/** Offset in `cilium_node_map_v2` of the node with the address at `address[at]` (raw bytes), or -1. */
export function lookupNode(
  program: ProgramInstance,
  family: Family,
  address: Uint8Array,
  at: number,
): number {
  const key = program.datapath.keys.node;
  key.fill(0);
  key[0] = family.keyFamily << nodes.KEY_FAMILY_SHIFT;
  for (let i = 0; i < family.addressWords; i++) key[1 + i] = i32le(address, at + 4 * i);
  return program.datapath.nodes.lookup(key, 0);
}

/** The id of a node by its entry's offset, 0 for none. */
export function nodeId(program: ProgramInstance, nodeAt: number): number {
  return nodeAt < 0 ? 0 : nodes.id(program.datapath.nodes.words[nodeAt >> 2]);
}
