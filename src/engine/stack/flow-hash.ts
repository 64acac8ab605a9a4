/**
 * The hash by which Linux chooses among a route's next hops (fib_multipath_hash, rt6_multipath_hash): of the addresses
 * (policy 0, of an ICMP error those of the packet it quotes), or of addresses, protocol and ports (policy 1). It is the
 * same for both directions of a flow. What is hashed is `struct flow_keys` from the protocol on, as words:
 *
 *   0    protocol in its third byte        1    IPv6 flow label (policy 0)
 *   7    ports                             9-   addresses, 2 or 8 words
 */
import { i32le, swap32 } from '../wire/bytes.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as udp from '../wire/udp.js';
import { sipHash32 } from './siphash.js';

export const BY_ADDRESSES = 0;
export const BY_PORTS = 1;

const LABEL_WORD = 1;
const PORTS_WORD = 7;
const ADDRESSES_WORD = 9;
const IPV4_WORDS = 12;
const IPV6_WORDS = 18;
/** 20 bits of a word in memory order. */
const FLOW_LABEL_RAW = swap32(0xfffff);

const keys = new Int32Array(IPV6_WORDS);

export class FlowHash {
  /** net.ipv4.fib_multipath_hash_policy, and that of IPv6. */
  ipv4Policy = BY_ADDRESSES;
  ipv6Policy = BY_ADDRESSES;
  readonly #key = new Int32Array(4).fill(1);

  /** net.ipv4.fib_multipath_hash_seed; a kernel takes a random one when it is not set. */
  set seed(value: number) {
    this.#key.fill(value);
  }

  /** 31 bits for the IP packet at `ipAt`, whose header is checked. */
  ofPacket(bytes: Uint8Array, ipAt: number, end: number, isIpv4: boolean): number {
    keys.fill(0);
    if (isIpv4) {
      if (this.ipv4Policy === BY_PORTS) readIpv4Flow(bytes, ipAt, end);
      else readIpv4Addresses(bytes, ipAt, end);
    } else if (this.ipv6Policy === BY_PORTS) readIpv6Flow(bytes, ipAt, end);
    else readIpv6Addresses(bytes, ipAt, end);
    return this.#finish(isIpv4);
  }

  /**
   * As `ofPacket` for what is known of a flow: addresses of `length` bytes at `bytes[sourceAt]` and `[destinationAt]`,
   * its protocol, both ports and the flow label as raw words.
   */
  ofFlow(
    bytes: Uint8Array,
    sourceAt: number,
    destinationAt: number,
    length: number,
    protocol: number,
    portsRaw: number,
    labelRaw: number,
  ): number {
    const isIpv4 = length === ipv4.ADDRESS_LENGTH;
    keys.fill(0);
    putAddresses(bytes, sourceAt, destinationAt, length);
    const byPorts = (isIpv4 ? this.ipv4Policy : this.ipv6Policy) === BY_PORTS;
    if (byPorts) keys[PORTS_WORD] = portsRaw;
    else if (!isIpv4) keys[LABEL_WORD] = labelRaw & FLOW_LABEL_RAW;
    if (byPorts || !isIpv4) putProtocol(protocol);
    return this.#finish(isIpv4);
  }

  #finish(isIpv4: boolean): number {
    orderEnds(isIpv4);
    const hash = sipHash32(keys, isIpv4 ? IPV4_WORDS : IPV6_WORDS, this.#key);
    return (hash === 0 ? 1 : hash) >>> 1;
  }
}

function putProtocol(protocol: number): void {
  keys[0] = protocol << 16;
}

function putAddresses(bytes: Uint8Array, sourceAt: number, destinationAt: number, length: number): void {
  const count = length >> 2;
  for (let i = 0; i < count; i++) {
    keys[ADDRESSES_WORD + i] = i32le(bytes, sourceAt + 4 * i);
    keys[ADDRESSES_WORD + count + i] = i32le(bytes, destinationAt + 4 * i);
  }
}

function readIpv4Addresses(bytes: Uint8Array, ipAt: number, end: number): void {
  let at = ipAt;
  if (ipv4.protocol(bytes, ipAt) === ipv4.PROTOCOL_ICMP && !ipv4.isLaterFragment(bytes, ipAt)) {
    const icmpAt = ipAt + ipv4.headerLength(bytes, ipAt);
    const isError = icmp.fits(icmpAt, end) && quotes(icmp.type(bytes, icmpAt));
    if (isError && ipv4.fits(icmp.quotedAt(icmpAt), end)) at = icmp.quotedAt(icmpAt);
  }
  putAddresses(bytes, ipv4.sourceAt(at), ipv4.destinationAt(at), ipv4.ADDRESS_LENGTH);
}

