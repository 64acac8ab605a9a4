/**
 * What is done to a frame that owes a checksum or segments when it leaves.
 *
 * The rule: while such a frame is walked its checksum field means nothing. Programs update it incrementally, as they
 * would a whole one, which is right for addresses and wrong for ports, since a partial checksum covers the pseudo-header
 * alone; so nobody looks at what came out. When the frame leaves, the sum of the pseudo-header that it has by then goes
 * into the field. That is what the kernel's helpers keep there (BPF_F_PSEUDO_HDR, CHECKSUM_PARTIAL), at the price of one
 * sum over 12 or 40 bytes, where a checksum over 64 KiB before each walk would cost 17 us (wire-checksum-1500).
 */
import { type FrameArena, OWES_CHECKSUM, OWES_TCP_SEGMENTS } from '../frame-arena.js';
import { put16le, u16le } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { Layers } from './layers.js';

export class Offloads {
  /** The headers of the frame that was last looked at; the last layer is that of its checksum. */
  readonly layers = new Layers();

  /**
   * Makes the checksum's field of a frame that owes something right for what it owes. Answers false when the frame owes
   * nothing any more: a program has made another packet of it, an ICMP error say, whose checksum is whole.
   */
  settle(arena: FrameArena, handle: number): boolean {
    const { bytes } = arena;
    const at = arena.checksumAt[handle];
    const start = arena.start[handle];
    const end = start + arena.length[handle];
    if (!this.layers.find(bytes, start, end, at) || !this.#isChecksumThere(arena, handle, end)) {
      arena.owes[handle] = 0;
      return false;
    }
    const last = this.layers.count - 1;
    const pseudo = checksum.fold(this.#pseudoHeader(bytes, last, end));
    put16le(bytes, at + arena.checksumOffset[handle], pseudo);
    for (let i = last - 1; i >= 0; i--) this.#fillOuter(bytes, i, at, end, pseudo);
    return true;
  }

  /**
   * The checksum of a tunnel's UDP header without a look at the payload: once the inner checksum is there, what it covers
   * sums up to the complement of its pseudo-header (kernel: Documentation/networking/checksum-offloads.rst, LCO).
   */
  #fillOuter(bytes: Uint8Array, layer: number, innerAt: number, end: number, innerPseudo: number): void {
    const { layers } = this;
    const udpAt = layers.transportAt[layer];
    if (layers.protocol[layer] !== ipv4.PROTOCOL_UDP || udp.checksum(bytes, udpAt) === 0) return;
    udp.putChecksum(bytes, udpAt, 0);
    const pseudo = this.#pseudoHeader(bytes, layer, end);
    const headers = checksum.sum(bytes, udpAt, innerAt - udpAt, pseudo);
    const value = checksum.finish(headers + (~innerPseudo & 0xffff));
    udp.putChecksum(bytes, udpAt, checksum.udpField(value));
  }

  /**
   * Finds out what a frame owes that came without anybody saying: its checksum, when the field holds the sum of the
   * pseudo-header alone (a whole checksum that is the same comes out again as it was), and TCP segments, when the frame
   * is longer than `frameLimit`, which is then what the segments' length is taken to be.
   */
  detect(arena: FrameArena, handle: number, frameLimit: number): void {
    const { bytes } = arena;
    const { layers } = this;
    const start = arena.start[handle];
    const end = start + arena.length[handle];
    layers.find(bytes, start, end, end + 1);
    const last = layers.count - 1;
    if (last < 0) return;
    const at = layers.transportAt[last];
    const isTcp = layers.protocol[last] === ipv4.PROTOCOL_TCP;
    arena.checksumAt[handle] = at;
    arena.checksumOffset[handle] = isTcp ? tcp.CHECKSUM_OFFSET : udp.CHECKSUM_OFFSET;
    if (!this.#isChecksumThere(arena, handle, end)) return;
    const field = u16le(bytes, at + arena.checksumOffset[handle]);
    if (field === 0 || field !== checksum.fold(this.#pseudoHeader(bytes, last, end))) return;
    arena.owes[handle] = OWES_CHECKSUM;
    const room = frameLimit - this.headerLength(arena, handle);
    if (!isTcp || arena.length[handle] <= frameLimit || room <= 0) return;
    arena.owes[handle] |= OWES_TCP_SEGMENTS;
    arena.segmentSize[handle] = room;
  }

  /** Bytes of all headers up to the payload of the transport that `settle` found. */
  headerLength(arena: FrameArena, handle: number): number {
    const at = arena.checksumAt[handle];
    const isTcp = this.layers.protocol[this.layers.count - 1] === ipv4.PROTOCOL_TCP;
    const length = isTcp ? tcp.headerLength(arena.bytes, at) : arena.checksumOffset[handle] + 2;
    return at + length - arena.start[handle];
  }

  get isIpv6(): boolean {
    return this.layers.isIpv6[this.layers.count - 1] !== 0;
  }

  /** Computes the checksum of a frame that owes one, after `settle`; segments stay owed. */
  complete(arena: FrameArena, handle: number): void {
    const { bytes } = arena;
    const at = arena.checksumAt[handle];
    const end = arena.start[handle] + arena.length[handle];
    const fieldAt = at + arena.checksumOffset[handle];
    // skb_checksum_help writes 0 as ffff whatever the protocol; they are equal in the sum.
    put16le(bytes, fieldAt, ~checksum.fold(checksum.sum(bytes, at, end - at, 0)) || 0xffff);
    arena.owes[handle] &= ~OWES_CHECKSUM;
  }

  /** Whether the transport at the place is still one whose checksum is at the same offset. */
  #isChecksumThere(arena: FrameArena, handle: number, end: number): boolean {
    const { layers } = this;
    const at = arena.checksumAt[handle];
    const offset = arena.checksumOffset[handle];
    const protocol = layers.protocol[layers.count - 1];
    if (protocol === ipv4.PROTOCOL_TCP) return offset === tcp.CHECKSUM_OFFSET && tcp.fits(at, end);
    if (protocol === ipv4.PROTOCOL_UDP) return offset === udp.CHECKSUM_OFFSET && udp.fits(at, end);
    return false;
  }

  /** Partial sum of the pseudo-header of a layer's transport. */
  #pseudoHeader(bytes: Uint8Array, layer: number, end: number): number {
    const { layers } = this;
    const ipAt = layers.ipAt[layer];
    const at = layers.transportAt[layer];
    const isIpv4 = layers.isIpv6[layer] === 0;
    const ipLength = isIpv4
      ? ipv4.totalLength(bytes, ipAt)
      : ipv6.HEADER_LENGTH + ipv6.payloadLength(bytes, ipAt);
    const transportEnd = ipAt + ipLength > at ? Math.min(ipAt + ipLength, end) : end;
    // A length over 65,535 ("BIG TCP") counts with its upper half.
    const length = checksum.fold(transportEnd - at);
    return isIpv4
      ? layer4.pseudoIpv4(bytes, ipAt, length)
      : layer4.pseudoIpv6(bytes, ipAt, layers.protocol[layer], length);
  }
}
