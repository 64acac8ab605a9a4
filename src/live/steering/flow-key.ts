/**
 * What tells a frame's flow: a fingerprint of 64 bits that is the same for both directions. It is made of the innermost
 * packet of a tunnel's, and of the packet that an ICMP error is about.
 */
import * as arp from '../../engine/wire/arp.js';
import { i32le, u16le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as geneve from '../../engine/wire/geneve.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as udp from '../../engine/wire/udp.js';
import * as vlan from '../../engine/wire/vlan.js';
import * as vxlan from '../../engine/wire/vxlan.js';
import * as wireguard from '../../engine/wire/wireguard.js';

/** What `read` found. */
export const NO_FLOW = 0;
/** An answer to a question that any worker may have asked: ARP reply, neighbour advertisement. */
export const FOR_ALL = 1;
export const FLOW = 2;
/** A fragment with the ports in it, and one without. */
export const FIRST_FRAGMENT = 3;
export const LATER_FRAGMENT = 4;

/** Packets inside of packets that are followed. */
const DEPTH_LIMIT = 4;
const IPV4_WORDS = 1;
const IPV6_WORDS = 4;

/** UDP ports of tunnels, 0 for none. */
export interface TunnelPorts {
  readonly tunnelPort: number;
  readonly isGeneve: boolean;
  readonly wireguardPort: number;
}

export class FlowKey {
  /** The flow's fingerprint, after FLOW and FIRST_FRAGMENT. */
  low = 0;
  high = 0;
  /** Of the two addresses alone. */
  addresses = 0;
  /** Of the datagram that a fragment is of. */
  datagramLow = 0;
  datagramHigh = 0;
  readonly #tunnelPort: number;
  readonly #isGeneve: boolean;
  readonly #wireguardPort: number;

  constructor({ tunnelPort, isGeneve, wireguardPort }: TunnelPorts) {
    this.#tunnelPort = tunnelPort;
    this.#isGeneve = isGeneve;
    this.#wireguardPort = wireguardPort;
  }

  /** Reads the frame `bytes[start .. end)`; answers one of the constants above. */
  read(bytes: Uint8Array, start: number, end: number): number {
    return this.#frame(bytes, start, end, 0);
  }

  /**
   * Takes the flow of two addresses of `words` words, one behind the other in `bytes`, each with its port as it is in
   * memory; of ICMP the identifier is one of the two, and the other 0.
   */
  take(
    bytes: Uint8Array,
    addressesAt: number,
    words: number,
    protocol: number,
    firstPort: number,
    secondPort: number,
  ): void {
    if (hasPorts(protocol)) this.#note(bytes, addressesAt, words, protocol, firstPort, secondPort);
    else {
      const identifier = firstPort | secondPort;
      this.#note(bytes, addressesAt, words, protocol, identifier, identifier);
    }
  }

  #frame(bytes: Uint8Array, start: number, end: number, depth: number): number {
    if (!ethernet.fits(start, end)) return NO_FLOW;
    let type = ethernet.type(bytes, start);
    let at = start + ethernet.HEADER_LENGTH;
    for (; ethernet.isTag(type) && vlan.fits(at, end); at += vlan.HEADER_LENGTH) type = vlan.type(bytes, at);
    if (type === ethernet.TYPE_IPV4) return this.#ipv4(bytes, at, end, depth);
    if (type === ethernet.TYPE_IPV6) return this.#ipv6(bytes, at, end, depth);
    const isReply =
      type === ethernet.TYPE_ARP && arp.fits(at, end) && arp.operation(bytes, at) === arp.OPERATION_REPLY;
    return isReply ? FOR_ALL : NO_FLOW;
  }

  #ipv4(bytes: Uint8Array, at: number, end: number, depth: number): number {
    if (!ipv4.fits(at, end) || depth === DEPTH_LIMIT) return NO_FLOW;
    const protocol = ipv4.protocol(bytes, at);
    const nextAt = at + ipv4.headerLength(bytes, at);
    const field = ipv4.fragmentField(bytes, at);
    const isLater = (field & ipv4.FRAGMENT_OFFSET_MASK) !== 0;
    const isFragment = isLater || (field & ipv4.MORE_FRAGMENTS) !== 0;
    const sourceAt = ipv4.sourceAt(at);
    if (isFragment) this.#noteDatagram(bytes, sourceAt, IPV4_WORDS, ipv4.identification(bytes, at));
    if (isLater) return LATER_FRAGMENT;
    const kind = this.#transport(bytes, sourceAt, IPV4_WORDS, protocol, nextAt, end, depth);
    return isFragment && kind === FLOW ? FIRST_FRAGMENT : kind;
  }

  #ipv6(bytes: Uint8Array, at: number, end: number, depth: number): number {
    if (!ipv6.fits(at, end) || depth === DEPTH_LIMIT) return NO_FLOW;
    const sourceAt = ipv6.sourceAt(at);
    let next = ipv6.nextHeader(bytes, at);
    let nextAt = at + ipv6.HEADER_LENGTH;
    let isFragment = false;
    while (ipv6.isExtension(next)) {
      if (!ipv6.fitsExtension(nextAt, end)) return NO_FLOW;
      if (next === ipv6.NEXT_FRAGMENT && ipv6.isFragment(bytes, nextAt)) {
        isFragment = true;
        this.#noteDatagram(bytes, sourceAt, IPV6_WORDS, ipv6.fragmentIdentification(bytes, nextAt));
        if (ipv6.isLaterFragment(bytes, nextAt)) return LATER_FRAGMENT;
      }
      const length = ipv6.extensionLength(bytes, nextAt, next);
      next = ipv6.extensionNextHeader(bytes, nextAt);
      nextAt += length;
    }
    const kind = this.#transport(bytes, sourceAt, IPV6_WORDS, next, nextAt, end, depth);
    return isFragment && kind === FLOW ? FIRST_FRAGMENT : kind;
  }

  #transport(
    bytes: Uint8Array,
    sourceAt: number,
    words: number,
    protocol: number,
    at: number,
    end: number,
    depth: number,
  ): number {
    let ports = 0;
    if (protocol === ipv4.PROTOCOL_ICMP) {
      if (!icmp.fits(at, end)) return NO_FLOW;
      if (icmp.isError(bytes, at)) return this.#ipv4(bytes, icmp.quotedAt(at), end, depth + 1);
      ports = icmp.identifier(bytes, at);
    } else if (protocol === ipv6.NEXT_ICMPV6) {
      if (!icmpv6.fits(at, end)) return NO_FLOW;
      const type = icmpv6.type(bytes, at);
      if (type < icmpv6.ECHO_REQUEST) return this.#ipv6(bytes, at + icmpv6.HEADER_LENGTH, end, depth + 1);
      if (type === icmpv6.NEIGHBOUR_ADVERTISEMENT) return FOR_ALL;
      if (type > icmpv6.ECHO_REPLY) return NO_FLOW;
      ports = icmp.identifier(bytes, at);
    } else if (protocol === ipv4.PROTOCOL_IPIP) return this.#ipv4(bytes, at, end, depth + 1);
    else if (protocol === ipv6.NEXT_IPV6) return this.#ipv6(bytes, at, end, depth + 1);
    else if (hasPorts(protocol)) {
      if (at + 4 > end) return NO_FLOW;
      if (protocol === ipv4.PROTOCOL_UDP && udp.fits(at, end)) {
        const port = udp.destinationPort(bytes, at);
        if (port === this.#tunnelPort) return this.#inTunnel(bytes, at, end, depth);
        if (port === this.#wireguardPort && isClearWireguard(bytes, at, end)) {
          return this.#inWireguard(bytes, at, end, depth);
        }
      }
      this.#note(bytes, sourceAt, words, protocol, u16le(bytes, at), u16le(bytes, at + 2));
      return FLOW;
    }
    this.#note(bytes, sourceAt, words, protocol, ports, ports);
    return FLOW;
  }

  #inTunnel(bytes: Uint8Array, udpAt: number, end: number, depth: number): number {
    const at = udpAt + udp.HEADER_LENGTH;
    if (!vxlan.fits(at, end)) return NO_FLOW;
    const length = this.#isGeneve
      ? geneve.HEADER_LENGTH + geneve.optionsLength(bytes, at)
      : vxlan.HEADER_LENGTH;
    return this.#frame(bytes, at + length, end, depth + 1);
  }

  #inWireguard(bytes: Uint8Array, udpAt: number, end: number, depth: number): number {
    const at = udpAt + udp.HEADER_LENGTH + wireguard.HEADER_LENGTH;
    return ipv4.version(bytes, at) === ipv6.VERSION
      ? this.#ipv6(bytes, at, end - wireguard.TAG_LENGTH, depth + 1)
      : this.#ipv4(bytes, at, end - wireguard.TAG_LENGTH, depth + 1);
  }

  #note(
    bytes: Uint8Array,
    sourceAt: number,
    words: number,
    protocol: number,
    sourcePort: number,
    destinationPort: number,
  ): void {
    const one = addressHash(bytes, sourceAt, words);
    const other = addressHash(bytes, sourceAt + 4 * words, words);
    this.addresses = mix(one + other);
    // The sum of both ends does not tell them apart.
    const ends =
      mix(one ^ Math.imul(sourcePort, 0x85ebca6b)) + mix(other ^ Math.imul(destinationPort, 0x85ebca6b));
    this.low = mix(ends ^ protocol);
    this.high = mix(Math.imul(ends, 0x27d4eb2f) + this.addresses + protocol);
  }

  #noteDatagram(bytes: Uint8Array, sourceAt: number, words: number, identification: number): void {
    const one = addressHash(bytes, sourceAt, words);
    const other = addressHash(bytes, sourceAt + 4 * words, words);
    this.addresses = mix(one + other);
    this.datagramLow = mix(one ^ Math.imul(identification, 0xc2b2ae35));
    this.datagramHigh = mix(other + Math.imul(this.datagramLow, 0x27d4eb2f));
  }
}

/** A message of data whose packet can be seen (see engine/stack/wireguard.ts). */
function isClearWireguard(bytes: Uint8Array, udpAt: number, end: number): boolean {
  const at = udpAt + udp.HEADER_LENGTH;
  const tagAt = end - wireguard.TAG_LENGTH;
  if (tagAt <= at + wireguard.HEADER_LENGTH) return false;
  return wireguard.type(bytes, at) === wireguard.TYPE_DATA && wireguard.isClearTag(bytes, tagAt);
}

function hasPorts(protocol: number): boolean {
  return protocol === ipv4.PROTOCOL_TCP || protocol === ipv4.PROTOCOL_UDP || protocol === ipv4.PROTOCOL_SCTP;
}

function addressHash(bytes: Uint8Array, at: number, words: number): number {
  let hash = words;
  for (let i = 0; i < words; i++) hash = mix(hash ^ i32le(bytes, at + 4 * i));
  return hash;
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of the word. */
function mix(word: number): number {
  let hash = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
