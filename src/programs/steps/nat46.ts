/**
 * NAT46 and NAT64: an IPv4 packet becomes an IPv6 one and back, with its ICMP message. IPv4 addresses stand in IPv6
 * ones either mapped (::ffff:a.b.c.d) or behind the node's prefix (RFC 6052: 4 bytes, zeros, the address).
 */
import type { PacketContext } from '../../engine/packet.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as layer4 from '../../engine/wire/layer4.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import {
  DROP_CSUM_L4,
  DROP_INVALID,
  DROP_INVALID_EXTHDR,
  DROP_UNKNOWN_L4,
  DROP_WRITE_ERROR,
} from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { l3Offset, readIpv4, readIpv6, walkExtensions } from './headers.js';
import { icmpToIcmpv6, icmpv6ToIcmp } from './nat46-icmp.js';

const GROWTH = ipv6.HEADER_LENGTH - ipv4.HEADER_LENGTH;
/** Third word of a mapped address: bytes 00 00 ff ff. */
const MAPPED = 0xffff0000 | 0;

/** The IPv6 address at `address[at]` is a mapped IPv4 address. */
export function isMapped(address: Uint8Array, at: number): boolean {
  return hasHead(address, at, 0, MAPPED);
}

/** As `isMapped`, of the raw words at `words[word]`. */
export function isMappedWords(words: Int32Array, word: number): boolean {
  return words[word] === 0 && words[word + 1] === 0 && words[word + 2] === MAPPED;
}

/** The IPv6 address at `address[at]` is an IPv4 address behind the node's NAT46x64 prefix. */
export function isPrefixed(program: ProgramInstance, address: Uint8Array, at: number): boolean {
  return hasHead(address, at, prefixWord(program), 0);
}

function hasHead(address: Uint8Array, at: number, first: number, third: number): boolean {
  return (
    ipv6.addressWord(address, at, 0) === first &&
    ipv6.addressWord(address, at, 1) === 0 &&
    ipv6.addressWord(address, at, 2) === third
  );
}

function prefixWord(program: ProgramInstance): number {
  const prefix = program.features.nat46x64Prefix;
  return prefix[0] | (prefix[1] << 8) | (prefix[2] << 16) | (prefix[3] << 24);
}

/** The IPv4 address (raw word) in the IPv6 address at `address[at]`, mapped or prefixed. */
export function embeddedIpv4(address: Uint8Array, at: number): number {
  return ipv6.addressWord(address, at, 3);
}

/** Writes the mapped form of an IPv4 address (raw word) to `words[word..]`. */
export function putMapped(words: Int32Array, word: number, address: number): void {
  words[word] = 0;
  words[word + 1] = 0;
  words[word + 2] = MAPPED;
  words[word + 3] = address;
}

/** Writes an IPv4 address (raw word) behind the node's prefix to `words[word..]`. */
export function putPrefixed(
  program: ProgramInstance,
  words: Int32Array,
  word: number,
  address: number,
): void {
  words[word] = prefixWord(program);
  words[word + 1] = 0;
  words[word + 2] = 0;
  words[word + 3] = address;
}

/**
 * Makes the IPv4 packet an IPv6 one from `addresses[0..3]` to `addresses[4..7]` (raw words) and reads its header
 * into the flow. 0 or a drop reason. Fragments are not looked at; the packet that an ICMP error quotes stays IPv4.
 */
export function toIpv6(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  addresses: Int32Array,
): number {
  let at = l3Offset(packet);
  if (!ipv4.fits(at, packet.end)) return DROP_INVALID;
  const bytes = packet.bytes;
  if (ipv4.headerLength(bytes, at) !== ipv4.HEADER_LENGTH) return DROP_INVALID_EXTHDR;
  const protocol = ipv4.protocol(bytes, at);
  const length = ipv4.totalLength(bytes, at) - ipv4.HEADER_LENGTH;
  const hopLimit = ipv4.timeToLive(bytes, at);
  const source = ipv4.source(bytes, at);
  const destination = ipv4.destination(bytes, at);
  if (!packet.insertAt(at - packet.start, GROWTH)) return DROP_WRITE_ERROR;
  setEtherType(packet, ethernet.TYPE_IPV6);
  at = l3Offset(packet);
  const isIcmp = protocol === ipv4.PROTOCOL_ICMP;
  ipv6.putTrafficClassAndFlowLabel(bytes, at, 0, 0);
  ipv6.putPayloadLength(bytes, at, length);
  ipv6.putNextHeader(bytes, at, isIcmp ? ipv6.NEXT_ICMPV6 : protocol);
  ipv6.putHopLimit(bytes, at, hopLimit);
  for (let i = 0; i < 4; i++) {
    ipv6.putSourceWord(bytes, at, i, addresses[i]);
    ipv6.putDestinationWord(bytes, at, i, addresses[4 + i]);
  }
  readIpv6(program.datapath, packet, flow);
  let difference: number;
  if (isIcmp) {
    difference = checksum.fold(icmpToIcmpv6(packet, flow.l4At));
    difference += layer4.pseudoIpv6(bytes, at, ipv6.NEXT_ICMPV6, length & 0xffff);
  } else {
    difference = checksum.difference(0, source, 0);
    difference = checksum.difference(difference, destination, 0);
    for (let i = 0; i < 8; i++) difference = checksum.difference(difference, 0, addresses[i]);
  }
  return correct(packet, flow, difference);
}

