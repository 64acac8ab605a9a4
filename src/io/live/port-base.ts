/** What ports of all plugins share: names, counters, state, and how frames are made ready to leave. */
import { type FrameArena, OWES_CHECKSUM, OWES_SEGMENTS } from '../../engine/frame-arena.js';
import { Offloads } from '../../engine/offload/offloads.js';
import { Segmenter } from '../../engine/offload/segmenter.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as vlan from '../../engine/wire/vlan.js';
import {
  CHECKSUMMED,
  OVERSIZE,
  type Plugin,
  PORT_COUNTERS,
  PORT_UP,
  type PortSpec,
  SEGMENTED,
  SEGMENTS,
  SEND_ERRORS,
} from './live-port.js';
import { putPlainVnetHeader, putVnetHeader, VNET_HEADER_LENGTH } from './vnet-header.js';

/** What is to be done with a frame. */
const READY = 0;
const CUT = 1;
const LOST = 2;

export abstract class PortBase {
  readonly plugin: Plugin;
  readonly name: string;
  readonly counters: Float64Array;
  readonly mac = new Uint8Array(ethernet.ADDRESS_LENGTH);
  mtu = 0;
  state = PORT_UP;
  onReadable: (() => void) | null = null;
  /** Whether frames leave with what they owe, said in a header in front of them. */
  readonly offloads: boolean;
  readonly #hasVnetHeader: boolean;
  protected readonly finishing = new Offloads();
  #segmenter: Segmenter | null = null;

  constructor(spec: PortSpec, offloads: boolean, hasVnetHeader: boolean) {
    this.plugin = spec.plugin;
    this.name = spec.name;
    this.counters = spec.counters ?? new Float64Array(PORT_COUNTERS);
    this.offloads = offloads;
    this.#hasVnetHeader = hasVnetHeader;
  }

  /**
   * Puts frames on the link as they are, with a virtio-net header in front where the port has one, and counts them as
   * sent or lost; answers how many were sent.
   */
  protected abstract transmit(arena: FrameArena, handles: Int32Array, at: number, count: number): number;

  send(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    const end = at + count;
    let sent = 0;
    let first = at;
    for (let i = at; i < end; i++) {
      const todo = this.#prepare(arena, handles[i]);
      if (todo === READY) continue;
      if (i > first) sent += this.transmit(arena, handles, first, i - first);
      first = i + 1;
      if (todo === CUT) sent += this.#sendInSegments(arena, handles[i]);
    }
    return end > first ? sent + this.transmit(arena, handles, first, end - first) : sent;
  }

  #prepare(arena: FrameArena, handle: number): number {
    if (arena.owes[handle] !== 0 && this.finishing.settle(arena, handle)) return this.#settle(arena, handle);
    if (!this.#fitsLink(arena.bytes, arena.start[handle], arena.length[handle])) return LOST;
    return this.#putHeader(arena, handle, false);
  }

  /** A frame owes something; `finishing` has looked at it. */
  #settle(arena: FrameArena, handle: number): number {
    const headers = this.finishing.headerLength(arena, handle);
    const start = arena.start[handle];
    const isMerged = (arena.owes[handle] & OWES_SEGMENTS) !== 0;
    const whole = arena.length[handle];
    const length = isMerged ? Math.min(whole, headers + arena.segmentSize[handle]) : whole;
    if (!this.#fitsLink(arena.bytes, start, length)) return LOST;
    // A segment in a tunnel is nothing that the header of all kernels can tell.
    if (isMerged && (!this.offloads || this.finishing.layers.count > 1)) return CUT;
    if (this.offloads) return this.#putHeader(arena, handle, true);
    if ((arena.owes[handle] & OWES_CHECKSUM) !== 0) {
      this.finishing.complete(arena, handle);
      this.counters[CHECKSUMMED]++;
    }
    return this.#putHeader(arena, handle, false);
  }

  /** Writes the virtio-net header into the frame's headroom, which much encapsulation may have used up. */
  #putHeader(arena: FrameArena, handle: number, owes: boolean): number {
    if (!this.#hasVnetHeader) return READY;
    const at = arena.start[handle] - VNET_HEADER_LENGTH;
    if (at < arena.base(handle)) {
      this.counters[SEND_ERRORS]++;
      return LOST;
    }
    if (!owes) putPlainVnetHeader(arena.bytes, at);
    else {
      const headers = this.finishing.headerLength(arena, handle);
      putVnetHeader(arena, handle, at, headers, this.finishing.isIpv6);
    }
    return READY;
  }

  /** 1 when all segments went out. */
  #sendInSegments(arena: FrameArena, handle: number): number {
    this.#segmenter ??= new Segmenter();
    const segmenter = this.#segmenter;
    segmenter.begin(arena, handle, this.finishing.headerLength(arena, handle));
    let made = 0;
    let sent = 0;
    for (
      let count = segmenter.next(this.finishing.layers);
      count > 0;
      count = segmenter.next(this.finishing.layers)
    ) {
      for (let i = 0; i < count; i++) this.#putHeader(segmenter.arena, segmenter.handles[i], false);
      sent += this.transmit(segmenter.arena, segmenter.handles, 0, count);
      segmenter.release(count);
      made += count;
    }
    this.counters[SEGMENTED]++;
    this.counters[SEGMENTS] += made;
    return sent === made ? 1 : 0;
  }

  /** Whether the link takes `length` bytes from `start` on as one frame; one that is too long is counted. */
  #fitsLink(bytes: Uint8Array, start: number, length: number): boolean {
    const room = this.mtu + ethernet.HEADER_LENGTH;
    if (length <= room) return true;
    if (length <= room + vlan.HEADER_LENGTH && ethernet.isTag(ethernet.type(bytes, start))) return true;
    this.counters[OVERSIZE]++;
    return false;
  }
}
