/** IP packets as a host's sockets see them: taken apart when they arrive, put together when they leave. */
import { i32le } from '../engine/wire/bytes.js';
import * as checksum from '../engine/wire/checksum.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as layer4 from '../engine/wire/layer4.js';

export const DEFAULT_HOP_LIMIT = 64;

/** An IP packet that has arrived; `bytes[at .. end)` is its transport header and payload. */
export interface IpPacket {
  readonly bytes: Uint8Array;
  readonly ipAt: number;
  readonly at: number;
  readonly end: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Of the transport header, behind any IPv6 extension headers. */
  readonly protocol: number;
  readonly hopLimit: number;
  /** Null for a whole packet; else where this part belongs, in bytes. */
  readonly fragment: {
    readonly identification: number;
    readonly offset: number;
    readonly more: boolean;
  } | null;
}

/** Takes the IP packet at `bytes[ipAt]` apart; null when it is none, or cut short. */
export function readIpPacket(bytes: Uint8Array, ipAt: number, end: number): IpPacket | null {
  if (ipAt >= end) return null;
  const version = ipv4.version(bytes, ipAt);
  if (version === ipv4.VERSION) return readIpv4(bytes, ipAt, end);
  return version === ipv6.VERSION ? readIpv6(bytes, ipAt, end) : null;
}

function readIpv4(bytes: Uint8Array, ipAt: number, frameEnd: number): IpPacket | null {
  if (!ipv4.fits(ipAt, frameEnd) || !ipv4.fitsOptions(bytes, ipAt, frameEnd)) return null;
  const at = ipAt + ipv4.headerLength(bytes, ipAt);
  const end = ipAt + ipv4.totalLength(bytes, ipAt);
  if (end > frameEnd || end < at) return null;
  const field = ipv4.fragmentField(bytes, ipAt);
  return {
    bytes,
    ipAt,
    at,
    end,
    source: addressAt(bytes, ipv4.sourceAt(ipAt), ipv4.ADDRESS_LENGTH),
    destination: addressAt(bytes, ipv4.destinationAt(ipAt), ipv4.ADDRESS_LENGTH),
    protocol: ipv4.protocol(bytes, ipAt),
    hopLimit: ipv4.timeToLive(bytes, ipAt),
    fragment: ipv4.isFragment(bytes, ipAt)
      ? {
          identification: ipv4.identification(bytes, ipAt),
          offset: ipv4.fragmentOffset(bytes, ipAt),
          more: (field & ipv4.MORE_FRAGMENTS) !== 0,
        }
      : null,
  };
}

function readIpv6(bytes: Uint8Array, ipAt: number, frameEnd: number): IpPacket | null {
  if (!ipv6.fits(ipAt, frameEnd)) return null;
  const end = ipAt + ipv6.HEADER_LENGTH + ipv6.payloadLength(bytes, ipAt);
  if (end > frameEnd) return null;
  let protocol = ipv6.nextHeader(bytes, ipAt);
  let at = ipAt + ipv6.HEADER_LENGTH;
  let fragment: IpPacket['fragment'] = null;
  while (ipv6.isExtension(protocol) && fragment === null) {
    if (!ipv6.fitsExtension(at, end)) return null;
    const length = ipv6.extensionLength(bytes, at, protocol);
    if (at + length > end) return null;
    if (protocol === ipv6.NEXT_FRAGMENT && ipv6.isFragment(bytes, at)) {
      const field = ipv6.fragmentField(bytes, at);
      fragment = {
        identification: ipv6.fragmentIdentification(bytes, at),
        offset: field & ipv6.FRAGMENT_OFFSET_MASK,
        more: (field & ipv6.FRAGMENT_MORE) !== 0,
      };
    }
    protocol = ipv6.extensionNextHeader(bytes, at);
    at += length;
  }
  return {
    bytes,
    ipAt,
    at,
    end,
    source: addressAt(bytes, ipv6.sourceAt(ipAt), ipv6.ADDRESS_LENGTH),
    destination: addressAt(bytes, ipv6.destinationAt(ipAt), ipv6.ADDRESS_LENGTH),
    protocol,
    hopLimit: ipv6.hopLimit(bytes, ipAt),
    fragment,
  };
}

function addressAt(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return bytes.slice(at, at + length);
}

/** Whether the transport checksum of a whole TCP, UDP or ICMPv6 packet holds. */
export function isTransportValid(packet: IpPacket): boolean {
  const { bytes, ipAt, at, end, protocol, source } = packet;
  return source.length === ipv4.ADDRESS_LENGTH
    ? layer4.isValidIpv4(bytes, ipAt, at, end - at)
    : layer4.isValidIpv6(bytes, ipAt, protocol, at, end - at);
}

export interface IpHeader {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly hopLimit: number;
  /** Of IPv4; IPv6 has one in fragments only. */
  readonly identification: number;
  readonly dontFragment: boolean;
}

/** A frame in the making: `at` is where the transport header goes. */
export interface OutgoingPacket {
  readonly bytes: Uint8Array;
  readonly ipAt: number;
  readonly at: number;
}

/** Room for a packet of `length` bytes behind its IP header, which is written; the link addresses are zero. */
export function makePacket(header: IpHeader, length: number): OutgoingPacket {
  const { source, destination, protocol, hopLimit } = header;
  const ipAt = ethernet.HEADER_LENGTH;
  const isIpv4 = source.length === ipv4.ADDRESS_LENGTH;
  const at = ipAt + (isIpv4 ? ipv4.HEADER_LENGTH : ipv6.HEADER_LENGTH);
  const bytes = new Uint8Array(at + length);
  ethernet.putType(bytes, 0, isIpv4 ? ethernet.TYPE_IPV4 : ethernet.TYPE_IPV6);
  if (!isIpv4) ipv6.write(bytes, ipAt, length, protocol, hopLimit, source, destination);
  else {
    const flags = header.dontFragment ? ipv4.DONT_FRAGMENT : 0;
    const [from, to] = [i32le(source, 0), i32le(destination, 0)];
    ipv4.write(bytes, ipAt, length, header.identification, flags, hopLimit, protocol, from, to);
  }
  return { bytes, ipAt, at };
}

/** Fills in the checksum of a TCP, UDP, ICMP or ICMPv6 packet, once the rest is written. */
export function fillTransportChecksum(
  { bytes, ipAt, at }: OutgoingPacket,
  protocol: number,
  offset: number,
): void {
  const length = bytes.length - at;
  if (protocol === ipv4.PROTOCOL_ICMP) checksum.fill(bytes, at, length, at + offset);
  else if (ipv4.version(bytes, ipAt) === ipv4.VERSION) layer4.fillIpv4(bytes, ipAt, at, length, at + offset);
  else layer4.fillIpv6(bytes, ipAt, protocol, at, length, at + offset);
}