/**
 * Makes the IPv6 packet an IPv4 one with these addresses (raw words) and reads its header into the flow. 0 or a
 * drop reason; extension headers are refused.
 */
export function toIpv4(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  source: number,
  destination: number,
): number {
  const error = readIpv6(program.datapath, packet, flow);
  if (error < 0) return error;
  if (walkExtensions(packet, flow, false) < 0) return DROP_INVALID_EXTHDR;
  let at = flow.l3At;
  if (flow.l4At !== at + ipv6.HEADER_LENGTH) return DROP_INVALID_EXTHDR;
  const bytes = packet.bytes;
  const isIcmp = flow.protocol === ipv6.NEXT_ICMPV6;
  const length = ipv6.payloadLength(bytes, at);
  // What the old checksum says of the old addresses.
  let difference = 0;
  if (isIcmp) {
    difference = checksum.fold(layer4.pseudoIpv6(bytes, at, ipv6.NEXT_ICMPV6, length));
  } else {
    for (let i = 0; i < 4; i++) {
      difference = checksum.difference(difference, ipv6.sourceWord(bytes, at, i), 0);
      difference = checksum.difference(difference, ipv6.destinationWord(bytes, at, i), 0);
    }
    difference = checksum.difference(difference, 0, source);
    difference = checksum.difference(difference, 0, destination);
  }
  const hopLimit = ipv6.hopLimit(bytes, at);
  const protocol = isIcmp ? ipv4.PROTOCOL_ICMP : flow.protocol;
  if (!packet.removeAt(at - packet.start, GROWTH)) return DROP_WRITE_ERROR;
  setEtherType(packet, ethernet.TYPE_IPV4);
  at = l3Offset(packet);
  ipv4.write(bytes, at, length, 0, 0, hopLimit, protocol, source, destination);
  readIpv4(program.datapath, packet, flow);
  // Cilium subtracts the two sums as plain 32-bit numbers: a borrow leaves the checksum one off.
  if (isIcmp) difference = (icmpv6ToIcmp(packet, flow.l4At) - difference) | 0;
  return correct(packet, flow, difference);
}

function setEtherType(packet: PacketContext, type: number): void {
  packet.protocol = type;
  if (packet.layer3Device === 0) ethernet.putType(packet.bytes, packet.start, type);
}

/** Brings the difference into the L4 checksum. */
function correct(packet: PacketContext, flow: Flow, difference: number): number {
  let at = flow.l4At;
  switch (flow.protocol) {
    case ipv4.PROTOCOL_TCP:
      at += tcp.CHECKSUM_OFFSET;
      break;
    case ipv4.PROTOCOL_UDP:
      at += udp.CHECKSUM_OFFSET;
      break;
    case ipv4.PROTOCOL_ICMP:
    case ipv6.NEXT_ICMPV6:
      at += icmpv6.CHECKSUM_OFFSET;
      break;
    case ipv4.PROTOCOL_SCTP:
      // SCTP's checksum knows no addresses. Cilium corrects one at the header's start, which is the source port:
      // harmless, since the differences of both address forms are zero, but for port 65535, which becomes 0.
      break;
    default:
      return DROP_UNKNOWN_L4;
  }
  if (at + 2 > packet.end) return DROP_CSUM_L4;
  if (flow.protocol === ipv4.PROTOCOL_UDP) checksum.addDifferenceUdp(packet.bytes, at, difference);
  else checksum.addDifference(packet.bytes, at, difference);
  return 0;
}

/** A packet that is back at its IPv6 frontend's mapped address becomes IPv4 again. 0 or a drop reason. */
export function unmap(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const family = flow.family;
  const source = embeddedIpv4(bytes, flow.l3At + family.sourceOffset);
  const destination = embeddedIpv4(bytes, flow.l3At + family.destinationOffset);
  return toIpv4(program, packet, flow, source, destination);
}

/** Whether the IPv6 packet comes from a mapped address, so that an IPv4 client is behind its destination. */
export function comesFromMapped(packet: PacketContext, flow: Flow): boolean {
  return flow.family.isV6 && isMapped(packet.bytes, flow.l3At + flow.family.sourceOffset);
}
