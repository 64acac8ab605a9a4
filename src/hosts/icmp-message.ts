/** ICMP and ICMPv6 as sockets meet them: echoes, and errors about what they sent. */
import { ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH } from '../engine/hooks/errno.js';
import * as icmp from '../engine/wire/icmp.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import { type IpPacket, readIpPacket } from './ip-packet.js';

export function isIcmp(protocol: number): boolean {
  return protocol === ipv4.PROTOCOL_ICMP || protocol === ipv6.NEXT_ICMPV6;
}

/** The protocol number, and the types of an echo, for addresses of `length` bytes. */
export function echoKinds(length: number): { protocol: number; request: number; reply: number } {
  return length === ipv4.ADDRESS_LENGTH
    ? { protocol: ipv4.PROTOCOL_ICMP, request: icmp.ECHO_REQUEST, reply: icmp.ECHO_REPLY }
    : { protocol: ipv6.NEXT_ICMPV6, request: icmpv6.ECHO_REQUEST, reply: icmpv6.ECHO_REPLY };
}

/** An ICMP error that came back. */
export interface IcmpError {
  /** Who sent it. */
  readonly from: Uint8Array;
  readonly type: number;
  readonly code: number;
  /** What a path takes, where the error says so; else 0. */
  readonly mtu: number;
  /** The better gateway that a redirect names; else null. */
  readonly gateway: Uint8Array | null;
  /** What a socket's call fails with because of it; 0 where it does not. */
  readonly error: number;
  /** The packet that it is about, as far as it is quoted. */
  readonly about: IpPacket;
}

/** Reads an ICMP or ICMPv6 message as an error, or a redirect; null when it is none, or quotes too little. */
export function readIcmpError(packet: IpPacket): IcmpError | null {
  const { bytes, at, end, protocol, source } = packet;
  const isIpv4 = protocol === ipv4.PROTOCOL_ICMP;
  if (!icmp.fits(at, end)) return null;
  const isRedirect = isIpv4 && icmp.type(bytes, at) === icmp.REDIRECT;
  if (!isRedirect && !(isIpv4 ? icmp.isError(bytes, at) : icmpv6.isError(bytes, at))) return null;
  const about = quotedPacket(bytes, isIpv4 ? icmp.quotedAt(at) : icmpv6.quotedAt(at), end);
  if (about === null) return null;
  const [type, code] = [icmp.type(bytes, at), icmp.code(bytes, at)];
  const error = isIpv4 ? errorOfIcmp(type, code) : errorOfIcmpv6(type, code);
  const mtu = error !== EMSGSIZE ? 0 : isIpv4 ? icmp.nextHopMtu(bytes, at) : icmpv6.rest(bytes, at);
  const gateway = isRedirect ? bytes.slice(icmp.gatewayAt(at), icmp.gatewayAt(at) + 4) : null;
  return { from: source, type, code, mtu, gateway, error, about };
}

/** The quoted packet may be cut; its length fields say what it was. */
function quotedPacket(bytes: Uint8Array, ipAt: number, end: number): IpPacket | null {
  if (!ipv4.fits(ipAt, end)) return null;
  const isIpv4 = ipv4.version(bytes, ipAt) === ipv4.VERSION;
  if (!isIpv4 && !ipv6.fits(ipAt, end)) return null;
  const copy = bytes.slice(ipAt, end);
  if (isIpv4) ipv4.putTotalLength(copy, 0, copy.length);
  else ipv6.putPayloadLength(copy, 0, copy.length - ipv6.HEADER_LENGTH);
  return readIpPacket(copy, 0, copy.length);
}

function errorOfIcmp(type: number, code: number): number {
  if (type !== icmp.DESTINATION_UNREACHABLE) return 0;
  if (code === icmp.CODE_PORT_UNREACHABLE) return ECONNREFUSED;
  if (code === icmp.CODE_FRAGMENTATION_NEEDED) return EMSGSIZE;
  return code === icmp.CODE_NETWORK_UNREACHABLE || code === icmp.CODE_NETWORK_UNKNOWN
    ? ENETUNREACH
    : EHOSTUNREACH;
}

function errorOfIcmpv6(type: number, code: number): number {
  if (type === icmpv6.PACKET_TOO_BIG) return EMSGSIZE;
  if (type !== icmpv6.DESTINATION_UNREACHABLE) return 0;
  if (code === icmpv6.CODE_PORT_UNREACHABLE) return ECONNREFUSED;
  return code === icmpv6.CODE_NO_ROUTE ? ENETUNREACH : EHOSTUNREACH;
}
