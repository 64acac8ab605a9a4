/**
 * Local endpoints (`cilium_lxc`): key words are the address (4), then family | cluster id << 16. Value byte
 * offsets below.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, type Struct, valueStruct, writeEntry } from './entry.js';

export const IFINDEX = 0;
export const LXC_ID = 6;
export const FLAGS = 8;
export const MAC = 16;
export const NODE_MAC = 24;
export const SECURITY_ID = 32;
export const PARENT_IFINDEX = 36;
export const VALUE_SIZE = 48;

export const KEY_WORDS = 5;
/** Word of the key that holds family and cluster id. */
export const KEY_FAMILY_WORD = 4;
export const FAMILY_IPV4 = 1;

/** Bits of FLAGS: the node's own address; an endpoint in the host's namespace. */
export const FLAG_HOST = 1;
export const FLAG_AT_HOST_NAMESPACE = 2;

export interface Endpoint {
  readonly ifindex: number;
  readonly id: number;
  readonly identity: number;
  /** The pod's MAC and that of the device on the host's side, 6 bytes. */
  readonly mac: Uint8Array;
  readonly nodeMac: Uint8Array;
  readonly flags?: number;
  readonly parentIfindex?: number;
}

/** Writes the entry of an address of 4 or 16 bytes. */
export function writeEndpoint(map: BpfMap, address: Uint8Array, endpoint: Endpoint): void {
  const value = valueStruct(VALUE_SIZE)
    .u32le(IFINDEX, endpoint.ifindex)
    .u16le(LXC_ID, endpoint.id)
    .u32le(FLAGS, endpoint.flags ?? 0)
    .copy(MAC, endpoint.mac)
    .copy(NODE_MAC, endpoint.nodeMac)
    .u32le(SECURITY_ID, endpoint.identity)
    .u32le(PARENT_IFINDEX, endpoint.parentIfindex ?? 0);
  writeEntry(map, endpointKey(address), value);
}

/** Marks one of the node's own addresses. */
export function writeHostAddress(map: BpfMap, address: Uint8Array): void {
  writeEntry(map, endpointKey(address), valueStruct(VALUE_SIZE).u32le(FLAGS, FLAG_HOST));
}

function endpointKey(address: Uint8Array): Struct {
  return keyStruct(20)
    .copy(0, address)
    .u8(16, address.length === 4 ? 1 : 2);
}
