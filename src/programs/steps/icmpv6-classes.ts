/** What the host firewall makes of ICMPv6 messages (after RFC 4890): some always pass, few ask the policy. */
import type { PacketContext } from '../../engine/packet.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { DROP_FORBIDDEN_ICMP6, DROP_INVALID } from '../drop-reasons.js';
import type { Flow } from '../flow.js';

/** Answers of `icmpv6Type` and `classifyIcmpv6` beside drop reasons. */
const NOT_ICMPV6 = 256;
export const PASSES_FIREWALL = 257;
export const ASKS_POLICY = 258;

/** Type of an ICMPv6 message behind the extension headers (already walked); NOT_ICMPV6, or DROP_INVALID. */
export function icmpv6Type(packet: PacketContext, flow: Flow): number {
  if (flow.protocol !== ipv6.NEXT_ICMPV6) return NOT_ICMPV6;
  return flow.l4At + 1 > packet.end ? DROP_INVALID : icmpv6.type(packet.bytes, flow.l4At);
}

/** PASSES_FIREWALL, ASKS_POLICY (also what is not ICMPv6), or DROP_FORBIDDEN_ICMP6. */
export function classifyIcmpv6(type: number): number {
  switch (type) {
    case NOT_ICMPV6:
    case icmpv6.ECHO_REQUEST:
    case icmpv6.ECHO_REPLY:
    case icmpv6.NEIGHBOUR_SOLICITATION:
      return ASKS_POLICY;
    case icmpv6.DESTINATION_UNREACHABLE:
    case icmpv6.PACKET_TOO_BIG:
    case icmpv6.TIME_EXCEEDED:
    case icmpv6.PARAMETER_PROBLEM:
    case icmpv6.MULTICAST_LISTENER_QUERY:
    case icmpv6.MULTICAST_LISTENER_REPORT:
    case icmpv6.MULTICAST_LISTENER_DONE:
    case icmpv6.ROUTER_SOLICITATION:
    case icmpv6.ROUTER_ADVERTISEMENT:
    case icmpv6.NEIGHBOUR_ADVERTISEMENT:
    case icmpv6.INVERSE_NEIGHBOUR_SOLICITATION:
    case icmpv6.INVERSE_NEIGHBOUR_ADVERTISEMENT:
    case icmpv6.MULTICAST_LISTENER_REPORT_V2:
    case icmpv6.CERTIFICATION_PATH_SOLICITATION:
    case icmpv6.CERTIFICATION_PATH_ADVERTISEMENT:
    case icmpv6.MULTICAST_ROUTER_ADVERTISEMENT:
    case icmpv6.MULTICAST_ROUTER_SOLICITATION:
    case icmpv6.MULTICAST_ROUTER_TERMINATION:
      return PASSES_FIREWALL;
    default:
      return DROP_FORBIDDEN_ICMP6;
  }
}
