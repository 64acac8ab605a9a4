/**
 * Conntrack entries (`cilium_ct4_global`, `cilium_ct_any4_global` and their IPv6 twins): the value's layout in
 * words from its start. Keys are tuples, see `Flow.tuple`.
 */

/** u64 backend id (service entries), packets, bytes. */
export const BACKEND_ID = 2;
export const PACKETS = 4;
export const BYTES = 6;
/** Up to Cilium 1.15: received packets and bytes, sent packets and bytes; of service entries none. */
export const RX_PACKETS = 0;
export const RX_BYTES = 2;
export const TX_PACKETS = 4;
export const TX_BYTES = 6;
/** Absolute expiry in monotonic seconds. */
export const LIFETIME = 8;
/** Flag bits below, reverse NAT index in the upper half. */
export const FLAGS = 9;
/** TCP flags seen: sent in bits 16..23, received in bits 24..31. */
export const FLAGS_SEEN = 10;
export const SOURCE_IDENTITY = 11;
/** Monotonic seconds of the last report, per direction. */
export const LAST_TX_REPORT = 12;
export const LAST_RX_REPORT = 13;
export const VALUE_WORDS = 14;

export const FLAG_RX_CLOSING = 1 << 0;
export const FLAG_TX_CLOSING = 1 << 1;
export const FLAG_LB_LOOPBACK = 1 << 3;
export const FLAG_SEEN_NON_SYN = 1 << 4;
export const FLAG_NODE_PORT = 1 << 5;
export const FLAG_PROXY_REDIRECT = 1 << 6;
export const FLAG_DSR_INTERNAL = 1 << 7;
export const FLAG_FROM_L7_LB = 1 << 8;
export const FLAG_FROM_TUNNEL = 1 << 10;
export const FLAG_BITS = 0xffff;
export const CLOSING = FLAG_RX_CLOSING | FLAG_TX_CLOSING;

/** Flags byte of a tuple, in bits 8..15 of its last word. */
export const TUPLE_OUT = 0;
export const TUPLE_IN = 1;
export const TUPLE_RELATED = 2;
export const TUPLE_SERVICE = 4;
