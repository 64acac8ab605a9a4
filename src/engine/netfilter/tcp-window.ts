/**
 * The windows of tracked TCP connections (tcp_in_window of nf_conntrack_proto_tcp): which sequence numbers and
 * acknowledgments each end may send, by what both have said so far. The idea is Guido van Rooij's, "Real stateful TCP
 * packet filtering in IP Filter", with selective acknowledgments and scaled windows. Sequence numbers are int32, and
 * compared by their difference.
 */
import * as tcp from '../wire/tcp.js';

/** What a segment is. */
export const IS_SYN = 0;
export const IS_SYN_ACK = 1;
export const IS_FIN = 2;
export const IS_ACK = 3;
export const IS_RST = 4;
export const IS_NONE = 5;

/** A segment as it was read; one is used again and again. */
export class TcpSegment {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  kind = IS_NONE;
  flags = 0;
  sequence = 0;
  /** The sequence number behind its last byte. */
  next = 0;
  acknowledgment = 0;
  window = 0;

  /** Reads the header at `at`, which has been checked, of a segment that ends at `end`. */
  read(bytes: Uint8Array, at: number, end: number): void {
    const flags = tcp.flags(bytes, at);
    this.bytes = bytes;
    this.at = at;
    this.flags = flags;
    this.kind = kindOf(flags);
    this.sequence = tcp.sequence(bytes, at) | 0;
    this.acknowledgment = tcp.acknowledgment(bytes, at) | 0;
    this.window = tcp.window(bytes, at);
    const length =
      end - at - tcp.headerLength(bytes, at) + (flags & tcp.SYN ? 1 : 0) + (flags & tcp.FIN ? 1 : 0);
    this.next = (this.sequence + length) | 0;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }
}

function kindOf(flags: number): number {
  if ((flags & tcp.RST) !== 0) return IS_RST;
  if ((flags & tcp.SYN) !== 0) return (flags & tcp.ACK) === 0 ? IS_SYN : IS_SYN_ACK;
  return (flags & tcp.FIN) === 0 ? IS_ACK : IS_FIN;
}

/** net.netfilter.nf_conntrack_tcp_*. */
export class TcpTrackingSettings {
  /** Segments outside of the windows are valid, too. */
  beLiberal = false;
  /** A connection may be picked up in the middle. */
  loose = true;
  ignoreInvalidReset = false;
  maximumRetransmissions = 3;
}

/** Flags of an end. */
export const SCALES_WINDOW = 1;
export const PERMITS_SACK = 2;
export const CLOSED_FIRST = 4;
/** Picked up in the middle: nobody knows its scale. */
export const IS_LIBERAL = 8;
export const HAS_UNACKNOWLEDGED = 16;
const HAS_ACKNOWLEDGED = 32;

/** Answers of `check`. */
export const IN_WINDOW = 0;
/** Neither wrong nor new: it changes nothing. */
export const OUTDATED = 1;
export const OUT_OF_WINDOW = 2;

/** Acknowledgments may be late by that much at least. */
const LEAST_LATE_ACKNOWLEDGMENT = 66_000;

const isAfter = (a: number, b: number): boolean => ((a - b) | 0) > 0;
const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0;

/** Ends by number: row * 2 + direction. */
export class TcpWindows {
  readonly flags: Uint8Array;
  readonly scale: Uint8Array;
  /** What follows the last byte sent; the last that may be sent; the largest window; the last acknowledged. */
  readonly end: Int32Array;
  readonly limit: Int32Array;
  readonly window: Float64Array;
  readonly acknowledged: Int32Array;
  /** Whether the last check took the segment into account. */
  hasMoved = false;
  readonly #settings: TcpTrackingSettings;

  constructor(rows: number, settings: TcpTrackingSettings) {
    const ends = rows * 2;
    this.#settings = settings;
    this.flags = new Uint8Array(ends);
    this.scale = new Uint8Array(ends);
    this.end = new Int32Array(ends);
    this.limit = new Int32Array(ends);
    this.window = new Float64Array(ends);
    this.acknowledged = new Int32Array(ends);
  }

