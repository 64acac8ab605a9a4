/**
 * `struct bpf_tunnel_key` (linux/bpf.h): what a packet goes into a tunnel device with, or came out of one with. Byte
 * offsets; IPv4 addresses are in host order, IPv6 ones 16 bytes.
 */
export const ID = 0;
export const REMOTE = 4;
export const TYPE_OF_SERVICE = 20;
export const TTL = 21;
export const LOCAL = 28;

export const SIZE = 44;
/** Length without the local address (TUNNEL_KEY_WITHOUT_SRC_IP). */
export const SIZE_WITHOUT_SOURCE = 28;

/** Flags of setting a key. */
export const FLAG_IPV6 = 1;
export const FLAG_ZERO_CHECKSUM = 2;
