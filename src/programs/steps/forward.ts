/** The L3 step and the ways out of a program: FIB redirect, tunnel redirect. */
import {
  AF_INET,
  AF_INET6,
  FIB_DESTINATION,
  FIB_FAMILY,
  FIB_IFINDEX,
  FIB_NO_NEIGHBOUR,
  FIB_SOURCE,
  FIB_SOURCE_MAC,
  FIB_SUCCESS,
} from '../../engine/fib.js';
import type { PacketContext } from '../../engine/packet.js';
import { copy, put32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { DROP_NO_FIB, DROP_TTL_EXCEEDED } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

/** What `decrementTtl` answers for an IPv6 packet whose hop limit is used up: it is to be answered, not dropped. */
export const HOP_LIMIT_EXCEEDED = -1;

/** IPv4: TTL - 1, or DROP_TTL_EXCEEDED. IPv6: hop limit - 1, or HOP_LIMIT_EXCEEDED. */
export function decrementTtl(packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const at = flow.l3At;
  if (flow.family.isV6) {
    const limit = ipv6.hopLimit(bytes, at);
    if (limit <= 1) return HOP_LIMIT_EXCEEDED;
    ipv6.putHopLimit(bytes, at, limit - 1);
    return 0;
  }
  if (ipv4.timeToLive(bytes, at) <= 1) return DROP_TTL_EXCEEDED;
  ipv4.decrementTimeToLive(bytes, at);
  return 0;
}

/** Words of `struct bpf_fib_lookup` that a question fills. */
const FAMILY_WORD = FIB_FAMILY >> 2;
const IFINDEX_WORD = FIB_IFINDEX >> 2;
const SOURCE_WORD = FIB_SOURCE >> 2;
const DESTINATION_WORD = FIB_DESTINATION >> 2;
const MAC_WORD = (FIB_SOURCE_MAC - 4) >> 2;

/** Looks the packet's way up from the device it is on; the answer stands in `datapath.fibParams`. */
export function lookupFib(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const words = datapath.fibWords;
  const view = packet.view;
  const source = flow.l3At + flow.family.sourceOffset;
  const destination = flow.l3At + flow.family.destinationOffset;
  // Every word is written: `fill` would be a call out of the optimised code, 30 ns.
  words[FAMILY_WORD] = flow.family.isV6 ? AF_INET6 : AF_INET;
  words[FAMILY_WORD + 1] = 0;
  words[IFINDEX_WORD] = packet.ifindex;
  words[IFINDEX_WORD + 1] = 0;
  words[SOURCE_WORD] = view.getInt32(source, true);
  words[DESTINATION_WORD] = view.getInt32(destination, true);
  for (let i = 1; i < 4; i++) {
    words[SOURCE_WORD + i] = flow.family.isV6 ? view.getInt32(source + 4 * i, true) : 0;
    words[DESTINATION_WORD + i] = flow.family.isV6 ? view.getInt32(destination + 4 * i, true) : 0;
  }
  for (let i = 0; i < 4; i++) words[MAC_WORD + i] = 0;
  return datapath.fib.lookup(packet, datapath.fibParams, 0);
}

/** Interface index that the last FIB lookup answered. */
export function fibIfindex(program: ProgramInstance): number {
  return program.datapath.fibWords[IFINDEX_WORD];
}

/** struct bpf_redir_neigh: u32 family, then the next hop's address in 16 bytes. */
const neighbour = new Uint8Array(20);

/**
 * Redirects by what a FIB lookup answered (`result`): out of the device with the answer's MACs, or through the
 * neighbour table. Answers the verdict, or DROP_NO_FIB (extended error: the result).
 */
export function redirectByFib(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  result: number,
): number {
  const params = program.datapath.fibParams;
  if (result === FIB_SUCCESS) {
    // The answer's MACs stand back to back, source first, in the structure's last three words.
    const words = program.datapath.fibWords;
    const middle = words[MAC_WORD + 2];
    const last = words[MAC_WORD + 3];
    ethernet.putAddresses(
      packet.view,
      packet.start,
      (middle >>> 16) | (last << 16),
      last >>> 16,
      words[MAC_WORD + 1],
      middle,
    );
    return packet.redirect(fibIfindex(program), 0);
  }
  if (result === FIB_NO_NEIGHBOUR) {
    put32le(neighbour, 0, params[FIB_FAMILY]);
    copy(neighbour, 4, params, FIB_DESTINATION, 16);
    return packet.redirectNeigh(fibIfindex(program), neighbour, 0, 0);
  }
  flow.extendedError = result;
  return DROP_NO_FIB;
}
