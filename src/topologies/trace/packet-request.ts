/** A packet that somebody asks about: who sends it to whom, and what it is like. */
import * as arp from '../../engine/wire/arp.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as layer4 from '../../engine/wire/layer4.js';
import * as sctp from '../../engine/wire/sctp.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import * as vlan from '../../engine/wire/vlan.js';

export type PacketProtocol = 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'sctp' | 'arp' | 'ip';

/** Everything about the packet but its link addresses. */
export interface PacketContent {
  readonly protocol: PacketProtocol;
  /** 4 or 16 bytes, both of one family. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP flags. */
  readonly flags: number;
  readonly ttl: number;
  /** Bytes of the IP packet, filled up with payload; 0 for as few as it takes. */
  readonly length: number;
  readonly dontFragment: boolean;
  /** Offset in bytes of a fragment, -1 for a whole packet; all but the last have `moreFragments`. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** IP identification; of an ICMP echo its identifier too. */
  readonly id: number;
  readonly typeOfService: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  /** Of `ip`: the protocol number. */
  readonly ipProtocol: number;
  /** VLAN id, -1 for none. */
  readonly vlan: number;
}

const WINDOW = 64240;
const SEQUENCE = 1000;
const ECHO_DATA = 56;
const SCTP_INIT_LENGTH = 20;

/** The shortest IP packet that holds what the protocol takes. */
function transportLength(content: PacketContent): number {
  switch (content.protocol) {
    case 'tcp':
      return tcp.HEADER_LENGTH;
    case 'udp':
      return udp.HEADER_LENGTH;
    case 'sctp':
      return sctp.HEADER_LENGTH + SCTP_INIT_LENGTH;
    case 'ip':
      return 0;
    default:
      return isEcho(content) ? icmp.HEADER_LENGTH + ECHO_DATA : icmp.HEADER_LENGTH;
  }
}

function isEcho({ protocol, icmpType }: PacketContent): boolean {
  return protocol === 'icmpv6'
    ? icmpType === icmpv6.ECHO_REQUEST || icmpType === icmpv6.ECHO_REPLY
    : icmpType === icmp.ECHO_REQUEST || icmpType === icmp.ECHO_REPLY;
}

/** The frame, checksums right. Link addresses are as given, zero for whoever sends through a stack. */
export function makeFrame(
  content: PacketContent,
  sourceMac: Uint8Array = ethernet.NO_ADDRESS,
  destinationMac: Uint8Array = ethernet.NO_ADDRESS,
): Uint8Array {
  if (content.protocol === 'arp') return makeQuestion(content, sourceMac);
  const isV6 = content.source.length === ipv6.ADDRESS_LENGTH;
  const tag = content.vlan < 0 ? 0 : vlan.HEADER_LENGTH;
  const ipAt = ethernet.HEADER_LENGTH + tag;
  const extension = isV6 && content.fragmentOffset >= 0 ? ipv6.FRAGMENT_LENGTH : 0;
  const headerLength = (isV6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH) + extension;
  const isLater = content.fragmentOffset > 0;
  const least = headerLength + (isLater ? 8 : transportLength(content));
  const length = Math.max(content.length, least);
  const bytes = new Uint8Array(ipAt + length);
  const type = isV6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
  ethernet.write(bytes, 0, destinationMac, sourceMac, tag === 0 ? type : ethernet.TYPE_VLAN);
  if (tag !== 0) vlan.write(bytes, ethernet.HEADER_LENGTH, content.vlan, type);
  const payload = length - headerLength;
  if (isV6) writeIpv6(bytes, ipAt, payload + extension, content);
  else writeIpv4(bytes, ipAt, payload, content);
  if (!isLater) writeTransport(bytes, ipAt, ipAt + headerLength, payload, content);
  return bytes;
}

function makeQuestion({ source, destination }: PacketContent, sourceMac: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LENGTH + arp.HEADER_LENGTH);
  ethernet.write(bytes, 0, ethernet.BROADCAST, sourceMac, ethernet.TYPE_ARP);
  const at = ethernet.HEADER_LENGTH;
  arp.write(
    bytes,
    at,
    arp.OPERATION_REQUEST,
    sourceMac,
    i32le(source, 0),
    ethernet.NO_ADDRESS,
    i32le(destination, 0),
  );
  return bytes;
}