  copy(to: number, from: number): void {
    for (const column of [this.flags, this.scale, this.end, this.limit, this.window, this.acknowledged]) {
      column[to] = column[from];
    }
  }

  clear(end: number): void {
    this.flags[end] = 0;
    this.scale[end] = 0;
    this.end[end] = 0;
    this.limit[end] = 0;
    this.window[end] = 0;
    this.acknowledged[end] = 0;
  }

  /** A connection begins with a SYN of its first end. */
  open(first: number, segment: TcpSegment): void {
    this.clear(first);
    this.clear(first + 1);
    this.end[first] = segment.next;
    this.limit[first] = segment.next;
    this.window[first] = Math.max(segment.window, 1);
    this.#readOptions(first, segment);
  }

  /** A connection is met in the middle. */
  pickUp(first: number, segment: TcpSegment): void {
    this.clear(first);
    this.clear(first + 1);
    this.end[first] = segment.next;
    this.window[first] = Math.max(segment.window, 1);
    this.limit[first] = segment.next + this.window[first];
    this.flags[first] = PERMITS_SACK | IS_LIBERAL;
    this.flags[first + 1] = PERMITS_SACK | IS_LIBERAL;
  }

  /**
   * Whether a segment of `sender` is within the windows; if it is, they move on by it. `isOpening`: the connection is
   * in the state SYN_SENT or SYN_RECV.
   */
  check(sender: number, segment: TcpSegment, isOpening: boolean, isSynSent: boolean): number {
    const receiver = sender ^ 1;
    const { bytes, at } = segment;
    this.hasMoved = false;
    let { acknowledgment } = segment;
    let selective =
      (this.flags[receiver] & PERMITS_SACK) === 0 ? acknowledgment : tcp.highestAcknowledgment(bytes, at) | 0;
    const isSyn = segment.has(tcp.SYN);
    const isAck = segment.has(tcp.ACK);
    if (this.window[sender] === 0) {
      if (isSyn) {
        this.#begin(sender, segment);
        // Both ends open at once.
        if (!isAck) return IN_WINDOW;
      } else this.#join(sender, segment, selective);
    } else if (isSyn && isOpening && isAfter(segment.next, this.end[sender])) {
      this.#begin(sender, segment);
      if ((sender & 1) === 1 && !isAck) return IN_WINDOW;
    }
    // Without an acknowledgment, or with the 0 that some stacks put into resets, it is as if all were acknowledged.
    if (!isAck || (segment.has(tcp.RST) && acknowledgment === 0)) {
      acknowledgment = this.end[receiver];
      selective = acknowledgment;
    }
    let { sequence, next } = segment;
    if (segment.has(tcp.RST) && sequence === 0 && isSynSent) {
      sequence = this.end[sender];
      next = sequence;
    }
    const fault = this.#faultOf(sender, sequence, next, selective);
    if (fault !== IN_WINDOW) return this.#isLenient(sender) ? IN_WINDOW : fault;
    this.#moveOn(sender, segment, next, acknowledgment, selective);
    return IN_WINDOW;
  }

