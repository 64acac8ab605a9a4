/** The L3 step and the ways out of a program: FIB redirect, tunnel redirect. */
import {
  AF_INET,
  AF_INET6,
  FIB_DESTINATION,
  FIB_DESTINATION_MAC,
  FIB_FAMILY,
  FIB_IFINDEX,
  FIB_NO_NEIGHBOUR,
  FIB_SOURCE,
  FIB_SOURCE_MAC,
  FIB_SUCCESS,
} from '../../engine/fib.js';
import type { PacketContext } from '../../engine/packet.js';
import { copy, i32le, put32le } from '../../engine/wire/bytes.js';
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

/** Looks the packet's way up from the device it is on; the answer stands in `datapath.fibParams`. */
export function lookupFib(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  return lookupFibFrom(program, packet, flow, packet.bytes, flow.l3At + flow.family.sourceOffset);
}

/** As `lookupFib`, for a packet that is to have the source address at `source[sourceAt]` (raw bytes). */
export function lookupFibFrom(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  source: Uint8Array,
  sourceAt: number,
): number {
  const datapath = program.datapath;
  const params = datapath.fibParams;
  const words = datapath.fibWords;
  words.fill(0);
  const v6 = flow.family.isV6;
  params[FIB_FAMILY] = v6 ? AF_INET6 : AF_INET;
  put32le(params, FIB_IFINDEX, packet.ifindex);
  const length = 4 * flow.family.addressWords;
  copy(params, FIB_SOURCE, source, sourceAt, length);
  copy(params, FIB_DESTINATION, packet.bytes, flow.l3At + flow.family.destinationOffset, length);
  return datapath.fib.lookup(packet, params, 0);
}

/** Interface index that the last FIB lookup answered. */
export function fibIfindex(program: ProgramInstance): number {
  return i32le(program.datapath.fibParams, FIB_IFINDEX);
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
    ethernet.putDestination(packet.bytes, packet.start, params, FIB_DESTINATION_MAC);
    ethernet.putSource(packet.bytes, packet.start, params, FIB_SOURCE_MAC);
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
