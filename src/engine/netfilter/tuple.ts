/**
 * What netfilter's conntrack tells connections apart by (nf_conntrack_tuple): addresses, ports and protocol of a packet
 * in one direction. As words, so that a tuple is the key of a map:
 *
 *   0-3   source address, raw words; an IPv4 address is the first, the others are 0
 *   4-7   destination address
 *   8     source port in the lower half, destination port in the upper, in memory order. Of ICMP: the identifier
 *         below, type and code above. Of protocols without ports 0.
 *   9     protocol, family (4 or 6) from bit 8 on, zone from bit 16 on
 */
import { i32le } from '../wire/bytes.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as udp from '../wire/udp.js';

export const TUPLE_WORDS = 10;
export const SOURCE_WORD = 0;
export const DESTINATION_WORD = 4;
export const PORTS_WORD = 8;
export const PROTOCOL_WORD = 9;

const PROTOCOL_DCCP = 33;
const PROTOCOL_UDPLITE = 136;

/** Type and code of an ICMP echo or information message with an answer: the answer's type, by type (RFC 792, 950). */
const ICMP_ANSWERS: readonly (readonly [number, number])[] = [
  [icmp.ECHO_REQUEST, icmp.ECHO_REPLY],
  [13, 14],
  [15, 16],
  [17, 18],
];
/** Echo (RFC 4443), node information query (RFC 4620). */
const ICMPV6_ANSWERS: readonly (readonly [number, number])[] = [
  [128, 129],
  [139, 140],
];

const NO_ANSWER = -1;
const inverses = (pairs: readonly (readonly [number, number])[]): Int16Array => {
  const table = new Int16Array(256).fill(NO_ANSWER);
  for (const [question, answer] of pairs) {
    table[question] = answer;
    table[answer] = question;
  }
  return table;
};
const ICMP_INVERSE = inverses(ICMP_ANSWERS);
const ICMPV6_INVERSE = inverses(ICMPV6_ANSWERS);
const isQuestion = (pairs: readonly (readonly [number, number])[], type: number): boolean =>
  pairs.some(([question]) => question === type);

export function protocolOf(words: Int32Array, at: number): number {
  return words[at + PROTOCOL_WORD] & 0xff;
}

export function isIpv4(words: Int32Array, at: number): boolean {
  return ((words[at + PROTOCOL_WORD] >> 8) & 0xff) === 4;
}

export function zoneOf(words: Int32Array, at: number): number {
  return words[at + PROTOCOL_WORD] >>> 16;
}

/** Source port, or the identifier of an ICMP message, in memory order. */
export function sourcePort(words: Int32Array, at: number): number {
  return words[at + PORTS_WORD] & 0xffff;
}

/** Destination port, or type (below) and code of an ICMP message, in memory order. */
export function destinationPort(words: Int32Array, at: number): number {
  return words[at + PORTS_WORD] >>> 16;
}

export function isIcmp(protocol: number): boolean {
  return protocol === ipv4.PROTOCOL_ICMP || protocol === ipv6.NEXT_ICMPV6;
}

export function hasPorts(protocol: number): boolean {
  return (
    protocol === ipv4.PROTOCOL_TCP ||
    protocol === ipv4.PROTOCOL_UDP ||
    protocol === ipv4.PROTOCOL_SCTP ||
    protocol === PROTOCOL_DCCP ||
    protocol === PROTOCOL_UDPLITE
  );
}

/** Writes the tuple of an answer; false for an ICMP message that has none. `to` may not be `from`. */
export function invert(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): boolean {
  for (let i = 0; i < 4; i++) {
    to[toAt + SOURCE_WORD + i] = from[fromAt + DESTINATION_WORD + i];
    to[toAt + DESTINATION_WORD + i] = from[fromAt + SOURCE_WORD + i];
  }
  const ports = from[fromAt + PORTS_WORD];
  const protocol = protocolOf(from, fromAt);
  to[toAt + PROTOCOL_WORD] = from[fromAt + PROTOCOL_WORD];
  if (!isIcmp(protocol)) {
    to[toAt + PORTS_WORD] = (ports >>> 16) | (ports << 16);
    return true;
  }
  const table = protocol === ipv6.NEXT_ICMPV6 ? ICMPV6_INVERSE : ICMP_INVERSE;
  const inverse = table[(ports >>> 16) & 0xff];
  to[toAt + PORTS_WORD] = (ports & 0xff00ffff) | ((inverse & 0xff) << 16);
  return inverse !== NO_ANSWER;
}

/** Whether a connection may begin with this ICMP message. */
export function opensConnection(words: Int32Array, at: number): boolean {
  const pairs = protocolOf(words, at) === ipv6.NEXT_ICMPV6 ? ICMPV6_ANSWERS : ICMP_ANSWERS;
  return isQuestion(pairs, destinationPort(words, at) & 0xff);
}

