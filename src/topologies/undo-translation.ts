/**
 * Takes a service translation back. A frame captured on its way into a pod carries the service's address as its source;
 * where it entered the node it carried the backend's. The node's own conntrack entries say which backend it was.
 */
import { i32le, put16le, put32le, u16le } from '../engine/wire/bytes.js';
import * as checksum from '../engine/wire/checksum.js';
import * as icmp from '../engine/wire/icmp.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as tcp from '../engine/wire/tcp.js';
import * as udp from '../engine/wire/udp.js';
import type { Datapath } from '../programs/datapath.js';
import type { Family } from '../programs/family.js';
import * as backends from '../programs/tables/backends.js';
import * as conntrack from '../programs/tables/conntrack.js';
import * as services from '../programs/tables/services.js';

/** Bytes of a transport header that are needed, and that every ICMP error quotes (RFC 792). */
const PORTS_LENGTH = 4;
const FRAGMENTS_REMEMBERED = 64;
/** Source, destination, identification and protocol of a fragmented IPv4 datagram. */
const FRAGMENT_KEY_WORDS = 3;

export class TranslationUndo {
  readonly #datapath: Datapath;
  readonly #tuple = new Int32Array(10);
  readonly #service = new Int32Array(6);
  readonly #id = new Int32Array(1);
  /** Backend of the last fragmented datagrams, since only their first fragment has ports. */
  readonly #fragmentKeys = new Int32Array(FRAGMENTS_REMEMBERED * FRAGMENT_KEY_WORDS);
  readonly #fragmentBackends = new Int32Array(FRAGMENTS_REMEMBERED).fill(-1);
  #nextFragment = 0;

  constructor(datapath: Datapath) {
    this.#datapath = datapath;
  }

