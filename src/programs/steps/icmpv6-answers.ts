/** ICMPv6 messages that Cilium answers itself: neighbour solicitations, and packets whose hop limit is used up. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import { copy, put16, standsAt } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as layer4 from '../../engine/wire/layer4.js';
import {
  DROP_INVALID,
  DROP_TTL_EXCEEDED,
  DROP_UNKNOWN_L4,
  DROP_UNKNOWN_TARGET,
  DROP_WRITE_ERROR,
} from '../drop-reasons.js';
import type { ProgramInstance } from '../instance.js';
import * as endpoints from '../tables/endpoints.js';
import { CAPTURE_DELIVERY, DEBUG_ICMP6_HANDLE, DEBUG_ICMP6_NS, DEBUG_ICMP6_TIME_EXCEEDED } from './debug.js';
import { lookupEndpointAt } from './identity.js';
import { debug, debugCapture, drop } from './notify.js';

const SOLICITED_OVERRIDE = icmpv6.ADVERTISEMENT_SOLICITED | icmpv6.ADVERTISEMENT_OVERRIDE;
const ROUTER_SOLICITED = icmpv6.ADVERTISEMENT_ROUTER | icmpv6.ADVERTISEMENT_SOLICITED;

/** Type of an ICMPv6 message right behind the fixed IPv6 header, -1 when it is something else or too short. */
export function plainIcmpv6Type(packet: PacketContext): number {
  const at = packet.start + ethernet.HEADER_LENGTH;
  if (ipv6.nextHeader(packet.bytes, at) !== ipv6.NEXT_ICMPV6) return -1;
  const icmpAt = at + ipv6.HEADER_LENGTH;
  return icmpAt + 1 > packet.end ? -1 : icmpv6.type(packet.bytes, icmpAt);
}

/**
 * Answers a neighbour solicitation for the router or for an endpoint of this node. `dropUnknown`: a target that
 * nobody has is a drop (pods), else left to the stack (host). `direction` is that of drops.
 */
export function answerSolicitation(
  program: ProgramInstance,
  packet: PacketContext,
  direction: number,
  dropUnknown: boolean,
): number {
  const bytes = packet.bytes;
  const at = packet.start + ethernet.HEADER_LENGTH;
  const icmpAt = at + ipv6.HEADER_LENGTH;
  const targetAt = icmpv6.targetAt(icmpAt);
  packet.cb0 = 0;
  packet.cb1 = direction;
  if (program.features.debug) debug(program, packet, DEBUG_ICMP6_HANDLE, icmpv6.NEIGHBOUR_SOLICITATION, 0, 0);
  if (targetAt + ipv6.ADDRESS_LENGTH > packet.end)
    return drop(program, packet, DROP_INVALID, direction, 0, 0, 0, 0);
  if (program.features.debug) {
    const word2 = ipv6.addressWord(bytes, targetAt, 2);
    debug(program, packet, DEBUG_ICMP6_NS, word2, ipv6.addressWord(bytes, targetAt, 3), 0);
  }
  if (standsAt(bytes, targetAt, program.config.routerIpv6)) {
    return advertise(program, packet, direction, ROUTER_SOLICITED);
  }
  const datapath = program.datapath;
  const endpointAt = lookupEndpointAt(datapath, datapath.ipv6, packet, targetAt);
  if (endpointAt < 0) {
    return dropUnknown ? drop(program, packet, DROP_UNKNOWN_TARGET, direction, 0, 0, 0, 0) : TC_ACT_OK;
  }
  const flags = datapath.endpoints.words[(endpointAt + endpoints.FLAGS) >> 2];
  if ((flags & endpoints.FLAG_HOST) !== 0) return TC_ACT_OK;
  return advertise(program, packet, direction, SOLICITED_OVERRIDE);
}

/**
 * Turns the solicitation into the advertisement. The checksum is corrected by what changes, so a wrong one stays
 * wrong by as much.
 */
function advertise(
  program: ProgramInstance,
  packet: PacketContext,
  direction: number,
  flags: number,
): number {
  const bytes = packet.bytes;
  const at = packet.start + ethernet.HEADER_LENGTH;
  const icmpAt = at + ipv6.HEADER_LENGTH;
  const optionAt = icmpv6.neighbourOptionAt(icmpAt);
  if (optionAt + icmpv6.LINK_ADDRESS_OPTION_LENGTH > packet.end) {
    const length = packet.end - packet.start;
    if (!packet.resize(length + icmpv6.LINK_ADDRESS_OPTION_LENGTH)) {
      return drop(program, packet, DROP_INVALID, direction, 0, 0, 0, 0);
    }
    const old = ipv6.payloadLength(bytes, at);
    ipv6.putPayloadLength(bytes, at, old + icmpv6.LINK_ADDRESS_OPTION_LENGTH);
    bytes.fill(0, optionAt, optionAt + icmpv6.LINK_ADDRESS_OPTION_LENGTH);
  }
  const before = sumOfAdvertisement(bytes, icmpAt, ipv6.destinationAt(at));
  icmpv6.putType(bytes, icmpAt, icmpv6.NEIGHBOUR_ADVERTISEMENT);
  icmpv6.putCode(bytes, icmpAt, 0);
  icmpv6.putAdvertisementFlags(bytes, icmpAt, flags);
  icmpv6.writeLinkAddressOption(
    bytes,
    optionAt,
    icmpv6.OPTION_TARGET_LINK_ADDRESS,
    program.config.interfaceMac,
    0,
  );
  // The destination becomes the old source and the source the target: target - old destination in the pseudo-header.
  const after = sumOfAdvertisement(bytes, icmpAt, icmpv6.targetAt(icmpAt));
  copy(bytes, ipv6.destinationAt(at), bytes, ipv6.sourceAt(at), ipv6.ADDRESS_LENGTH);
  copy(bytes, ipv6.sourceAt(at), bytes, icmpv6.targetAt(icmpAt), ipv6.ADDRESS_LENGTH);
  checksum.addDifference(bytes, icmpv6.checksumAt(icmpAt), checksum.differenceOfSums(before, after));
  turnAround(program, packet);
  return sendBack(program, packet);
}

