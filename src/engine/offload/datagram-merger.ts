/**
 * Puts UDP datagrams of one flow that came in one burst into one frame, which is walked and sent once and is many again
 * where it is received, or leaves by a link that takes no merged frames: what generic receive offload does for links that
 * take UDP segments (kernel: net/ipv4/udp_offload.c, ethtool's rx-udp-gro-forwarding).
 *
 * Only frames whose checksum is still owed are merged: their senders are on this machine, so nobody has to look whether
 * it is right. A merged frame is no longer than every link takes, so that no part of its way treats it otherwise than its
 * datagrams. What is left out of comparison is what the segmenter makes anew: lengths, checksums, and identifications
 * that count up.
 */
import { type FrameArena, OWES_CHECKSUM, OWES_UDP_SEGMENTS, SMALL_FRAME_LIMIT } from '../frame-arena.js';
import { u16 } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as udp from '../wire/udp.js';

const HEADERS_IPV4 = ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH + udp.HEADER_LENGTH;
const HEADERS_IPV6 = ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH + udp.HEADER_LENGTH;
/** Version 4 and no options. */
const PLAIN_IPV4 = 0x45;

export class DatagramMerger {
  /** Frames that went into others. */
  merged = 0;
  readonly #arena: FrameArena;
  readonly #words: Int32Array;
  readonly #lengthLimit: number;
  readonly #portsOfTunnels: readonly number[];

  /**
   * `mtu` is that of the smallest link, less what encapsulation adds. Datagrams to ports of `portsOfTunnels` are left as
   * they are: what is in them is to be looked at one by one.
   */
  constructor(arena: FrameArena, mtu: number, portsOfTunnels: readonly number[]) {
    this.#arena = arena;
    this.#words = new Int32Array(arena.bytes.buffer);
    this.#lengthLimit = Math.min(mtu + ethernet.HEADER_LENGTH, SMALL_FRAME_LIMIT);
    this.#portsOfTunnels = portsOfTunnels;
  }

  /** Merges what can be among the first `count` of the handles; answers how many are left, the first of the row. */
  merge(handles: Int32Array, count: number): number {
    const { owes } = this.#arena;
    let left = 0;
    for (let i = 0; i < count; ) {
      const first = handles[i++];
      handles[left++] = first;
      if (owes[first] !== OWES_CHECKSUM || i === count || owes[handles[i]] !== OWES_CHECKSUM) continue;
      const headers = this.#headersOf(first);
      if (headers > 0) i = this.#mergeRun(handles, i, count, first, headers);
    }
    return left;
  }

  /** Merges into `first` those from row `from` on that can be; answers the row of the first that cannot. */
  #mergeRun(handles: Int32Array, from: number, count: number, first: number, headers: number): number {
    const arena = this.#arena;
    const whole = arena.length[first];
    let end = whole;
    let i = from;
    for (; i < count; i++) {
      const next = handles[i];
      const length = arena.length[next];
      if (length > whole || end + length - headers > this.#lengthLimit) break;
      if (!this.#follows(first, next, headers, i - from + 1)) break;
      this.#append(first, end, next, headers);
      end += length - headers;
      arena.free(next);
      // A shorter datagram can only be the last.
      if (length < whole) {
        i++;
        break;
      }
    }
    if (i === from) return i;
    this.merged += i - from;
    arena.length[first] = end;
    arena.owes[first] = OWES_CHECKSUM | OWES_UDP_SEGMENTS;
    arena.segmentSize[first] = whole - headers;
    this.#putLengths(arena.bytes, arena.start[first], end, headers);
    return i;
  }

  /** Length of the headers of a datagram that others can follow; 0 for every other frame. */
  #headersOf(handle: number): number {
    const { bytes, start, length, checksumAt, checksumOffset } = this.#arena;
    const at = start[handle];
    const udpAt = checksumAt[handle];
    const headers = udpAt + udp.HEADER_LENGTH - at;
    if (checksumOffset[handle] !== udp.CHECKSUM_OFFSET || headers >= length[handle]) return 0;
    const type = ethernet.type(bytes, at);
    const ipAt = at + ethernet.HEADER_LENGTH;
    const isPlain =
      (headers === HEADERS_IPV4 &&
        type === ethernet.TYPE_IPV4 &&
        bytes[ipAt] === PLAIN_IPV4 &&
        ipv4.protocol(bytes, ipAt) === ipv4.PROTOCOL_UDP &&
        ipv4.totalLength(bytes, ipAt) === length[handle] - ethernet.HEADER_LENGTH) ||
      (headers === HEADERS_IPV6 &&
        type === ethernet.TYPE_IPV6 &&
        ipv6.nextHeader(bytes, ipAt) === ipv4.PROTOCOL_UDP &&
        ipv6.payloadLength(bytes, ipAt) === length[handle] - HEADERS_IPV6 + udp.HEADER_LENGTH);
    if (!isPlain || ethernet.isGroup(bytes, ethernet.destinationAt(at))) return 0;
    return this.#portsOfTunnels.includes(udp.destinationPort(bytes, udpAt)) ? 0 : headers;
  }

