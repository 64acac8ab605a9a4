/** Finding the headers of a packet: Ethernet type, IP header, IPv6 extension headers, L4 offset, fragment state. */
import type { PacketContext } from '../../engine/packet.js';
import { u16le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import type { Datapath } from '../datapath.js';
import {
  DROP_FRAG_NOSUPPORT,
  DROP_INVALID,
  DROP_INVALID_EXTHDR,
  DROP_UNSUPPORTED_L2,
} from '../drop-reasons.js';
import type { Flow } from '../flow.js';

/** Answers of `ipVersion`. */
export const IP_NONE = 0;
const IP_V4 = 4;
export const IP_V6 = 6;

/** IPv6 headers looked at before giving up; the last must be the L4 header. */
const MAXIMUM_HEADERS = 4;

/**
 * The frame's EtherType, or DROP_UNSUPPORTED_L2 for a frame that is not Ethernet II. Cilium compares the type in
 * host order with 0x600, so on little-endian machines only 0x0000, 0x0100 … 0x0500 are refused as lengths.
 */
export function etherType(packet: PacketContext): number {
  if (packet.layer3Device !== 0) return packet.protocol;
  if (!ethernet.fits(packet.start, packet.end)) return DROP_UNSUPPORTED_L2;
  if (u16le(packet.bytes, packet.start + ethernet.TYPE_OFFSET) < 6) return DROP_UNSUPPORTED_L2;
  return ethernet.type(packet.bytes, packet.start);
}

/** Offset of the IP header. */
export function l3Offset(packet: PacketContext): number {
  return packet.layer3Device !== 0 ? packet.start : packet.start + ethernet.HEADER_LENGTH;
}

/**
 * Reads the IPv4 header: where L4 starts, protocol, fragment state. Nothing of the header is validated but that
 * its fixed part is in the frame. 0 or DROP_INVALID. Void after the frame moves.
 */
export function readIpv4(datapath: Datapath, packet: PacketContext, flow: Flow): number {
  return readIpv4At(datapath, packet, flow, l3Offset(packet));
}

/** As `readIpv4`, for a header that stands elsewhere: inside a tunnel. */
export function readIpv4At(datapath: Datapath, packet: PacketContext, flow: Flow, at: number): number {
  if (!ipv4.fits(at, packet.end)) return DROP_INVALID;
  const bytes = packet.bytes;
  flow.family = datapath.ipv4;
  flow.l3At = at;
  flow.l4At = at + ipv4.headerLength(bytes, at);
  flow.protocol = ipv4.protocol(bytes, at);
  const fragment = ipv4.fragmentField(bytes, at);
  flow.isFragment = (fragment & (ipv4.MORE_FRAGMENTS | ipv4.FRAGMENT_OFFSET_MASK)) !== 0;
  flow.isLaterFragment = (fragment & ipv4.FRAGMENT_OFFSET_MASK) !== 0;
  return 0;
}

/** Reads the fixed IPv6 header only. 0 or DROP_INVALID. */
export function readIpv6(datapath: Datapath, packet: PacketContext, flow: Flow): number {
  const at = l3Offset(packet);
  if (!ipv6.fits(at, packet.end)) return DROP_INVALID;
  flow.family = datapath.ipv6;
  flow.l3At = at;
  flow.l4At = at + ipv6.HEADER_LENGTH;
  flow.protocol = ipv6.nextHeader(packet.bytes, at);
  flow.isFragment = false;
  flow.isLaterFragment = false;
  return 0;
}

/** Reads the fixed header of either family. 0 or DROP_INVALID. */
export function readIp(datapath: Datapath, packet: PacketContext, flow: Flow, v6: boolean): number {
  return v6 ? readIpv6(datapath, packet, flow) : readIpv4(datapath, packet, flow);
}

/** What the program is to do with a frame of this type: one of IP_*, by the families that the node speaks. */
export function ipVersion(datapath: Datapath, type: number): number {
  if (type === ethernet.TYPE_IPV4 && datapath.features.ipv4) return IP_V4;
  if (type === ethernet.TYPE_IPV6 && datapath.features.ipv6) return IP_V6;
  return IP_NONE;
}

/**
 * Walks the IPv6 extension headers to the L4 header; fragment state comes from a fragment header met on the way.
 * With `fragmentOnly` the walk ends there and does not see what is wrong behind it. 0 or a drop reason.
 */
export function walkExtensions(packet: PacketContext, flow: Flow, fragmentOnly: boolean): number {
  const bytes = packet.bytes;
  let at = flow.l3At + ipv6.HEADER_LENGTH;
  let next = ipv6.nextHeader(bytes, flow.l3At);
  flow.isFragment = false;
  flow.isLaterFragment = false;
  for (let i = 0; i < MAXIMUM_HEADERS; i++) {
    switch (next) {
      case ipv6.NEXT_NONE:
        return DROP_INVALID_EXTHDR;
      case ipv6.NEXT_FRAGMENT: {
        if (at + ipv6.FRAGMENT_LENGTH > packet.end) return DROP_INVALID;
        next = ipv6.extensionNextHeader(bytes, at);
        flow.isLaterFragment = ipv6.isLaterFragment(bytes, at);
        flow.isFragment = ipv6.isFragment(bytes, at);
        flow.fragmentId = ipv6.fragmentIdentificationRaw(bytes, at);
        flow.fragmentProtocol = next;
        if (fragmentOnly) return 0;
        at += ipv6.FRAGMENT_LENGTH;
        break;
      }
      case ipv6.NEXT_HOP_BY_HOP:
      case ipv6.NEXT_ROUTING:
      case ipv6.NEXT_DESTINATION_OPTIONS:
      case ipv6.NEXT_AUTHENTICATION: {
        if (at + ipv6.EXTENSION_PREFIX_LENGTH > packet.end) return DROP_INVALID;
        const length = ipv6.extensionLength(bytes, at, next);
        next = ipv6.extensionNextHeader(bytes, at);
        at += length;
        break;
      }
      default:
        flow.protocol = next;
        flow.l4At = at;
        return 0;
    }
  }
  return DROP_INVALID_EXTHDR;
}

/** Locates the L4 header of either family. 0 or a drop reason. */
export function locateL4(packet: PacketContext, flow: Flow): number {
  return flow.family.isV6 ? walkExtensions(packet, flow, false) : 0;
}

/** Without fragment tracking every fragment is refused. 0 or a drop reason. */
export function refuseUntrackedFragments(packet: PacketContext, flow: Flow): number {
  if (flow.family.fragmentTracking) return 0;
  if (flow.family.isV6) {
    const error = walkExtensions(packet, flow, true);
    if (error < 0) return error;
  }
  return flow.isFragment ? DROP_FRAG_NOSUPPORT : 0;
}

/** Copies the packet's addresses and protocol into the tuple: daddr, saddr (packet layout), flags 0. */
export function readTuple(packet: PacketContext, flow: Flow): void {
  const tuple = flow.tuple;
  const family = flow.family;
  const view = packet.view;
  const destination = flow.l3At + family.destinationOffset;
  const source = flow.l3At + family.sourceOffset;
  if (!family.isV6) {
    tuple[0] = view.getInt32(destination, true);
    tuple[1] = view.getInt32(source, true);
    tuple[3] = flow.protocol;
    return;
  }
  for (let i = 0; i < 4; i++) {
    tuple[i] = view.getInt32(destination + 4 * i, true);
    tuple[4 + i] = view.getInt32(source + 4 * i, true);
  }
  tuple[family.metaWord] = flow.protocol;
}

/** The source address words of the packet, for traces that show it as it was before translation. */
export function rememberSource(packet: PacketContext, flow: Flow): void {
  const at = flow.l3At + flow.family.sourceOffset;
  for (let i = 0; i < flow.family.addressWords; i++) {
    flow.originalSource[i] = packet.view.getInt32(at + 4 * i, true);
  }
}
