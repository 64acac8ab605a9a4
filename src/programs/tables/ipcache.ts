/**
 * Identities by address (`cilium_ipcache_v2`), longest prefix. Key words: prefix length, cluster id | family << 24,
 * address (4). Value byte offsets below.
 */
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