  #isLenient(sender: number): boolean {
    return this.#settings.beLiberal || (this.flags[sender] & IS_LIBERAL) !== 0;
  }

  #faultOf(sender: number, sequence: number, next: number, acknowledgment: number): number {
    const receiver = sender ^ 1;
    const { end, limit, window } = this;
    const oldest = (end[receiver] - Math.max(window[sender], LEAST_LATE_ACKNOWLEDGMENT) - 1) | 0;
    const isKnown = isBefore(acknowledgment, end[receiver] + 1);
    const isRecent = isAfter(next, end[sender] - window[receiver] - 1);
    if (!isBefore(sequence, limit[sender] + 1)) {
      const overshot = (next - limit[sender] + 1) >>> 0;
      const isSlight = window[receiver] !== 0 && isRecent && overshot <= window[receiver];
      if (!isSlight || !isKnown || !isAfter(acknowledgment, oldest)) return OUT_OF_WINDOW;
      // A little more than the receiver has room for: it may take it, and will then acknowledge it.
      end[sender] = next;
      this.flags[sender] |= HAS_UNACKNOWLEDGED;
      return OUTDATED;
    }
    if (!isKnown) return OUT_OF_WINDOW;
    if (window[receiver] !== 0 && !isRecent) return OUTDATED;
    return isAfter(acknowledgment, oldest) ? IN_WINDOW : OUTDATED;
  }

  #moveOn(
    sender: number,
    segment: TcpSegment,
    next: number,
    acknowledgment: number,
    selective: number,
  ): void {
    const receiver = sender ^ 1;
    const { end, limit, window, flags } = this;
    this.hasMoved = true;
    const isSyn = segment.has(tcp.SYN);
    const room = isSyn ? segment.window : segment.window * 2 ** this.scale[sender];
    const reach = room + ((selective - acknowledgment) | 0);
    if (window[sender] < reach) window[sender] = reach;
    if (isAfter(next, end[sender])) {
      end[sender] = next;
      flags[sender] |= HAS_UNACKNOWLEDGED;
    }
    if (segment.has(tcp.ACK)) {
      const isFirst = (flags[sender] & HAS_ACKNOWLEDGED) === 0;
      if (isFirst || isAfter(acknowledgment, this.acknowledged[sender])) {
        this.acknowledged[sender] = acknowledgment;
      }
      flags[sender] |= HAS_ACKNOWLEDGED;
    }
    if (window[receiver] !== 0 && isAfter(next, limit[sender]))
      window[receiver] += (next - limit[sender]) | 0;
    if (isAfter(selective + room, limit[receiver] - 1)) {
      limit[receiver] = selective + room + (room === 0 ? 1 : 0);
    }
    if (acknowledgment === end[receiver]) flags[receiver] &= ~HAS_UNACKNOWLEDGED;
  }

  /** Whether an end has acknowledged anything yet. */
  hasAcknowledged(end: number): boolean {
    return (this.flags[end] & HAS_ACKNOWLEDGED) !== 0;
  }

  /** The first SYN of an end, or a later one while the connection opens. */
  #begin(sender: number, segment: TcpSegment): void {
    const receiver = sender ^ 1;
    this.end[sender] = segment.next;
    this.limit[sender] = segment.next;
    this.window[sender] = Math.max(segment.window, 1);
    this.#readOptions(sender, segment);
    // Scaled only where both ends say so (RFC 7323 section 2.2).
    const bothScale = (this.flags[sender] & this.flags[receiver] & SCALES_WINDOW) !== 0;
    if ((sender & 1) === 1 && !bothScale) {
      this.scale[sender] = 0;
      this.scale[receiver] = 0;
    }
  }

  /** The first segment of an end that is no SYN: what it says is believed. */
  #join(sender: number, segment: TcpSegment, acknowledgment: number): void {
    const receiver = sender ^ 1;
    const room = segment.window * 2 ** this.scale[sender];
    this.end[sender] = segment.next;
    this.window[sender] = Math.max(room, 1);
    this.limit[sender] = segment.next + this.window[sender];
    if (this.window[receiver] === 0) {
      this.end[receiver] = acknowledgment;
      this.limit[receiver] = acknowledgment;
    } else if (acknowledgment === ((this.end[receiver] + 1) | 0)) this.end[receiver]++;
  }

  #readOptions(end: number, { bytes, at }: TcpSegment): void {
    const scale = tcp.windowScale(bytes, at);
    let flags = this.flags[end] & IS_LIBERAL;
    if (scale >= 0) flags |= SCALES_WINDOW;
    if (tcp.permitsSack(bytes, at)) flags |= PERMITS_SACK;
    this.scale[end] = Math.max(scale, 0);
    this.flags[end] = flags;
  }
}
