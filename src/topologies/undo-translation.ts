/**
 * Takes a service translation back. A frame captured on its way into a pod carries the service's address as its source;
 * where it entered the node it carried the backend's. The node's own conntrack entries say which backend it was.
 */
import { i32le, put16le, put32le, u16le } from '../engine/wire/bytes.js';
import * as checksum from '../engine/wire/checksum.js';
import * as icmp from '../engine/wire/icmp.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as tcp from '../engine/wire/tcp.js';
import * as udp from '../engine/wire/udp.js';
import type { Datapath } from '../programs/datapath.js';
import type { Family } from '../programs/family.js';
import * as backends from '../programs/tables/backends.js';
import * as conntrack from '../programs/tables/conntrack.js';
import * as services from '../programs/tables/services.js';

/** Bytes of a transport header that are needed: the ports, at the same place in TCP and UDP. */
const FRAGMENTS_REMEMBERED = 64;
/** Source, destination, identification and protocol of a fragmented IPv4 datagram. */
const FRAGMENT_KEY_WORDS = 3;

export class TranslationUndo {
  readonly #datapath: Datapath;
  readonly #tuple = new Int32Array(10);
  readonly #service = new Int32Array(6);
  readonly #id = new Int32Array(1);
  /** Backends of the last fragmented datagrams, since only their first fragment has ports. */
  readonly #fragmentKeys = new Int32Array(FRAGMENTS_REMEMBERED * FRAGMENT_KEY_WORDS);
  readonly #fragmentBackends = new Int32Array(FRAGMENTS_REMEMBERED).fill(-1);
  #nextFragment = 0;

  /** The packet at hand. */
  #family: Family;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;

  constructor(datapath: Datapath) {
    this.#datapath = datapath;
    this.#family = datapath.ipv4;
  }