  /** Whether a frame's headers are those of `first` but for what tells the `distance`-th datagram after it. */
  #follows(first: number, next: number, headers: number, distance: number): boolean {
    const { bytes, start, length, owes, checksumAt, checksumOffset } = this.#arena;
    const a = start[first];
    const b = start[next];
    if (owes[next] !== OWES_CHECKSUM || checksumOffset[next] !== udp.CHECKSUM_OFFSET) return false;
    if (checksumAt[next] - b !== headers - udp.HEADER_LENGTH || length[next] <= headers) return false;
    const words = this.#words;
    const aWord = (a + ethernet.HEADER_LENGTH) >> 2;
    const bWord = (b + ethernet.HEADER_LENGTH) >> 2;
    // Ethernet: the two bytes in front of its three words are the start of the destination.
    for (let i = -3; i < 0; i++) if (words[aWord + i] !== words[bWord + i]) return false;
    if (u16(bytes, a) !== u16(bytes, b)) return false;
    const isSameWay =
      headers === HEADERS_IPV4
        ? this.#isSameIpv4(aWord, bWord, length[next], distance)
        : this.#isSameIpv6(aWord, bWord, length[next]);
    const udpWord = (headers - udp.HEADER_LENGTH - ethernet.HEADER_LENGTH) >> 2;
    return isSameWay && words[aWord + udpWord] === words[bWord + udpWord];
  }

  #isSameIpv4(a: number, b: number, length: number, distance: number): boolean {
    const { bytes } = this.#arena;
    const words = this.#words;
    const identification = ipv4.identification(bytes, 4 * a) + distance;
    return (
      ((words[a] ^ words[b]) & 0xffff) === 0 &&
      ipv4.identification(bytes, 4 * b) === (identification & 0xffff) &&
      ipv4.fragmentField(bytes, 4 * b) === ipv4.fragmentField(bytes, 4 * a) &&
      ((words[a + 2] ^ words[b + 2]) & 0xffff) === 0 &&
      words[a + 3] === words[b + 3] &&
      words[a + 4] === words[b + 4] &&
      ipv4.totalLength(bytes, 4 * b) === length - ethernet.HEADER_LENGTH
    );
  }

  #isSameIpv6(a: number, b: number, length: number): boolean {
    const words = this.#words;
    const payload = length - HEADERS_IPV6 + udp.HEADER_LENGTH;
    if (ipv6.payloadLength(this.#arena.bytes, 4 * b) !== payload) return false;
    if (words[a] !== words[b] || words[a + 1] >>> 16 !== words[b + 1] >>> 16) return false;
    for (let i = 2; i < ipv6.HEADER_LENGTH / 4; i++) if (words[a + i] !== words[b + i]) return false;
    return true;
  }

  #append(first: number, end: number, next: number, headers: number): void {
    const { bytes, start, length } = this.#arena;
    const to = start[first] + end;
    const from = start[next] + headers;
    bytes.copyWithin(to, from, start[next] + length[next]);
  }

  #putLengths(bytes: Uint8Array, start: number, length: number, headers: number): void {
    const ipAt = start + ethernet.HEADER_LENGTH;
    if (headers === HEADERS_IPV4) {
      ipv4.putTotalLength(bytes, ipAt, length - ethernet.HEADER_LENGTH);
      checksum.fillIpv4Header(bytes, ipAt);
    } else ipv6.putPayloadLength(bytes, ipAt, length - HEADERS_IPV6 + udp.HEADER_LENGTH);
    udp.putLength(bytes, start + headers - udp.HEADER_LENGTH, length - headers + udp.HEADER_LENGTH);
  }
}