  /**
   * Rewrites the IP packet at `ipAt` (up to `end`) in place, checksums included. True when its source was a service.
   * The IP header is whole.
   */
  undo(bytes: Uint8Array, ipAt: number, end: number): boolean {
    const isIpv6 = bytes[ipAt] >> 4 === 6;
    const family = isIpv6 ? this.#datapath.ipv6 : this.#datapath.ipv4;
    const protocol = isIpv6 ? bytes[ipAt + 6] : ipv4.protocol(bytes, ipAt);
    const l4At = ipAt + (isIpv6 ? family.headerLength : ipv4.headerLength(bytes, ipAt));
    if (protocol === family.icmpProtocol) return this.#undoError(family, bytes, ipAt, l4At, end);
    if (protocol !== ipv4.PROTOCOL_TCP && protocol !== ipv4.PROTOCOL_UDP) return false;
    if (!isIpv6 && ipv4.isLaterFragment(bytes, ipAt)) return this.#undoLaterFragment(family, bytes, ipAt);
    if (l4At + PORTS_LENGTH > end) return false;
    const servicePort = u16le(bytes, l4At);
    const backendAt = this.#backend(
      family,
      protocol,
      bytes,
      ipAt + family.sourceOffset,
      ipAt + family.destinationOffset,
      servicePort,
      u16le(bytes, l4At + 2),
    );
    if (backendAt < 0) return false;
    if (!isIpv6 && ipv4.isFragment(bytes, ipAt)) this.#rememberFragment(bytes, ipAt, backendAt);
    this.#rewriteAddress(
      family,
      bytes,
      ipAt,
      ipAt + family.sourceOffset,
      family.backends.words,
      backendAt >> 2,
      protocol,
      l4At,
      end,
    );
    this.#rewritePort(family, bytes, l4At, backendAt, protocol, l4At, end);
    return true;
  }

  /**
   * Offset of the backend of the connection from a client to a service, or -1 when the address and port are no
   * service's. Ports are raw. A connection that the node has not seen begin goes to the service's first backend.
   */
  #backend(
    family: Family,
    protocol: number,
    bytes: Uint8Array,
    serviceAt: number,
    clientAt: number,
    servicePort: number,
    clientPort: number,
  ): number {
    const n = family.addressWords;
    const tuple = this.#tuple;
    for (let i = 0; i < n; i++) {
      tuple[i] = i32le(bytes, serviceAt + 4 * i);
      tuple[n + i] = i32le(bytes, clientAt + 4 * i);
    }
    tuple[family.portsWord] = clientPort | (servicePort << 16);
    tuple[family.metaWord] = protocol | (conntrack.TUPLE_SERVICE << 8);
    const map = protocol === ipv4.PROTOCOL_TCP ? family.conntrackTcp : family.conntrackAny;
    const entryAt = map.lookup(tuple, 0);
    const id =
      entryAt < 0
        ? this.#firstBackend(family, protocol, servicePort)
        : map.words[(entryAt >> 2) + conntrack.BACKEND_ID];
    if (id === 0) return -1;
    this.#id[0] = id;
    return family.backends.lookup(this.#id, 0);
  }

  /** Id of the backend in slot 1 of the service at the tuple's destination, or 0. */
  #firstBackend(family: Family, protocol: number, servicePort: number): number {
    const n = family.addressWords;
    const key = this.#service;
    for (let i = 0; i < n; i++) key[i] = this.#tuple[i];
    key[n] = servicePort | (1 << 16);
    key[n + 1] = protocol | (services.SCOPE_EXTERNAL << 8);
    let at = family.services.lookup(key, 0);
    if (at < 0) {
      key[n + 1] = services.SCOPE_EXTERNAL << 8;
      at = family.services.lookup(key, 0);
    }
    return at < 0 ? 0 : family.services.words[(at >> 2) + services.BACKEND_ID];
  }

  /** An ICMP error quotes the packet that the pod sent; a translator on the way back may have rewritten the quote. */
  #undoError(family: Family, bytes: Uint8Array, ipAt: number, icmpAt: number, end: number): boolean {
    const quotedAt = icmpAt + icmp.HEADER_LENGTH;
    if (quotedAt + family.headerLength > end) return false;
    if (!(family.isV6 ? icmpv6.isError(bytes, icmpAt) : icmp.isError(bytes, icmpAt))) return false;
    const protocol = family.isV6 ? bytes[quotedAt + 6] : ipv4.protocol(bytes, quotedAt);
    if (protocol !== ipv4.PROTOCOL_TCP && protocol !== ipv4.PROTOCOL_UDP) return false;
    const l4At = quotedAt + (family.isV6 ? family.headerLength : ipv4.headerLength(bytes, quotedAt));
    if (l4At + PORTS_LENGTH > end) return false;
    const sourceAt = ipAt + family.sourceOffset;
    const quotedDestinationAt = quotedAt + family.destinationOffset;
    const fromDestination = sameAddress(family, bytes, sourceAt, quotedDestinationAt);
    const backendAt = this.#backend(
      family,
      protocol,
      bytes,
      quotedDestinationAt,
      quotedAt + family.sourceOffset,
      u16le(bytes, l4At + 2),
      u16le(bytes, l4At),
    );
    if (backendAt < 0) return this.#undoErrorSource(family, bytes, ipAt, icmpAt, quotedAt, l4At, end);
    const before = checksum.sum(bytes, quotedAt, end - quotedAt, 0);
    this.#rewriteAddress(
      family,
      bytes,
      quotedAt,
      quotedDestinationAt,
      family.backends.words,
      backendAt >> 2,
      protocol,
      l4At,
      end,
    );
    this.#rewritePort(family, bytes, l4At + 2, backendAt, protocol, l4At, end);
    const after = checksum.sum(bytes, quotedAt, end - quotedAt, 0);
    checksum.addDifference(bytes, icmpAt + icmp.CHECKSUM_OFFSET, (~checksum.fold(before) & 0xffff) + after);
    // A router's error keeps its source; the backend's own was translated with the packet.
    if (fromDestination) {
      this.#rewriteAddress(
        family,
        bytes,
        ipAt,
        sourceAt,
        family.backends.words,
        backendAt >> 2,
        family.icmpProtocol,
        icmpAt,
        end,
      );
    }
    return true;
  }

  /** Cilium leaves the quote as it is and translates the error's source alone: back to whom the quote was sent to. */
  #undoErrorSource(
    family: Family,
    bytes: Uint8Array,
    ipAt: number,
    icmpAt: number,
    quotedAt: number,
    l4At: number,
    end: number,
  ): boolean {
    const n = family.addressWords;
    const tuple = this.#tuple;
    const sourceAt = ipAt + family.sourceOffset;
    const backendAddressAt = quotedAt + family.destinationOffset;
    const protocol = family.isV6 ? bytes[quotedAt + 6] : ipv4.protocol(bytes, quotedAt);
    for (let i = 0; i < n; i++) {
      tuple[i] = i32le(bytes, quotedAt + family.sourceOffset + 4 * i);
      tuple[n + i] = i32le(bytes, backendAddressAt + 4 * i);
    }
    tuple[family.portsWord] = u16le(bytes, l4At + 2) | (u16le(bytes, l4At) << 16);
    tuple[family.metaWord] = protocol | (conntrack.TUPLE_OUT << 8);
    const map = protocol === ipv4.PROTOCOL_TCP ? family.conntrackTcp : family.conntrackAny;
    const entryAt = map.lookup(tuple, 0);
    if (entryAt < 0) return false;
    this.#id[0] = map.words[(entryAt >> 2) + conntrack.FLAGS] >>> 16;
    const frontendAt = this.#id[0] === 0 ? -1 : family.reverseNat.lookup(this.#id, 0);
    if (frontendAt < 0) return false;
    for (let i = 0; i < n; i++) {
      if (family.reverseNat.words[(frontendAt >> 2) + i] !== i32le(bytes, sourceAt + 4 * i)) return false;
    }
    this.#rewriteAddress(family, bytes, ipAt, sourceAt, tuple, n, family.icmpProtocol, icmpAt, end);
    return true;
  }

  #undoLaterFragment(family: Family, bytes: Uint8Array, ipAt: number): boolean {
    for (let row = 0; row < FRAGMENTS_REMEMBERED; row++) {
      if (this.#fragmentBackends[row] < 0 || !this.#isFragmentOf(row, bytes, ipAt)) continue;
      const at = ipAt + family.sourceOffset;
      const backendWord = this.#fragmentBackends[row] >> 2;
      this.#rewriteAddress(family, bytes, ipAt, at, family.backends.words, backendWord, 0, 0, 0);
      return true;
    }
    return false;
  }

  #rememberFragment(bytes: Uint8Array, ipAt: number, backendAt: number): void {
    const row = this.#nextFragment;
    this.#nextFragment = (row + 1) % FRAGMENTS_REMEMBERED;
    const word = row * FRAGMENT_KEY_WORDS;
    this.#fragmentKeys[word] = ipv4.source(bytes, ipAt);
    this.#fragmentKeys[word + 1] = ipv4.destination(bytes, ipAt);
    this.#fragmentKeys[word + 2] = ipv4.identification(bytes, ipAt) | (ipv4.protocol(bytes, ipAt) << 16);
    this.#fragmentBackends[row] = backendAt;
  }

  #isFragmentOf(row: number, bytes: Uint8Array, ipAt: number): boolean {
    const word = row * FRAGMENT_KEY_WORDS;
    return (
      this.#fragmentKeys[word] === ipv4.source(bytes, ipAt) &&
      this.#fragmentKeys[word + 1] === ipv4.destination(bytes, ipAt) &&
      this.#fragmentKeys[word + 2] === (ipv4.identification(bytes, ipAt) | (ipv4.protocol(bytes, ipAt) << 16))
    );
  }

  /** Writes the address at `words[word]` to `at`, in the IP header at `ipAt`, and brings the checksums in line. */
  #rewriteAddress(
    family: Family,
    bytes: Uint8Array,
    ipAt: number,
    at: number,
    words: Int32Array,
    word: number,
    protocol: number,
    l4At: number,
    end: number,
  ): void {
    let difference = 0;
    for (let i = 0; i < family.addressWords; i++) {
      difference = checksum.difference(difference, i32le(bytes, at + 4 * i), words[word + i]);
      put32le(bytes, at + 4 * i, words[word + i]);
    }
    if (!family.isV6) checksum.addDifference(bytes, ipv4.checksumAt(ipAt), difference);
    addToTransport(bytes, protocol, l4At, end, difference);
  }

  /** Writes the backend's port (unless the backend keeps the packet's) at `at`. */
  #rewritePort(
    family: Family,
    bytes: Uint8Array,
    at: number,
    backendAt: number,
    protocol: number,
    l4At: number,
    end: number,
  ): void {
    const port = backends.port(family.backends.words[(backendAt >> 2) + family.addressWords]);
    if (port === 0) return;
    const difference = checksum.difference(0, u16le(bytes, at), port);
    put16le(bytes, at, port);
    addToTransport(bytes, protocol, l4At, end, difference);
  }
}

const ICMPV6 = 58;

/** Adds an address or port difference to a transport checksum, where the packet reaches that far. */
function addToTransport(
  bytes: Uint8Array,
  protocol: number,
  l4At: number,
  end: number,
  difference: number,
): void {
  if (protocol === ipv4.PROTOCOL_TCP) {
    if (l4At + tcp.CHECKSUM_OFFSET + 2 <= end)
      checksum.addDifference(bytes, tcp.checksumAt(l4At), difference);
  } else if (protocol === ipv4.PROTOCOL_UDP) {
    if (l4At + udp.HEADER_LENGTH <= end) checksum.addDifferenceUdp(bytes, udp.checksumAt(l4At), difference);
  } else if (protocol === ICMPV6) {
    if (l4At + icmpv6.CHECKSUM_OFFSET + 2 <= end) {
      checksum.addDifference(bytes, l4At + icmpv6.CHECKSUM_OFFSET, difference);
    }
  }
}

function sameAddress(family: Family, bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < family.addressWords; i++) {
    if (i32le(bytes, a + 4 * i) !== i32le(bytes, b + 4 * i)) return false;
  }
  return true;
}
