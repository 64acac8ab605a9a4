import type { PacketContext } from './packet.js';

/** bpf_fib_lookup results (BPF_FIB_LKUP_RET_*); negative values are errno. */
export const FIB_SUCCESS = 0;
export const FIB_BLACKHOLE = 1;
export const FIB_UNREACHABLE = 2;
export const FIB_PROHIBIT = 3;
export const FIB_NOT_FORWARDED = 4;
export const FIB_FORWARDING_DISABLED = 5;
export const FIB_UNSUPPORTED_LWT = 6;
export const FIB_NO_NEIGHBOUR = 7;
export const FIB_FRAGMENTATION_NEEDED = 8;

/** Byte offsets in `struct bpf_fib_lookup` (linux/bpf.h), 64 bytes. */
export const FIB_FAMILY = 0;
export const FIB_IFINDEX = 8;
export const FIB_SOURCE = 16;
export const FIB_DESTINATION = 32;
export const FIB_SOURCE_MAC = 52;
export const FIB_DESTINATION_MAC = 58;

export const AF_INET = 2;
export const AF_INET6 = 10;

/**
 * Routing and neighbour answers for programs: bpf_fib_lookup. `params` is the 64-byte structure; on
 * FIB_SUCCESS the answer is written into it (ifindex, MACs, gateway over the destination), on
 * FIB_NO_NEIGHBOUR the ifindex and gateway only.
 */
export interface FibLookup {
  lookup(packet: PacketContext, params: Uint8Array, flags: number): number;
}