const NUMBERS: Readonly<Record<PacketProtocol, number>> = {
  tcp: ipv4.PROTOCOL_TCP,
  udp: ipv4.PROTOCOL_UDP,
  icmp: ipv4.PROTOCOL_ICMP,
  icmpv6: ipv6.NEXT_ICMPV6,
  sctp: ipv4.PROTOCOL_SCTP,
  arp: 0,
  ip: 0,
};

function protocolNumber({ protocol, ipProtocol }: PacketContent): number {
  return protocol === 'ip' ? ipProtocol : NUMBERS[protocol];
}

function writeIpv4(bytes: Uint8Array, at: number, payload: number, content: PacketContent): void {
  const offset = Math.max(0, content.fragmentOffset) >> 3;
  const field =
    (content.dontFragment ? ipv4.DONT_FRAGMENT : 0) |
    (content.fragmentOffset >= 0 && content.moreFragments ? ipv4.MORE_FRAGMENTS : 0) |
    offset;
  const [from, to] = [i32le(content.source, 0), i32le(content.destination, 0)];
  ipv4.write(bytes, at, payload, content.id, field, content.ttl, protocolNumber(content), from, to);
  if (content.typeOfService === 0) return;
  ipv4.putTypeOfService(bytes, at, content.typeOfService);
  checksum.fillIpv4Header(bytes, at);
}

function writeIpv6(bytes: Uint8Array, at: number, payload: number, content: PacketContent): void {
  const protocol = protocolNumber(content);
  const isFragment = content.fragmentOffset >= 0;
  const next = isFragment ? ipv6.NEXT_FRAGMENT : protocol;
  ipv6.write(bytes, at, payload, next, content.ttl, content.source, content.destination);
  ipv6.putTrafficClassAndFlowLabel(bytes, at, content.typeOfService, 0);
  if (!isFragment) return;
  const field =
    (content.fragmentOffset & ipv6.FRAGMENT_OFFSET_MASK) | (content.moreFragments ? ipv6.FRAGMENT_MORE : 0);
  ipv6.writeFragment(bytes, at + ipv6.HEADER_LENGTH, protocol, field, content.id);
}

function writeTransport(
  bytes: Uint8Array,
  ipAt: number,
  at: number,
  length: number,
  content: PacketContent,
): void {
  const { protocol, sourcePort, destinationPort, source } = content;
  const isV6 = source.length === ipv6.ADDRESS_LENGTH;
  const sum = (checksumAt: number): void => {
    if (isV6) layer4.fillIpv6(bytes, ipAt, protocolNumber(content), at, length, checksumAt);
    else layer4.fillIpv4(bytes, ipAt, at, length, checksumAt);
  };
  switch (protocol) {
    case 'tcp': {
      const acknowledgment = (content.flags & tcp.ACK) === 0 ? 0 : SEQUENCE;
      tcp.write(bytes, at, sourcePort, destinationPort, SEQUENCE, acknowledgment, content.flags, WINDOW);
      sum(tcp.checksumAt(at));
      return;
    }
    case 'udp':
      udp.write(bytes, at, sourcePort, destinationPort, length - udp.HEADER_LENGTH);
      sum(udp.checksumAt(at));
      return;
    case 'sctp': {
      sctp.write(bytes, at, sourcePort, destinationPort, 0);
      const chunkAt = at + sctp.HEADER_LENGTH;
      bytes.set([sctp.CHUNK_INIT, 0, 0, SCTP_INIT_LENGTH], chunkAt);
      sctp.fillChecksum(bytes, at, length);
      return;
    }
    case 'icmp':
      icmp.write(bytes, at, content.icmpType, content.icmpCode, echoRest(content));
      checksum.fill(bytes, at, length, icmp.checksumAt(at));
      return;
    case 'icmpv6':
      icmpv6.write(bytes, at, content.icmpType, content.icmpCode, echoRest(content));
      sum(icmpv6.checksumAt(at));
  }
}

/** Identifier and sequence number. */
function echoRest(content: PacketContent): number {
  return isEcho(content) ? (content.id << 16) | 1 : 0;
}
