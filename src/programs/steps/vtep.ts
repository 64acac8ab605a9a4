import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import type { ProgramInstance } from '../instance.js';

/** Value of `cilium_vtep_map`: MAC (8 bytes), endpoint address. */
const MAC = 0;
const ENDPOINT = 8;

/**
 * The external VXLAN endpoint of the address at `addressAt`: offset of its entry, or -1. The frame's destination
 * MAC becomes the endpoint's.
 */
export function findVtep(program: ProgramInstance, packet: PacketContext, addressAt: number): number {
  const map = program.datapath.vtep;
  const key = program.datapath.keys.small;
  key[0] = i32le(packet.bytes, addressAt) & program.features.vtepMask;
  const at = map.lookup(key, 0);
  if (at < 0) return -1;
  const words = map.words;
  const word = at >> 2;
  const hasMac = words[word + (MAC >> 2)] !== 0 || words[word + (MAC >> 2) + 1] !== 0;
  if (!hasMac || words[word + (ENDPOINT >> 2)] === 0) return -1;
  ethernet.putDestination(packet.bytes, packet.start, map.bytes, at + MAC);
  return at;
}

/** Where the entry holds the endpoint's address. */
export function vtepEndpointAt(entryAt: number): number {
  return entryAt + ENDPOINT;
}
