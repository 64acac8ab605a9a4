/**
 * What is done to a frame that owes a checksum or segments when it leaves.
 *
 * The rule: while such a frame is walked its checksum field means nothing. Programs update it incrementally, as they
 * would a whole one, which is right for addresses and wrong for ports, since a partial checksum covers the pseudo-header
 * alone; so nobody looks at what came out. When the frame leaves, the sum of the pseudo-header that it has by then goes
 * into the field. That is what the kernel's helpers keep there (BPF_F_PSEUDO_HDR, CHECKSUM_PARTIAL), at the price of one
 * sum over 12 or 40 bytes, where a checksum over 64 KiB before each walk would cost as much as moving the frame.
 */
import { type FrameArena, OWES_CHECKSUM } from '../frame-arena.js';
import { put16le } from '../wire/bytes.js';
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
    put16le(bytes, at + arena.checksumOffset[handle], checksum.fold(this.#pseudoHeader(bytes, at, end)));
    return true;
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

  #pseudoHeader(bytes: Uint8Array, at: number, end: number): number {
    const { layers } = this;
    const last = layers.count - 1;
    const ipAt = layers.ipAt[last];
    // A length over 65,535 ("BIG TCP") counts with its upper half.
    if (layers.isIpv6[last] === 0) {
      const ipEnd = ipAt + ipv4.totalLength(bytes, ipAt);
      return layer4.pseudoIpv4(bytes, ipAt, checksum.fold((ipEnd > at ? Math.min(ipEnd, end) : end) - at));
    }
    const ipEnd = ipAt + ipv6.HEADER_LENGTH + ipv6.payloadLength(bytes, ipAt);
    const length = checksum.fold((ipEnd > at ? Math.min(ipEnd, end) : end) - at);
    return layer4.pseudoIpv6(bytes, ipAt, layers.protocol[last], length);
  }
}
