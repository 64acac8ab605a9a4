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
import { XDP_REDIRECT, XDP_TX } from '../../engine/hooks/verdict.js';
import { addLinkHeader } from '../../engine/link-header.js';
import type { PacketContext } from '../../engine/packet.js';
import { copy, put32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { EGRESS } from '../constants.js';
import { DROP_NO_FIB, DROP_TTL_EXCEEDED, DROP_WRITE_ERROR } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { addressAt } from './identity.js';
import { lookupNeighbour } from './neighbours.js';

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
  const source = addressAt(program.datapath, flow.family, packet, flow.l3At + flow.family.sourceOffset);
  return lookupFibFrom(program, packet, flow, source, 0);
}

/** As `lookupFib`, for a packet that is to have the source address at `source[sourceAt]` (raw words). */
export function lookupFibFrom(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  source: Int32Array,
  sourceAt: number,
): number {
  const datapath = program.datapath;
  const words = datapath.fibWords;
  const view = packet.view;
  const isV6 = flow.family.isV6;
  const destination = flow.l3At + flow.family.destinationOffset;
  // The last answer had an IPv6 gateway.
  if (words[FAMILY_WORD] === AF_INET6) datapath.fibHasIpv6 = true;
  words[FAMILY_WORD] = isV6 ? AF_INET6 : AF_INET;
  words[FAMILY_WORD + 1] = 0;
  words[IFINDEX_WORD] = packet.ifindex;
  words[IFINDEX_WORD + 1] = 0;
  words[SOURCE_WORD] = source[sourceAt];
  words[DESTINATION_WORD] = view.getInt32(destination, true);
  if (isV6) {
    for (let i = 1; i < 4; i++) {
      words[SOURCE_WORD + i] = source[sourceAt + i];
      words[DESTINATION_WORD + i] = view.getInt32(destination + 4 * i, true);
    }
    datapath.fibHasIpv6 = true;
  } else if (datapath.fibHasIpv6) {
    words.fill(0, SOURCE_WORD + 1, SOURCE_WORD + 4);
    words.fill(0, DESTINATION_WORD + 1, DESTINATION_WORD + 4);
    datapath.fibHasIpv6 = false;
  }
  words[MAC_WORD] = 0;
  words[MAC_WORD + 1] = 0;
  words[MAC_WORD + 2] = 0;
  words[MAC_WORD + 3] = 0;
  return datapath.fib.lookup(packet, datapath.fibParams, 0);
}

/** Interface index that the last FIB lookup answered. */
export function fibIfindex(program: ProgramInstance): number {
  return program.datapath.fibWords[IFINDEX_WORD];
}

/** Redirects out of a device by the hook's own code; XDP transmits to the device that the packet came from. */
function redirectOut(program: ProgramInstance, packet: PacketContext, ifindex: number): number {
  const verdict = packet.redirect(ifindex, 0);
  if (!program.isXdp) return verdict;
  return ifindex === packet.ifindex ? XDP_TX : XDP_REDIRECT;
}

/** Sends the packet back out of the device that it is on; XDP transmits without asking for a redirect. */
export function sendBack(program: ProgramInstance, packet: PacketContext): number {
  return program.isXdp ? XDP_TX : packet.redirect(packet.ifindex, 0);
}

/** struct bpf_redir_neigh: u32 family, then the next hop's address in 16 bytes. */
const neighbour = new Uint8Array(20);

/** Extended error of a DROP_NO_FIB because the next hop's MAC is not known. */
const NO_NEIGHBOUR_KNOWN = 100;

/**
 * Redirects by what a FIB lookup answered (`result`): out of the device with the answer's MACs, or through the
 * neighbour table. XDP has none: it takes the MAC that the neighbour map remembers, where `neighbourMap` allows it.
 * Answers the verdict, or DROP_NO_FIB (extended error: the result).
 */
export function redirectByFib(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  result: number,
  neighbourMap = false,
): number {
  const datapath = program.datapath;
  const params = datapath.fibParams;
  if (result !== FIB_SUCCESS && result !== FIB_NO_NEIGHBOUR) {
    flow.extendedError = result;
    return DROP_NO_FIB;
  }
  if (packet.layer3Device !== 0 && !addLinkHeader(packet)) return DROP_WRITE_ERROR;
  const ifindex = fibIfindex(program);
  if (result === FIB_SUCCESS) {
    // The answer's MACs stand back to back, source first, in the structure's last three words.
    const words = datapath.fibWords;
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
    return redirectOut(program, packet, ifindex);
  }
  if (!program.isXdp) {
    put32le(neighbour, 0, params[FIB_FAMILY]);
    copy(neighbour, 4, params, FIB_DESTINATION, 16);
    return packet.redirectNeigh(ifindex, neighbour, 0, 0);
  }
  const family = params[FIB_FAMILY] === AF_INET6 ? datapath.ipv6 : datapath.ipv4;
  const at = neighbourMap ? lookupNeighbour(program, family, params, FIB_DESTINATION) : -1;
  if (at < 0) {
    flow.extendedError = NO_NEIGHBOUR_KNOWN;
    return DROP_NO_FIB;
  }
  ethernet.putDestination(packet.bytes, packet.start, family.neighbours.bytes, at);
  ethernet.putSource(packet.bytes, packet.start, datapath.constants.nativeDeviceMac(ifindex), 0);
  return redirectOut(program, packet, ifindex);
}

/**
 * The FIB step: one lookup by the packet's addresses as they are now, then the redirect. Without FIB lookups the
 * packet leaves by the direct routing device through its neighbour table.
 */
export function forwardByFib(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  neighbourMap: boolean,
): number {
  if (program.features.skipFib && !program.isXdp) {
    return packet.redirectNeigh(program.datapath.constants.directRoutingIfindex, null, 0, 0);
  }
  return redirectByFib(program, packet, flow, lookupFib(program, packet, flow), neighbourMap);
}

/** As `forwardByFib`, lowering TTL or hop limit once the FIB has a way; a used-up hop limit is answered. */
export function forwardLowering(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  neighbourMap: boolean,
): number {
  const skipFib = program.features.skipFib && !program.isXdp;
  const result = skipFib ? FIB_SUCCESS : lookupFib(program, packet, flow);
  if (result === FIB_SUCCESS || result === FIB_NO_NEIGHBOUR) {
    const error = decrementTtl(packet, flow);
    if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
    if (error < 0) return error;
  }
  if (skipFib) return packet.redirectNeigh(program.datapath.constants.directRoutingIfindex, null, 0, 0);
  return redirectByFib(program, packet, flow, result, neighbourMap);
}
