/** The packet that whoever received one would answer with. */
import * as arp from '../../engine/wire/arp.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import type { PacketContent, PacketProtocol } from './packet-request.js';

const TTL = 64;
const DEFAULT_ID = 0x2a51;

/** The answer to a frame, or why there is none. */
export function replyTo(frame: Uint8Array): PacketContent | string {
  const end = frame.length;
  const at = ethernet.HEADER_LENGTH;
  const type = ethernet.type(frame, 0);
  if (type === ethernet.TYPE_ARP && arp.fits(at, end)) return 'ARP is answered on the spot or not at all';
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(at, end)) {
    if (ipv4.isFragment(frame, at)) return 'a fragment is not answered';
    const l4At = at + ipv4.headerLength(frame, at);
    const length = ipv4.totalLength(frame, at);
    return answer(frame, ipv4.protocol(frame, at), l4At, length, {
      source: frame.slice(ipv4.destinationAt(at), ipv4.destinationAt(at) + 4),
      destination: frame.slice(ipv4.sourceAt(at), ipv4.sourceAt(at) + 4),
    });
  }
  if (type !== ethernet.TYPE_IPV6 || !ipv6.fits(at, end)) return 'it is no IP packet';
  let next = ipv6.nextHeader(frame, at);
  let l4At = at + ipv6.HEADER_LENGTH;
  while (ipv6.isExtension(next) && ipv6.fitsExtension(l4At, end)) {
    if (next === ipv6.NEXT_FRAGMENT) return 'a fragment is not answered';
    const kind = next;
    next = ipv6.extensionNextHeader(frame, l4At);
    l4At += ipv6.extensionLength(frame, l4At, kind);
  }
  return answer(frame, next, l4At, ipv6.HEADER_LENGTH + ipv6.payloadLength(frame, at), {
    source: frame.slice(ipv6.destinationAt(at), ipv6.destinationAt(at) + 16),
    destination: frame.slice(ipv6.sourceAt(at), ipv6.sourceAt(at) + 16),
  });
}

type Ends = Pick<PacketContent, 'source' | 'destination'>;

function answer(
  frame: Uint8Array,
  protocol: number,
  at: number,
  length: number,
  ends: Ends,
): PacketContent | string {
  const end = frame.length;
  if (protocol === ipv4.PROTOCOL_TCP && tcp.fits(at, end)) {
    const flags = answerFlags(tcp.flags(frame, at));
    if (flags === null) return 'a reset is not answered';
    return { ...content('tcp', ends), flags, ...ports(frame, at) };
  }
  if (protocol === ipv4.PROTOCOL_UDP && udp.fits(at, end)) {
    return { ...content('udp', ends), length, ...ports(frame, at) };
  }
  if (protocol === ipv4.PROTOCOL_ICMP && icmp.fits(at, end)) {
    if (icmp.type(frame, at) !== icmp.ECHO_REQUEST)
      return 'an ICMP message that is no question is not answered';
    const id = icmp.identifier(frame, at);
    return { ...content('icmp', ends), icmpType: icmp.ECHO_REPLY, length, id };
  }
  if (protocol === ipv6.NEXT_ICMPV6 && icmpv6.fits(at, end)) {
    if (icmpv6.type(frame, at) !== icmpv6.ECHO_REQUEST)
      return 'an ICMPv6 message that is no question is not answered';
    const id = icmpv6.identifier(frame, at);
    return { ...content('icmpv6', ends), icmpType: icmpv6.ECHO_REPLY, length, id };
  }
  return 'nobody knows how to answer it';
}

/** The ports of all transports are where UDP has them. */
function ports(frame: Uint8Array, at: number): Pick<PacketContent, 'sourcePort' | 'destinationPort'> {
  return { sourcePort: udp.destinationPort(frame, at), destinationPort: udp.sourcePort(frame, at) };
}

/** RFC 9293 section 3.10.7: what a listener, or an established peer, sends; null for nothing. */
function answerFlags(flags: number): number | null {
  if ((flags & tcp.RST) !== 0) return null;
  if ((flags & tcp.SYN) !== 0) return (flags & tcp.ACK) !== 0 ? tcp.ACK : tcp.SYN | tcp.ACK;
  return (flags & tcp.FIN) !== 0 ? tcp.FIN | tcp.ACK : tcp.ACK;
}

function content(protocol: PacketProtocol, ends: Ends): PacketContent {
  return {
    protocol,
    ...ends,
    sourcePort: 0,
    destinationPort: 0,
    flags: 0,
    ttl: TTL,
    length: 0,
    dontFragment: ends.source.length === ipv4.ADDRESS_LENGTH,
    fragmentOffset: -1,
    moreFragments: false,
    id: DEFAULT_ID,
    typeOfService: 0,
    icmpType: 0,
    icmpCode: 0,
    ipProtocol: 0,
    vlan: -1,
  };
}