  /**
   * Rewrites the IP packet at `ipAt` (up to `end`) in place, checksums included. True when its source was a service.
   * The IP header is whole.
   */
  undo(bytes: Uint8Array, ipAt: number, end: number): boolean {
    this.#bytes = bytes;
    this.#end = end;
    this.#family = ipv4.version(bytes, ipAt) === ipv6.VERSION ? this.#datapath.ipv6 : this.#datapath.ipv4;
    const family = this.#family;
    const protocol = this.#protocol(ipAt);
    const l4At = this.#transportAt(ipAt);
    if (protocol === family.icmpProtocol) return this.#undoError(ipAt, l4At);
    if (protocol !== ipv4.PROTOCOL_TCP && protocol !== ipv4.PROTOCOL_UDP) return false;
    if (!family.isV6 && ipv4.isLaterFragment(bytes, ipAt)) return this.#undoLaterFragment(ipAt);
    if (l4At + udp.PORTS_LENGTH > end) return false;
    const sourceAt = ipAt + family.sourceOffset;
    const backendAt = this.#backend(
      protocol,
      sourceAt,
      ipAt + family.destinationOffset,
      udp.sourcePortRaw(bytes, l4At),
      udp.destinationPortRaw(bytes, l4At),
    );
    if (backendAt < 0) return false;
    if (!family.isV6 && ipv4.isFragment(bytes, ipAt)) this.#rememberFragment(ipAt, backendAt);
    this.#putAddress(ipAt, sourceAt, family.backends.words, backendAt >> 2, protocol, l4At);
    this.#putPort(l4At + udp.SOURCE_PORT_OFFSET, backendAt, protocol, l4At);
    return true;
  }

  #protocol(ipAt: number): number {
    return this.#family.isV6 ? ipv6.nextHeader(this.#bytes, ipAt) : ipv4.protocol(this.#bytes, ipAt);
  }

  #transportAt(ipAt: number): number {
    return ipAt + (this.#family.isV6 ? ipv6.HEADER_LENGTH : ipv4.headerLength(this.#bytes, ipAt));
  }

  /**
   * Offset of the backend of the connection from a client to a service, or -1 when the address and port are no
   * service's. Ports are raw. A connection that the node has not seen begin goes to the service's first backend.
   */
  #backend(
    protocol: number,
    serviceAt: number,
    clientAt: number,
    servicePort: number,
    clientPort: number,
  ): number {
    const family = this.#family;
    this.#fillTuple(serviceAt, clientAt, clientPort, servicePort, protocol, conntrack.TUPLE_SERVICE);
    const map = protocol === ipv4.PROTOCOL_TCP ? family.conntrackTcp : family.conntrackAny;
    const entryAt = map.lookup(this.#tuple, 0);
    const id =
      entryAt < 0
        ? this.#firstBackend(protocol, servicePort)
        : map.words[(entryAt >> 2) + conntrack.BACKEND_ID];
    if (id === 0) return -1;
    this.#id[0] = id;
    return family.backends.lookup(this.#id, 0);
  }

  /** A conntrack key: destination and source as the table has them, with raw ports. */
  #fillTuple(
    destinationAt: number,
    sourceAt: number,
    destinationPort: number,
    sourcePort: number,
    protocol: number,
    flags: number,
  ): void {
    const tuple = this.#tuple;
    const { addressWords, portsWord, metaWord } = this.#family;
    for (let i = 0; i < addressWords; i++) {
      tuple[i] = i32le(this.#bytes, destinationAt + 4 * i);
      tuple[addressWords + i] = i32le(this.#bytes, sourceAt + 4 * i);
    }
    tuple[portsWord] = destinationPort | (sourcePort << 16);
    tuple[metaWord] = protocol | (flags << 8);
  }

  /** Id of the backend in slot 1 of the service at the tuple's destination, or 0. */
  #firstBackend(protocol: number, servicePort: number): number {
    const { addressWords, services: map } = this.#family;
    const key = this.#service;
    for (let i = 0; i < addressWords; i++) key[i] = this.#tuple[i];
    key[addressWords] = servicePort | (1 << 16);
    key[addressWords + 1] = protocol | (services.SCOPE_EXTERNAL << 8);
    let at = map.lookup(key, 0);
    if (at < 0) {
      key[addressWords + 1] = services.SCOPE_EXTERNAL << 8;
      at = map.lookup(key, 0);
    }
    return at < 0 ? 0 : map.words[(at >> 2) + services.BACKEND_ID];
  }

  /** An ICMP error quotes the packet that the pod sent; a translator on the way back may have rewritten the quote. */
  #undoError(ipAt: number, icmpAt: number): boolean {
    const family = this.#family;
    const bytes = this.#bytes;
    const quotedAt = icmp.quotedAt(icmpAt);
    if (quotedAt + family.headerLength > this.#end) return false;
    if (!(family.isV6 ? icmpv6.isError(bytes, icmpAt) : icmp.isError(bytes, icmpAt))) return false;
    const protocol = this.#protocol(quotedAt);
    if (protocol !== ipv4.PROTOCOL_TCP && protocol !== ipv4.PROTOCOL_UDP) return false;
    const l4At = this.#transportAt(quotedAt);
    if (l4At + udp.PORTS_LENGTH > this.#end) return false;
    const sourceAt = ipAt + family.sourceOffset;
    const clientAt = quotedAt + family.sourceOffset;
    const targetAt = quotedAt + family.destinationOffset;
    const targetPort = udp.destinationPortRaw(bytes, l4At);
    const clientPort = udp.sourcePortRaw(bytes, l4At);
    const fromTarget = this.#isSameAddress(sourceAt, targetAt);
    const backendAt = this.#backend(protocol, targetAt, clientAt, targetPort, clientPort);
    if (backendAt < 0) {
      this.#fillTuple(clientAt, targetAt, targetPort, clientPort, protocol, conntrack.TUPLE_OUT);
      return this.#undoErrorSource(protocol, ipAt, icmpAt);
    }
    const quotedLength = this.#end - quotedAt;
    const before = checksum.sum(bytes, quotedAt, quotedLength, 0);
    this.#putAddress(quotedAt, targetAt, family.backends.words, backendAt >> 2, protocol, l4At);
    this.#putPort(l4At + udp.DESTINATION_PORT_OFFSET, backendAt, protocol, l4At);
    const after = checksum.sum(bytes, quotedAt, quotedLength, 0);
    checksum.addDifference(bytes, icmp.checksumAt(icmpAt), (~checksum.fold(before) & 0xffff) + after);
    // A router's error keeps its source; the backend's own was translated with the packet.
    if (fromTarget) {
      this.#putAddress(ipAt, sourceAt, family.backends.words, backendAt >> 2, family.icmpProtocol, icmpAt);
    }
    return true;
  }

  /**
   * Cilium leaves the quote as it is and translates the error's source alone: back to whom the quote was sent to.
   * The tuple is that of the quoted packet's connection.
   */
  #undoErrorSource(protocol: number, ipAt: number, icmpAt: number): boolean {
    const { addressWords, conntrackTcp, conntrackAny, reverseNat, sourceOffset, icmpProtocol } = this.#family;
    const map = protocol === ipv4.PROTOCOL_TCP ? conntrackTcp : conntrackAny;
    const entryAt = map.lookup(this.#tuple, 0);
    if (entryAt < 0) return false;
    this.#id[0] = map.words[(entryAt >> 2) + conntrack.FLAGS] >>> 16;
    const frontendAt = this.#id[0] === 0 ? -1 : reverseNat.lookup(this.#id, 0);
    if (frontendAt < 0) return false;
    const sourceAt = ipAt + sourceOffset;
    for (let i = 0; i < addressWords; i++) {
      if (reverseNat.words[(frontendAt >> 2) + i] !== i32le(this.#bytes, sourceAt + 4 * i)) return false;
    }
    this.#putAddress(ipAt, sourceAt, this.#tuple, addressWords, icmpProtocol, icmpAt);
    return true;
  }

  #undoLaterFragment(ipAt: number): boolean {
    for (let row = 0; row < FRAGMENTS_REMEMBERED; row++) {
      if (this.#fragmentBackends[row] < 0 || !this.#isFragmentOf(row, ipAt)) continue;
      const word = this.#fragmentBackends[row] >> 2;
      this.#putAddress(ipAt, ipv4.sourceAt(ipAt), this.#family.backends.words, word, 0, 0);
      return true;
    }
    return false;
  }

  #rememberFragment(ipAt: number, backendAt: number): void {
    const row = this.#nextFragment;
    this.#nextFragment = (row + 1) % FRAGMENTS_REMEMBERED;
    const word = row * FRAGMENT_KEY_WORDS;
    this.#fragmentKeys[word] = ipv4.source(this.#bytes, ipAt);
    this.#fragmentKeys[word + 1] = ipv4.destination(this.#bytes, ipAt);
    this.#fragmentKeys[word + 2] = fragmentIdentity(this.#bytes, ipAt);
    this.#fragmentBackends[row] = backendAt;
  }

  #isFragmentOf(row: number, ipAt: number): boolean {
    const word = row * FRAGMENT_KEY_WORDS;
    return (
      this.#fragmentKeys[word] === ipv4.source(this.#bytes, ipAt) &&
      this.#fragmentKeys[word + 1] === ipv4.destination(this.#bytes, ipAt) &&
      this.#fragmentKeys[word + 2] === fragmentIdentity(this.#bytes, ipAt)
    );
  }

  #isSameAddress(a: number, b: number): boolean {
    for (let i = 0; i < this.#family.addressWords; i++) {
      if (i32le(this.#bytes, a + 4 * i) !== i32le(this.#bytes, b + 4 * i)) return false;
    }
    return true;
  }

  /** Writes the address at `words[word]` to `at`, in the IP header at `ipAt`, and brings the checksums in line. */
  #putAddress(
    ipAt: number,
    at: number,
    words: Int32Array,
    word: number,
    protocol: number,
    l4At: number,
  ): void {
    const bytes = this.#bytes;
    let difference = 0;
    for (let i = 0; i < this.#family.addressWords; i++) {
      difference = checksum.difference(difference, i32le(bytes, at + 4 * i), words[word + i]);
      put32le(bytes, at + 4 * i, words[word + i]);
    }
    if (!this.#family.isV6) checksum.addDifference(bytes, ipv4.checksumAt(ipAt), difference);
    this.#addToTransport(protocol, l4At, difference);
  }

  /** Writes the backend's port (unless the backend keeps the packet's) at `at`. */
  #putPort(at: number, backendAt: number, protocol: number, l4At: number): void {
    const { backends: map, addressWords } = this.#family;
    const port = backends.port(map.words[(backendAt >> 2) + addressWords]);
    if (port === 0) return;
    const difference = checksum.difference(0, u16le(this.#bytes, at), port);
    put16le(this.#bytes, at, port);
    this.#addToTransport(protocol, l4At, difference);
  }

  /** Adds an address or port difference to a transport checksum, where the packet reaches that far. */
  #addToTransport(protocol: number, l4At: number, difference: number): void {
    const bytes = this.#bytes;
    if (protocol === ipv4.PROTOCOL_TCP) {
      if (tcp.fits(l4At, this.#end)) checksum.addDifference(bytes, tcp.checksumAt(l4At), difference);
    } else if (protocol === ipv4.PROTOCOL_UDP) {
      if (udp.fits(l4At, this.#end)) checksum.addDifferenceUdp(bytes, udp.checksumAt(l4At), difference);
    } else if (protocol === ipv6.NEXT_ICMPV6) {
      checksum.addDifference(bytes, icmpv6.checksumAt(l4At), difference);
    }
  }
}

function fragmentIdentity(bytes: Uint8Array, ipAt: number): number {
  return ipv4.identification(bytes, ipAt) | (ipv4.protocol(bytes, ipAt) << 16);
}
