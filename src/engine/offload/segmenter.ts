/**
 * Cuts a frame that is several TCP segments or UDP datagrams in one into frames of one each, for links that do not do it
 * themselves: what the kernel does in skb_segment, tcp_gso_segment and __udp_gso_segment, through tunnels too.
 */
import { FrameArena, OWES_UDP_SEGMENTS } from '../frame-arena.js';
import * as checksum from '../wire/checksum.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import type { Layers } from './layers.js';

/** Segments that are made at a time, and how many of them can be longer than a small slot. */
const SEGMENT_BATCH = 64;
const LONG_SEGMENTS = 8;

export class Segmenter {
  /** Where the segments are. */
  readonly arena = new FrameArena(SEGMENT_BATCH, LONG_SEGMENTS);
  readonly handles = new Int32Array(SEGMENT_BATCH);
  #from: FrameArena = this.arena;
  #start = 0;
  #headers = 0;
  #transport = 0;
  #segmentSize = 0;
  #payload = 0;
  #done = 0;
  #index = 0;
  #isUdp = false;

  /**
   * Takes a frame whose `owes` says segments. `headers` is the length of all its headers; the layers that `next` is given
   * end at the transport header of its segments.
   */
  begin(arena: FrameArena, handle: number, headers: number): void {
    this.#from = arena;
    this.#start = arena.start[handle];
    this.#headers = headers;
    this.#transport = arena.checksumAt[handle] - this.#start;
    this.#segmentSize = Math.max(arena.segmentSize[handle], 1);
    this.#payload = arena.length[handle] - headers;
    this.#isUdp = (arena.owes[handle] & OWES_UDP_SEGMENTS) !== 0;
    this.#done = 0;
    this.#index = 0;
  }

  /** Makes the next segments in slots of `this.arena`, freeing those before; answers how many, 0 when all are made. */
  next(layers: Layers): number {
    const { arena, handles } = this;
    let count = 0;
    while (count < SEGMENT_BATCH && (this.#done < this.#payload || this.#index === 0)) {
      const length = Math.min(this.#segmentSize, this.#payload - this.#done);
      const handle = arena.allocate(this.#headers + length);
      if (handle < 0) break;
      this.#cut(handle, length, layers);
      handles[count++] = handle;
    }
    return count;
  }

  /** Gives the slots of the last `next` back. */
  release(count: number): void {
    for (let i = 0; i < count; i++) this.arena.free(this.handles[i]);
  }

  #cut(handle: number, length: number, layers: Layers): void {
    const { arena } = this;
    const { bytes } = arena;
    const from = this.#from.bytes;
    const start = arena.start[handle];
    const payloadAt = this.#start + this.#headers + this.#done;
    // set(subarray) makes an object; for the length of a segment it is still the cheapest copy.
    bytes.set(from.subarray(this.#start, this.#start + this.#headers), start);
    bytes.set(from.subarray(payloadAt, payloadAt + length), start + this.#headers);
    const isLast = this.#done + length >= this.#payload;
    this.#fixTransport(bytes, start + this.#transport, length, isLast);
    this.#fixLayers(bytes, start, start + this.#headers + length, layers);
    this.#done += length;
    this.#index++;
  }

  #fixTransport(bytes: Uint8Array, at: number, length: number, isLast: boolean): void {
    if (this.#isUdp) {
      udp.putLength(bytes, at, udp.HEADER_LENGTH + length);
      return;
    }
    tcp.putSequence(bytes, at, tcp.sequence(bytes, at) + this.#done);
    let cleared = isLast ? 0 : tcp.FIN | tcp.PSH;
    if (this.#index > 0) cleared |= tcp.CWR;
    tcp.putFlags(bytes, at, tcp.flags(bytes, at) & ~cleared);
  }

  /** Lengths, identifications and checksums, from the inside out. */
  #fixLayers(bytes: Uint8Array, start: number, end: number, layers: Layers): void {
    for (let i = layers.count - 1; i >= 0; i--) {
      const distance = start - this.#start;
      const ipAt = layers.ipAt[i] + distance;
      const at = layers.transportAt[i] + distance;
      const protocol = layers.protocol[i];
      const isTunnel = i < layers.count - 1;
      if (isTunnel && protocol === ipv4.PROTOCOL_UDP) udp.putLength(bytes, at, end - at);
      if (layers.isIpv6[i] === 0) {
        ipv4.putTotalLength(bytes, ipAt, end - ipAt);
        ipv4.putIdentification(bytes, ipAt, (ipv4.identification(bytes, ipAt) + this.#index) & 0xffff);
        checksum.fillIpv4Header(bytes, ipAt);
      } else ipv6.putPayloadLength(bytes, ipAt, end - ipAt - ipv6.HEADER_LENGTH);
      if (isTunnel && (protocol !== ipv4.PROTOCOL_UDP || udp.checksum(bytes, at) === 0)) continue;
      const fieldAt = protocol === ipv4.PROTOCOL_TCP ? tcp.checksumAt(at) : udp.checksumAt(at);
      if (layers.isIpv6[i] === 0) layer4.fillIpv4(bytes, ipAt, at, end - at, fieldAt);
      else layer4.fillIpv6(bytes, ipAt, protocol, at, end - at, fieldAt);
    }
  }
}