/** ICMP errors, redirects and source quench among them. */
function quotes(type: number): boolean {
  return type === 3 || type === 4 || type === icmp.REDIRECT || type === 11 || type === 12;
}

function readIpv6Addresses(bytes: Uint8Array, ipAt: number, end: number): void {
  let at = ipAt;
  if (ipv6.nextHeader(bytes, ipAt) === ipv6.NEXT_ICMPV6) {
    const icmpAt = ipAt + ipv6.HEADER_LENGTH;
    const isError = icmpv6.fits(icmpAt, end) && icmpv6.isError(bytes, icmpAt);
    if (isError && ipv6.fits(icmpv6.quotedAt(icmpAt), end)) at = icmpv6.quotedAt(icmpAt);
  }
  putAddresses(bytes, ipv6.sourceAt(at), ipv6.destinationAt(at), ipv6.ADDRESS_LENGTH);
  keys[LABEL_WORD] = i32le(bytes, at) & FLOW_LABEL_RAW;
  putProtocol(ipv6.nextHeader(bytes, at));
}

function readIpv4Flow(bytes: Uint8Array, ipAt: number, end: number): void {
  putAddresses(bytes, ipv4.sourceAt(ipAt), ipv4.destinationAt(ipAt), ipv4.ADDRESS_LENGTH);
  const protocol = ipv4.protocol(bytes, ipAt);
  putProtocol(protocol);
  if (!ipv4.isFragment(bytes, ipAt)) {
    putPorts(bytes, ipAt + ipv4.headerLength(bytes, ipAt), end, protocol);
  }
}

function readIpv6Flow(bytes: Uint8Array, ipAt: number, end: number): void {
  putAddresses(bytes, ipv6.sourceAt(ipAt), ipv6.destinationAt(ipAt), ipv6.ADDRESS_LENGTH);
  let next = ipv6.nextHeader(bytes, ipAt);
  let at = ipAt + ipv6.HEADER_LENGTH;
  while (ipv6.isExtension(next) && ipv6.fitsExtension(at, end)) {
    const length = ipv6.extensionLength(bytes, at, next);
    const isFragment = next === ipv6.NEXT_FRAGMENT;
    next = ipv6.extensionNextHeader(bytes, at);
    at += length;
    if (isFragment) {
      putProtocol(next);
      return;
    }
  }
  putProtocol(next);
  putPorts(bytes, at, end, next);
}

function putPorts(bytes: Uint8Array, at: number, end: number, protocol: number): void {
  const hasPorts =
    protocol === ipv4.PROTOCOL_TCP || protocol === ipv4.PROTOCOL_UDP || protocol === ipv4.PROTOCOL_SCTP;
  if (hasPorts && at + udp.PORTS_LENGTH <= end) keys[PORTS_WORD] = udp.portsRaw(bytes, at);
}

/** The lower address and the lower port first, as raw values in memory, so that both directions have one hash. */
function orderEnds(isIpv4: boolean): void {
  const count = isIpv4 ? 1 : 4;
  if (isLower(ADDRESSES_WORD + count, ADDRESSES_WORD, count)) {
    for (let i = 0; i < count; i++) {
      const source = keys[ADDRESSES_WORD + i];
      keys[ADDRESSES_WORD + i] = keys[ADDRESSES_WORD + count + i];
      keys[ADDRESSES_WORD + count + i] = source;
    }
  }
  const ports = keys[PORTS_WORD];
  if (ports >>> 16 < (ports & 0xffff)) keys[PORTS_WORD] = (ports >>> 16) | (ports << 16);
}

/** IPv4 addresses compare as little-endian words, those of IPv6 byte by byte. */
function isLower(a: number, b: number, count: number): boolean {
  if (count === 1) return keys[a] >>> 0 < keys[b] >>> 0;
  for (let i = 0; i < count; i++) {
    const [first, second] = [swap32(keys[a + i]) >>> 0, swap32(keys[b + i]) >>> 0];
    if (first !== second) return first < second;
  }
  return false;
}
