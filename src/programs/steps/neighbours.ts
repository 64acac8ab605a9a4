/**
 * MAC addresses of clients (`cilium_nodeport_neigh4`, `cilium_nodeport_neigh6`), remembered from their requests so
 * that XDP can send replies where the kernel's neighbour table is out of reach. Key: address; value: MAC and two
 * zero bytes.
 */
import { BPF_ANY } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { addressAt } from './identity.js';

/** Offset of the MAC of the address at `address[at]` (raw bytes), or -1. */
export function lookupNeighbour(
  program: ProgramInstance,
  family: Family,
  address: Uint8Array,
  at: number,
): number {
  return family.neighbours.lookup(neighbourKey(program, family, address, at), 0);
}

/**
 * Remembers the sender's MAC; written only when it is new. On a device without link header Cilium reads the same
 * place of the frame all the same, so bytes of the IP header are stored.
 */
export function rememberNeighbour(program: ProgramInstance, packet: PacketContext, flow: Flow): void {
  const map = flow.family.neighbours;
  const view = packet.view;
  const macAt = ethernet.sourceAt(packet.start);
  const low = view.getInt32(macAt, true);
  const high = view.getUint16(macAt + ethernet.ADDRESS_LENGTH - 2, true);
  const key = addressAt(program.datapath, flow.family, packet, flow.l3At + flow.family.sourceOffset);
  let at = map.lookup(key, 0);
  if (at >= 0 && map.words[at >> 2] === low && map.words[(at >> 2) + 1] === high) return;
  at = map.insert(key, 0, BPF_ANY);
  if (at < 0) return;
  map.words[at >> 2] = low;
  map.words[(at >> 2) + 1] = high;
}

function neighbourKey(program: ProgramInstance, family: Family, address: Uint8Array, at: number): Int32Array {
  const key = program.datapath.keys.small;
  for (let i = 0; i < family.addressWords; i++) key[i] = i32le(address, at + 4 * i);
  return key;
}
