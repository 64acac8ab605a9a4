/**
 * Identities by address (`cilium_ipcache_v2`), longest prefix. Key words: prefix length, cluster id | family << 24,
 * address (4). Value byte offsets below.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

export const SECURITY_IDENTITY = 0;
export const TUNNEL_ENDPOINT = 4;
export const KEY = 22;
export const FLAGS = 23;
export const VALUE_SIZE = 24;

export const FLAG_SKIP_TUNNEL = 1;
export const FLAG_HAS_TUNNEL_ENDPOINT = 2;
export const FLAG_IPV6_TUNNEL_ENDPOINT = 4;

/** Bits of a key that are always compared: cluster id, padding, family. */
export const STATIC_PREFIX = 32;
export const KEY_FAMILY_SHIFT = 24;

export interface RemoteEndpoint {
  readonly identity: number;
  /** Address of the node that the endpoint is on, 4 or 16 bytes; none on this node and outside the cluster. */
  readonly tunnelEndpoint?: Uint8Array | null;
  /** Encryption key index; 0 none. */
  readonly key?: number;
  readonly skipTunnel?: boolean;
}

/** Writes the entry of a prefix: `address` is 4 or 16 bytes, bits behind `prefixLength` are left out. */
export function writeIdentity(
  map: BpfMap,
  address: Uint8Array,
  prefixLength: number,
  endpoint: RemoteEndpoint,
  clusterId = 0,
): void {
  const base = address.map(
    (byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - prefixLength))),
  );
  const key = keyStruct(24)
    .u32le(0, STATIC_PREFIX + prefixLength)
    .u16le(4, clusterId)
    .u8(7, address.length === 4 ? 1 : 2)
    .copy(8, base);
  const tunnel = endpoint.tunnelEndpoint ?? null;
  let flags = endpoint.skipTunnel ? FLAG_SKIP_TUNNEL : 0;
  if (tunnel !== null) flags |= FLAG_HAS_TUNNEL_ENDPOINT;
  if (tunnel?.length === 16) flags |= FLAG_IPV6_TUNNEL_ENDPOINT;
  const value = valueStruct(VALUE_SIZE)
    .u32le(SECURITY_IDENTITY, endpoint.identity)
    .copy(TUNNEL_ENDPOINT, tunnel ?? new Uint8Array(0))
    .u8(KEY, endpoint.key ?? 0)
    .u8(FLAGS, flags);
  writeEntry(map, key, value);
}
