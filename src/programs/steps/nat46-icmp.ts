/** ICMP messages as ICMPv6 ones and back, after RFC 7915 sections 4.2 and 5.2 with Cilium's shortcuts. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import {
  DROP_INVALID,
  DROP_UNKNOWN_ICMP4_CODE,
  DROP_UNKNOWN_ICMP4_TYPE,
  DROP_UNKNOWN_ICMP6_CODE,
  DROP_UNKNOWN_ICMP6_TYPE,
} from '../drop-reasons.js';

/** MTU for a router that does not say one. */
const DEFAULT_MTU = 1500;
/**
 * Where a parameter problem points to: the next header, whatever it was about. Cilium writes the number in host
 * order, so that on little-endian machines it stands in the first of the four bytes.
 */
const POINTER_NEXT_HEADER = 6 << 24;

/** What a message becomes; filled by the two functions that choose it. */
const message = { type: 0, code: 0, rest: 0 };

function become(type: number, code: number, rest: number): number {
  message.type = type;
  message.code = code;
  message.rest = rest;
  return 0;
}

/**
 * Rewrites the ICMP header at `at`, all but its checksum, and answers the difference that this makes to the
 * checksum. A message without counterpart is no fault to Cilium: it stays as it is, and the negative drop reason
 * is taken for the difference.
 */
export function icmpToIcmpv6(packet: PacketContext, at: number): number {
  if (!icmp.fits(at, packet.end)) return DROP_INVALID;
  return replace(packet, at, chooseIcmpv6(packet.bytes, at));
}

/** The same the other way. */
export function icmpv6ToIcmp(packet: PacketContext, at: number): number {
  if (!icmpv6.fits(at, packet.end)) return DROP_INVALID;
  return replace(packet, at, chooseIcmp(packet.bytes, at));
}

function replace(packet: PacketContext, at: number, chosen: number): number {
  if (chosen < 0) return chosen;
  const bytes = packet.bytes;
  const field = icmp.checksum(bytes, at);
  icmp.putChecksum(bytes, at, 0);
  const head = i32le(bytes, at);
  const tail = icmp.restRaw(bytes, at);
  icmp.write(bytes, at, message.type, message.code, message.rest);
  let difference = checksum.difference(0, head, i32le(bytes, at));
  difference = checksum.difference(difference, tail, icmp.restRaw(bytes, at));
  icmp.putChecksum(bytes, at, field);
  return checksum.fold(difference);
}

function chooseIcmpv6(bytes: Uint8Array, at: number): number {
  switch (icmp.type(bytes, at)) {
    case icmp.ECHO_REQUEST:
      return become(icmpv6.ECHO_REQUEST, 0, icmp.rest(bytes, at));
    case icmp.ECHO_REPLY:
      return become(icmpv6.ECHO_REPLY, 0, icmp.rest(bytes, at));
    case icmp.DESTINATION_UNREACHABLE:
      return chooseUnreachable(bytes, at);
    case icmp.TIME_EXCEEDED:
      // The code is lost.
      return become(icmpv6.TIME_EXCEEDED, icmpv6.CODE_HOP_LIMIT_EXCEEDED, 0);
    case icmp.PARAMETER_PROBLEM:
      return become(icmpv6.PARAMETER_PROBLEM, 0, POINTER_NEXT_HEADER);
    default:
      return DROP_UNKNOWN_ICMP4_TYPE;
  }
}

function chooseUnreachable(bytes: Uint8Array, at: number): number {
  switch (icmp.code(bytes, at)) {
    case icmp.CODE_PROTOCOL_UNREACHABLE:
      return become(icmpv6.PARAMETER_PROBLEM, icmpv6.CODE_UNKNOWN_NEXT_HEADER, POINTER_NEXT_HEADER);
    case icmp.CODE_PORT_UNREACHABLE:
      return become(icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_PORT_UNREACHABLE, 0);
    case icmp.CODE_FRAGMENTATION_NEEDED:
      return become(icmpv6.PACKET_TOO_BIG, 0, icmp.nextHopMtu(bytes, at) || DEFAULT_MTU);
    case icmp.CODE_NETWORK_UNREACHABLE:
    case icmp.CODE_HOST_UNREACHABLE:
    case icmp.CODE_SOURCE_ROUTE_FAILED:
    case icmp.CODE_NETWORK_UNKNOWN:
    case icmp.CODE_HOST_UNKNOWN:
    case icmp.CODE_HOST_ISOLATED:
    case icmp.CODE_NETWORK_UNREACHABLE_FOR_SERVICE:
    case icmp.CODE_HOST_UNREACHABLE_FOR_SERVICE:
      return become(icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_NO_ROUTE, 0);
    case icmp.CODE_NETWORK_PROHIBITED:
    case icmp.CODE_HOST_PROHIBITED:
    case icmp.CODE_PROHIBITED:
      return become(icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_PROHIBITED, 0);
    default:
      return DROP_UNKNOWN_ICMP4_CODE;
  }
}

function chooseIcmp(bytes: Uint8Array, at: number): number {
  switch (icmpv6.type(bytes, at)) {
    case icmpv6.ECHO_REQUEST:
      return become(icmp.ECHO_REQUEST, 0, icmpv6.rest(bytes, at));
    case icmpv6.ECHO_REPLY:
      return become(icmp.ECHO_REPLY, 0, icmpv6.rest(bytes, at));
    case icmpv6.DESTINATION_UNREACHABLE:
      return chooseUnreachableV4(icmpv6.code(bytes, at));
    case icmpv6.PACKET_TOO_BIG:
      return become(
        icmp.DESTINATION_UNREACHABLE,
        icmp.CODE_FRAGMENTATION_NEEDED,
        icmpv6.rest(bytes, at) === 0 ? DEFAULT_MTU : icmpv6.rest(bytes, at) & 0xffff,
      );
    case icmpv6.TIME_EXCEEDED:
      return become(icmp.TIME_EXCEEDED, icmpv6.code(bytes, at), 0);
    case icmpv6.PARAMETER_PROBLEM:
      return chooseParameterProblem(icmpv6.code(bytes, at));
    default:
      return DROP_UNKNOWN_ICMP6_TYPE;
  }
}

function chooseUnreachableV4(code: number): number {
  switch (code) {
    case icmpv6.CODE_NO_ROUTE:
    case icmpv6.CODE_BEYOND_SCOPE:
    case icmpv6.CODE_ADDRESS_UNREACHABLE:
      return become(icmp.DESTINATION_UNREACHABLE, icmp.CODE_HOST_UNREACHABLE, 0);
    case icmpv6.CODE_PROHIBITED:
      return become(icmp.DESTINATION_UNREACHABLE, icmp.CODE_HOST_PROHIBITED, 0);
    case icmpv6.CODE_PORT_UNREACHABLE:
      return become(icmp.DESTINATION_UNREACHABLE, icmp.CODE_PORT_UNREACHABLE, 0);
    default:
      return DROP_UNKNOWN_ICMP6_CODE;
  }
}

function chooseParameterProblem(code: number): number {
  switch (code) {
    case icmpv6.CODE_ERRONEOUS_FIELD:
      return become(icmp.PARAMETER_PROBLEM, 0, 0);
    case icmpv6.CODE_UNKNOWN_NEXT_HEADER:
      return become(icmp.DESTINATION_UNREACHABLE, icmp.CODE_PROTOCOL_UNREACHABLE, 0);
    default:
      return DROP_UNKNOWN_ICMP6_CODE;
  }
}