export function copyTuple(to: Int32Array, toAt: number, from: Int32Array, fromAt: number): void {
  for (let i = 0; i < TUPLE_WORDS; i++) to[toAt + i] = from[fromAt + i];
}

/** A packet's tuple as it was read, and where its parts are. One is used again and again. */
export class PacketTuple {
  readonly words = new Int32Array(TUPLE_WORDS);
  protocol = 0;
  ipAt = 0;
  isIpv4 = true;
  /** The transport header; -1 in a fragment that does not hold it. */
  transportAt = -1;
  /** Whether the packet is a fragment, and its identification as the raw value. */
  isFragment = false;
  identification = 0;

  /**
   * Reads the IP packet at `ipAt`, whose IP header has been checked or, inside of an ICMP error, fits. False when the
   * ports are cut off. A later fragment has no ports: word 8 stays 0 and `transportAt` -1.
   */
  read(bytes: Uint8Array, ipAt: number, end: number, v4: boolean, zone: number): boolean {
    const { words } = this;
    this.ipAt = ipAt;
    this.isIpv4 = v4;
    this.transportAt = v4 ? this.#readIpv4(bytes, ipAt) : this.#readIpv6(bytes, ipAt, end);
    words[PORTS_WORD] = 0;
    words[PROTOCOL_WORD] = this.protocol | ((v4 ? 4 : 6) << 8) | (zone << 16);
    const at = this.transportAt;
    if (at < 0) return this.isFragment;
    if (isIcmp(this.protocol)) {
      if (!icmp.fits(at, end)) return false;
      const id = icmp.identifierRaw(bytes, at);
      words[PORTS_WORD] = id | (icmp.type(bytes, at) << 16) | (icmp.code(bytes, at) << 24);
      return true;
    }
    if (!hasPorts(this.protocol)) return true;
    if (at + udp.PORTS_LENGTH > end) return false;
    words[PORTS_WORD] = udp.portsRaw(bytes, at);
    return true;
  }

  #readIpv4(bytes: Uint8Array, ipAt: number): number {
    const { words } = this;
    words.fill(0, 0, PORTS_WORD);
    words[SOURCE_WORD] = ipv4.source(bytes, ipAt);
    words[DESTINATION_WORD] = ipv4.destination(bytes, ipAt);
    this.protocol = ipv4.protocol(bytes, ipAt);
    this.isFragment = ipv4.isFragment(bytes, ipAt);
    this.identification = ipv4.identification(bytes, ipAt);
    return ipv4.isLaterFragment(bytes, ipAt) ? -1 : ipAt + ipv4.headerLength(bytes, ipAt);
  }

  /** Past the extension headers; a chain that is cut off leaves -1 and is no fragment. */
  #readIpv6(bytes: Uint8Array, ipAt: number, end: number): number {
    const { words } = this;
    for (let i = 0; i < 4; i++) {
      words[SOURCE_WORD + i] = ipv6.sourceWord(bytes, ipAt, i);
      words[DESTINATION_WORD + i] = ipv6.destinationWord(bytes, ipAt, i);
    }
    this.isFragment = false;
    let next = ipv6.nextHeader(bytes, ipAt);
    let at = ipAt + ipv6.HEADER_LENGTH;
    let isLater = false;
    while (ipv6.isExtension(next) && !isLater) {
      if (at + ipv6.FRAGMENT_LENGTH > end) return -1;
      if (next === ipv6.NEXT_FRAGMENT) {
        this.isFragment = ipv6.isFragment(bytes, at);
        this.identification = ipv6.fragmentIdentificationRaw(bytes, at);
        isLater = ipv6.isLaterFragment(bytes, at);
      }
      const length = ipv6.extensionLength(bytes, at, next);
      next = ipv6.extensionNextHeader(bytes, at);
      at += length;
    }
    this.protocol = next;
    return isLater ? -1 : at;
  }
}

/** Whether an ICMP message of the tuple's protocol quotes a packet: errors, and redirects of IPv4. */
export function quotesPacket(bytes: Uint8Array, tuple: PacketTuple): boolean {
  const at = tuple.transportAt;
  if (at < 0) return false;
  if (tuple.protocol === ipv6.NEXT_ICMPV6) return icmpv6.isError(bytes, at);
  if (tuple.protocol !== ipv4.PROTOCOL_ICMP) return false;
  return icmp.isError(bytes, at) || icmp.type(bytes, at) === icmp.REDIRECT;
}

/** Whether the address at `address[at]` of a tuple is that of `bytes` (4 or 16). */
export function hasAddress(words: Int32Array, at: number, address: Uint8Array): boolean {
  for (let i = 0; i < address.length >> 2; i++) if (words[at + i] !== i32le(address, i * 4)) return false;
  return true;
}
