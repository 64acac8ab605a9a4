import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import type { Family } from '../family.js';

/** What conntrack makes of an ICMP type. */
export const OTHER = 0;
export const ECHO_REQUEST = 1;
export const ECHO_REPLY = 2;
export const ERROR = 3;

export function classify(family: Family, type: number): number {
  return family.isV6 ? classifyV6(type) : classifyV4(type);
}

function classifyV4(type: number): number {
  switch (type) {
    case icmp.ECHO_REQUEST:
      return ECHO_REQUEST;
    case icmp.ECHO_REPLY:
      return ECHO_REPLY;
    case icmp.DESTINATION_UNREACHABLE:
    case icmp.TIME_EXCEEDED:
    case icmp.PARAMETER_PROBLEM:
      return ERROR;
    default:
      return OTHER;
  }
}

function classifyV6(type: number): number {
  switch (type) {
    case icmpv6.ECHO_REQUEST:
      return ECHO_REQUEST;
    case icmpv6.ECHO_REPLY:
      return ECHO_REPLY;
    case icmpv6.DESTINATION_UNREACHABLE:
    case icmpv6.PACKET_TOO_BIG:
    case icmpv6.TIME_EXCEEDED:
    case icmpv6.PARAMETER_PROBLEM:
      return ERROR;
    default:
      return OTHER;
  }
}