/** Partial sum of what changes: the message with one link-layer address option, and an address. */
function sumOfAdvertisement(bytes: Uint8Array, icmpAt: number, addressAt: number): number {
  const message = icmpv6.NEIGHBOUR_LENGTH + icmpv6.LINK_ADDRESS_OPTION_LENGTH;
  return checksum.sum(bytes, addressAt, ipv6.ADDRESS_LENGTH, checksum.sum(bytes, icmpAt, message, 0));
}

/** Link addresses of an answer: to who sent the frame, from this interface. */
function turnAround(program: ProgramInstance, packet: PacketContext): void {
  const bytes = packet.bytes;
  copy(bytes, ethernet.destinationAt(packet.start), bytes, ethernet.sourceAt(packet.start), 6);
  ethernet.putSource(bytes, packet.start, program.config.interfaceMac, 0);
}

function sendBack(program: ProgramInstance, packet: PacketContext): number {
  if (program.features.debug) debugCapture(program, packet, CAPTURE_DELIVERY, packet.ifindex, 0);
  return packet.redirect(packet.ifindex, 0);
}

/** Time exceeded quotes the fixed header and this much of what is behind it. */
const QUOTED_OTHER = 8;
const QUOTED_TCP = 20;

/**
 * Answers a packet whose hop limit is used up (ICMPv6 time exceeded, never rate limited). Extension headers are
 * not skipped: the fixed header's next header decides what is quoted. XDP does not answer: DROP_TTL_EXCEEDED.
 */
export function answerTimeExceeded(
  program: ProgramInstance,
  packet: PacketContext,
  direction: number,
): number {
  if (program.isXdp) return DROP_TTL_EXCEEDED;
  const bytes = packet.bytes;
  const at = packet.start + ethernet.HEADER_LENGTH;
  packet.cb0 = 0;
  packet.cb1 = direction;
  if (program.features.debug) debug(program, packet, DEBUG_ICMP6_TIME_EXCEEDED, 0, 0, 0);
  const original = ipv6.nextHeader(bytes, at);
  // What is quoted is read with the next header already replaced in the frame, as drop events show.
  const quoted = quotedLength(program, original);
  ipv6.putNextHeader(bytes, at, ipv6.NEXT_ICMPV6);
  if (quoted < 0) return drop(program, packet, DROP_UNKNOWN_L4, direction, 0, 0, 0, 0);
  const l4At = at + ipv6.HEADER_LENGTH;
  if (l4At + quoted > packet.end) return drop(program, packet, DROP_INVALID, direction, 0, 0, 0, 0);
  const sample = ipv6.HEADER_LENGTH + quoted;
  const payload = icmpv6.HEADER_LENGTH + sample;
  const saved = program.datapath.scratch;
  copy(saved, 0, bytes, at, sample);
  ipv6.putNextHeader(saved, 0, original);
  const grow = payload - ipv6.payloadLength(bytes, at);
  if (!packet.resize(packet.end - packet.start + grow)) {
    return drop(program, packet, DROP_WRITE_ERROR, direction, 0, 0, 0, 0);
  }
  // The frame is cut by what its header says; where that is more than it has, the answer finds no room to be stored.
  if (l4At + payload > packet.end) return drop(program, packet, DROP_WRITE_ERROR, direction, 0, 0, 0, 0);
  ipv6.putPayloadLength(bytes, at, payload);
  const icmpAt = l4At;
  icmpv6.putType(bytes, icmpAt, icmpv6.TIME_EXCEEDED);
  icmpv6.putCode(bytes, icmpAt, icmpv6.CODE_HOP_LIMIT_EXCEEDED);
  put16(bytes, icmpv6.checksumAt(icmpAt), 0);
  icmpv6.putRest(bytes, icmpAt, 0);
  copy(bytes, icmpAt + icmpv6.HEADER_LENGTH, saved, 0, sample);
  copy(bytes, ipv6.destinationAt(at), bytes, ipv6.sourceAt(at), ipv6.ADDRESS_LENGTH);
  copy(bytes, ipv6.sourceAt(at), program.config.routerIpv6, 0, ipv6.ADDRESS_LENGTH);
  layer4.fillIpv6(bytes, at, ipv6.NEXT_ICMPV6, icmpAt, payload, icmpv6.checksumAt(icmpAt));
  turnAround(program, packet);
  return sendBack(program, packet);
}

function quotedLength(program: ProgramInstance, protocol: number): number {
  switch (protocol) {
    case ipv6.NEXT_ICMPV6:
    case ipv4.PROTOCOL_UDP:
      return QUOTED_OTHER;
    case ipv4.PROTOCOL_SCTP:
      return program.features.sctp ? QUOTED_OTHER : -1;
    case ipv4.PROTOCOL_TCP:
      return QUOTED_TCP;
    default:
      return -1;
  }
}
