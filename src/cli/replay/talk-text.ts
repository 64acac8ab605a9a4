/** Who talks to whom, in words. */
import { formatAddress } from '../../engine/address-text.js';
import * as arp from '../../engine/wire/arp.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { FORM_ARP, FORM_CUT, FORM_FRAGMENT, FORM_IP, FORM_OTHER, type Talk } from './frame-tuple.js';

const PROTOCOLS: Readonly<Record<number, string>> = {
  [ipv4.PROTOCOL_ICMP]: 'icmp',
  [ipv4.PROTOCOL_IGMP]: 'igmp',
  [ipv4.PROTOCOL_IPIP]: 'ipip',
  [ipv4.PROTOCOL_TCP]: 'tcp',
  [ipv4.PROTOCOL_UDP]: 'udp',
  [ipv4.PROTOCOL_IPV6]: 'ipv6-in-ip',
  [ipv4.PROTOCOL_GRE]: 'gre',
  [ipv4.PROTOCOL_ESP]: 'esp',
  [ipv4.PROTOCOL_AH]: 'ah',
  [ipv6.NEXT_ICMPV6]: 'icmpv6',
  [ipv4.PROTOCOL_SCTP]: 'sctp',
};

const ICMP_TYPES: Readonly<Record<number, string>> = {
  [icmp.ECHO_REPLY]: 'echo reply',
  [icmp.DESTINATION_UNREACHABLE]: 'unreachable',
  [icmp.REDIRECT]: 'redirect',
  [icmp.ECHO_REQUEST]: 'echo request',
  [icmp.TIME_EXCEEDED]: 'time exceeded',
  [icmp.PARAMETER_PROBLEM]: 'parameter problem',
};

const ICMPV6_TYPES: Readonly<Record<number, string>> = {
  [icmpv6.DESTINATION_UNREACHABLE]: 'unreachable',
  [icmpv6.PACKET_TOO_BIG]: 'packet too big',
  [icmpv6.TIME_EXCEEDED]: 'time exceeded',
  [icmpv6.PARAMETER_PROBLEM]: 'parameter problem',
  [icmpv6.ECHO_REQUEST]: 'echo request',
  [icmpv6.ECHO_REPLY]: 'echo reply',
  [icmpv6.ROUTER_SOLICITATION]: 'router solicitation',
  [icmpv6.ROUTER_ADVERTISEMENT]: 'router advertisement',
  [icmpv6.NEIGHBOUR_SOLICITATION]: 'neighbour solicitation',
  [icmpv6.NEIGHBOUR_ADVERTISEMENT]: 'neighbour advertisement',
  [icmpv6.REDIRECT]: 'redirect',
};

export function protocolText(protocol: number): string {
  return PROTOCOLS[protocol] ?? `protocol ${protocol}`;
}

/** `10.0.0.1`, or nothing. */
export function addressText(address: Uint8Array): string {
  return address.length === 0 ? '' : formatAddress(address, 0, address.length);
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function endpointText(address: Uint8Array, port: number): string {
  const text = addressText(address);
  return address.length === 16 ? `[${text}]:${port}` : `${text}:${port}`;
}

export function hasPorts({ form, protocol }: Talk): boolean {
  if (form !== FORM_IP) return false;
  return protocol === ipv4.PROTOCOL_TCP || protocol === ipv4.PROTOCOL_UDP || protocol === ipv4.PROTOCOL_SCTP;
}

export function isIcmp({ form, protocol }: Talk): boolean {
  return form === FORM_IP && (protocol === ipv4.PROTOCOL_ICMP || protocol === ipv6.NEXT_ICMPV6);
}

export function sourceText(talk: Talk): string {
  return hasPorts(talk) ? endpointText(talk.source, talk.sourcePort) : addressText(talk.source);
}

export function destinationText(talk: Talk): string {
  return hasPorts(talk)
    ? endpointText(talk.destination, talk.destinationPort)
    : addressText(talk.destination);
}

/** `tcp`, `icmp echo request`, `icmp fragment`, `arp request`, `EtherType 0x88cc`. */
export function kindText(talk: Talk): string {
  if (talk.form === FORM_OTHER) return `EtherType 0x${talk.etherType.toString(16).padStart(4, '0')}`;
  if (talk.form === FORM_ARP) {
    if (talk.protocol === arp.OPERATION_REQUEST) return 'arp request';
    return talk.protocol === arp.OPERATION_REPLY ? 'arp reply' : `arp operation ${talk.protocol}`;
  }
  const name = protocolText(talk.protocol);
  if (talk.form === FORM_FRAGMENT) return `${name} fragment`;
  if (talk.form === FORM_CUT) return `${name} cut short`;
  if (!isIcmp(talk)) return name;
  const types = talk.protocol === ipv4.PROTOCOL_ICMP ? ICMP_TYPES : ICMPV6_TYPES;
  return `${name} ${types[talk.icmpType] ?? `type ${talk.icmpType}`}`;
}

/** `10.0.0.1:33000 → 10.0.0.2:80 tcp`. */
export function talkText(talk: Talk): string {
  if (talk.form === FORM_OTHER) return kindText(talk);
  return `${sourceText(talk)} → ${destinationText(talk)} ${kindText(talk)}`;
}

/** What was translated on the way: `, to 10.0.0.2:8080`, `, from 10.96.0.80:80`, or nothing. */
export function changeText(before: Talk, after: Talk): string {
  if (before.form !== after.form || before.protocol !== after.protocol) return '';
  return translationText(
    sourceText(before),
    destinationText(before),
    sourceText(after),
    destinationText(after),
  );
}

export function translationText(
  source: string,
  destination: string,
  newSource: string,
  newDestination: string,
): string {
  const from = source === newSource ? '' : `, from ${newSource}`;
  const to = destination === newDestination ? '' : `, to ${newDestination}`;
  return from + to;
}
