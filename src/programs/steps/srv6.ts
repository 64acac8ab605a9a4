/** SRv6: which packets go into a VPN's segment, and the outer header that takes them there. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import { copy, i32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { DEFAULT_HOP_LIMIT, EGRESS } from '../constants.js';
import { DROP_INVALID, DROP_WRITE_ERROR } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { drop, FROM_NETWORK, REASON_SRV6_DECAP, REASON_SRV6_ENCAP, TO_STACK, trace } from './notify.js';
import { RECIRCULATE_IPV4, RECIRCULATE_IPV6 } from './outcome.js';

const ROUTING_TYPE_SEGMENT = 4;
const SEGMENT_HEADER_LENGTH = 24;
/** Bits of a VRF key that are always compared (the source address), per family; and of a full key. */
const VRF_PREFIX_V4 = 64;
const VRF_PREFIX_V6 = 256;
const POLICY_PREFIX_V4 = 64;
const POLICY_PREFIX_V6 = 160;

/** VRF of (source, destination) as the packet has them now; 0 for none. */
export function lookupVrf(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const map = flow.family.srv6Vrf;
  const key = datapath.keys.lpm;
  const n = flow.family.addressWords;
  key[0] = flow.family.isV6 ? VRF_PREFIX_V6 : VRF_PREFIX_V4;
  const source = flow.l3At + flow.family.sourceOffset;
  const destination = flow.l3At + flow.family.destinationOffset;
  for (let i = 0; i < n; i++) {
    key[1 + i] = i32le(packet.bytes, source + 4 * i);
    key[1 + n + i] = i32le(packet.bytes, destination + 4 * i);
  }
  const at = map.lookup(key, 0);
  return at < 0 ? 0 : map.words[at >> 2];
}

/** Offset of the segment id for (VRF, destination) in the family's policy map, or -1. */
export function lookupSegment(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  vrf: number,
): number {
  if (vrf === 0) return -1;
  const key = program.datapath.keys.lpm;
  key[0] = flow.family.isV6 ? POLICY_PREFIX_V6 : POLICY_PREFIX_V4;
  key[1] = vrf;
  const destination = flow.l3At + flow.family.destinationOffset;
  for (let i = 0; i < flow.family.addressWords; i++) key[2 + i] = i32le(packet.bytes, destination + 4 * i);
  return flow.family.srv6Policy.lookup(key, 0);
}

/** Offset of the segment id that the packet is to be sent to, or -1. */
export function lookupSrv6(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  return lookupSegment(program, packet, flow, lookupVrf(program, packet, flow));
}

/** Puts the packet into an outer IPv6 header to the segment and leaves it to the stack. Verdict or drop reason. */
export function encapsulateSrv6(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  segmentAt: number,
  label: number,
): number {
  const segments = flow.family.srv6Policy.bytes;
  packet.cb0 = i32le(segments, segmentAt);
  packet.cb1 = i32le(segments, segmentAt + 4);
  packet.cb2 = i32le(segments, segmentAt + 8);
  packet.cb3 = i32le(segments, segmentAt + 12);
  const withHeader = program.features.srv6RoutingHeader;
  const bytes = packet.bytes;
  const inner = flow.family.isV6 ? ipv6.NEXT_IPV6 : ipv4.PROTOCOL_IPIP;
  // The IPv4 length leaves options out twice over, so it is right for headers without options only.
  let payload = flow.family.isV6
    ? ipv6.payloadLength(bytes, flow.l3At) + ipv6.HEADER_LENGTH
    : ipv4.totalLength(bytes, flow.l3At) - ipv4.headerLength(bytes, flow.l3At) + ipv4.HEADER_LENGTH;
  const growth = ipv6.HEADER_LENGTH + (withHeader ? SEGMENT_HEADER_LENGTH : 0);
  if (withHeader) payload += SEGMENT_HEADER_LENGTH;
  if (!packet.insertAt(ethernet.HEADER_LENGTH, growth)) return DROP_WRITE_ERROR;
  ethernet.putType(bytes, packet.start, ethernet.TYPE_IPV6);
  packet.protocol = ethernet.TYPE_IPV6;
  const at = packet.start + ethernet.HEADER_LENGTH;
  // The lower two bytes of the flow label are the upper half of the packet's hash.
  ipv6.putTrafficClassAndFlowLabel(bytes, at, 0, ((packet.hash >> 8) & 0xff00) | (packet.hash >>> 24));
  ipv6.putPayloadLength(bytes, at, payload);
  ipv6.putNextHeader(bytes, at, withHeader ? ipv6.NEXT_ROUTING : inner);
  ipv6.putHopLimit(bytes, at, DEFAULT_HOP_LIMIT);
  copy(bytes, ipv6.sourceAt(at), program.config.routerIpv6, 0, ipv6.ADDRESS_LENGTH);
  copy(bytes, ipv6.destinationAt(at), segments, segmentAt, ipv6.ADDRESS_LENGTH);
  if (withHeader) writeSegmentHeader(bytes, at + ipv6.HEADER_LENGTH, inner, segments, segmentAt);
  trace(program, packet, TO_STACK, label, 0, 0, 0, REASON_SRV6_ENCAP, 0, null);
  return TC_ACT_OK;
}

