/** Names of IP protocols and ICMP messages. */
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [ipv4.PROTOCOL_ICMP, 'icmp'],
  [ipv4.PROTOCOL_IGMP, 'igmp'],
  [ipv4.PROTOCOL_TCP, 'tcp'],
  [ipv4.PROTOCOL_UDP, 'udp'],
  [ipv4.PROTOCOL_GRE, 'gre'],
  [ipv4.PROTOCOL_ESP, 'esp'],
  [ipv4.PROTOCOL_AH, 'ah'],
  [ipv6.NEXT_ICMPV6, 'icmpv6'],
  [ipv4.PROTOCOL_SCTP, 'sctp'],
]);

const ICMP_TYPES: ReadonlyMap<number, string> = new Map([
  [icmp.ECHO_REPLY, 'echo reply'],
  [icmp.DESTINATION_UNREACHABLE, 'unreachable'],
  [icmp.REDIRECT, 'redirect'],
  [icmp.ECHO_REQUEST, 'echo request'],
  [icmp.TIME_EXCEEDED, 'time exceeded'],
  [icmp.PARAMETER_PROBLEM, 'parameter problem'],
]);

const ICMPV6_TYPES: ReadonlyMap<number, string> = new Map([
  [icmpv6.DESTINATION_UNREACHABLE, 'unreachable'],
  [icmpv6.PACKET_TOO_BIG, 'packet too big'],
  [icmpv6.TIME_EXCEEDED, 'time exceeded'],
  [icmpv6.PARAMETER_PROBLEM, 'parameter problem'],
  [icmpv6.ECHO_REQUEST, 'echo request'],
  [icmpv6.ECHO_REPLY, 'echo reply'],
  [icmpv6.ROUTER_SOLICITATION, 'router solicitation'],
  [icmpv6.ROUTER_ADVERTISEMENT, 'router advertisement'],
  [icmpv6.NEIGHBOUR_SOLICITATION, 'neighbour solicitation'],
  [icmpv6.NEIGHBOUR_ADVERTISEMENT, 'neighbour advertisement'],
  [icmpv6.REDIRECT, 'redirect'],
]);

/** `tcp`, `protocol 99`. */
export function protocolText(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? `protocol ${protocol}`;
}

/** `echo request`, `type 42`. */
export function icmpTypeText(isV6: boolean, type: number): string {
  return (isV6 ? ICMPV6_TYPES : ICMP_TYPES).get(type) ?? `type ${type}`;
}