/** Routing header of one segment (RFC 8754 section 2): nothing left, no flags, no tag. */
function writeSegmentHeader(
  bytes: Uint8Array,
  at: number,
  next: number,
  segments: Uint8Array,
  segmentAt: number,
): void {
  ipv6.putExtensionNextHeader(bytes, at, next);
  ipv6.putExtensionLengthField(bytes, at, (SEGMENT_HEADER_LENGTH - 8) >> 3);
  bytes.fill(0, at + 2, at + 8);
  ipv6.putRoutingType(bytes, at, ROUTING_TYPE_SEGMENT);
  copy(bytes, at + 8, segments, segmentAt, ipv6.ADDRESS_LENGTH);
}

/** The IPv6 packet ends its way through a segment at this node: an enclosed packet for a VRF that is here. */
export function isForSegment(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const datapath = program.datapath;
  const next = ipv6.nextHeader(packet.bytes, flow.l3At);
  if (next !== ipv4.PROTOCOL_IPIP && next !== ipv6.NEXT_IPV6) {
    if (next !== ipv6.NEXT_ROUTING || !program.features.srv6RoutingHeader) return false;
  }
  const key = datapath.keys.small;
  for (let i = 0; i < 4; i++) key[i] = ipv6.destinationWord(packet.bytes, flow.l3At, i);
  const at = datapath.srv6Segments.lookup(key, 0);
  return at >= 0 && datapath.srv6Segments.words[at >> 2] !== 0;
}

/**
 * Takes the outer headers off a packet for a segment of this node. Answers RECIRCULATE_* for the packet within (its
 * sender is nobody), or the drop's verdict. The length that a routing header gives is not looked at.
 */
export function decapsulateSrv6(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const label = program.config.securityLabel;
  const inner = removeOuterHeaders(packet, flow);
  if (inner < 0) return drop(program, packet, inner, EGRESS, label, 0, 0, 0);
  packet.clearControlBlock();
  trace(program, packet, FROM_NETWORK, label, 0, 0, 0, REASON_SRV6_DECAP, 0, null);
  return inner;
}

function removeOuterHeaders(packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  let next = ipv6.nextHeader(bytes, flow.l3At);
  let length = ipv6.HEADER_LENGTH;
  if (next === ipv6.NEXT_ROUTING) {
    const at = flow.l3At + ipv6.HEADER_LENGTH;
    if (at + SEGMENT_HEADER_LENGTH > packet.end) return DROP_INVALID;
    if (ipv6.routingType(bytes, at) !== ROUTING_TYPE_SEGMENT) return DROP_INVALID;
    next = ipv6.extensionNextHeader(bytes, at);
    length += SEGMENT_HEADER_LENGTH;
  }
  const isIpv4 = next === ipv4.PROTOCOL_IPIP;
  if (!isIpv4 && next !== ipv6.NEXT_IPV6) return DROP_INVALID;
  const offset = flow.l3At - packet.start;
  const innerLength = packet.end - flow.l3At - length;
  if (!isIpv4) {
    // The kernel takes nothing off that would leave less than a header of the family.
    if (innerLength < ipv6.HEADER_LENGTH) length -= ipv6.HEADER_LENGTH;
    if (length > 0 && !packet.removeAt(offset, length)) return DROP_WRITE_ERROR;
    return innerLength < ipv6.HEADER_LENGTH ? DROP_INVALID : RECIRCULATE_IPV6;
  }
  // The outer header first becomes as long as one of IPv4, then goes.
  if (innerLength < ipv4.HEADER_LENGTH) length -= ipv4.HEADER_LENGTH;
  if (!packet.removeAt(offset, length)) return DROP_WRITE_ERROR;
  if (packet.layer3Device === 0) ethernet.putType(bytes, packet.start, ethernet.TYPE_IPV4);
  packet.protocol = ethernet.TYPE_IPV4;
  return innerLength < ipv4.HEADER_LENGTH ? DROP_INVALID : RECIRCULATE_IPV4;
}
