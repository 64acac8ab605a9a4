/**
 * A TCP connection (RFC 9293): handshake, data both ways within the peer's window, slow start, retransmission on
 * time-out from the oldest segment on, close, reset. No selective acknowledgment, window scaling or timestamps.
 */
import type { Timer } from '../engine/event-queue.js';
import { ECONNREFUSED, ECONNRESET, ETIMEDOUT } from '../engine/hooks/errno.js';
import * as tcp from '../engine/wire/tcp.js';
import type { Endpoint } from './endpoint.js';
import type { Host } from './host.js';
import { RetransmissionTimeout, SEGMENT_RETRIES, SYN_ACK_RETRIES, SYN_RETRIES } from './retransmission.js';
import { TcpReceiver } from './tcp-receiver.js';
import { NO_DATA, resetFor, sendSegment, sequenceLength, type TcpSegment } from './tcp-segment.js';
import { SECOND_NS } from './world.js';

/** Linux's default receive window of a connection without scaling. */
const WINDOW = 64240;
/** Segments that may be under way at first (RFC 6928). */
const INITIAL_SEGMENTS = 10;
/** What a peer that announces no maximum takes (RFC 9293 section 3.7.1). */
const DEFAULT_MAXIMUM_SEGMENT_SIZE = 536;
const TIME_WAIT_NS = 60 * SECOND_NS;

export type TcpState =
  | 'SYN_SENT'
  | 'SYN_RECEIVED'
  | 'ESTABLISHED'
  | 'FIN_WAIT_1'
  | 'FIN_WAIT_2'
  | 'CLOSE_WAIT'
  | 'CLOSING'
  | 'LAST_ACK'
  | 'TIME_WAIT'
  | 'CLOSED';

/** How far `b` is behind `a`; sequence numbers go round. */
function distance(a: number, b: number): number {
  return (a - b) | 0;
}

export class TcpConnection {
  readonly local: Endpoint;
  /** The peer as packets say it. */
  readonly remote: Endpoint;
  state: TcpState = 'CLOSED';
  /** Errno, once the connection has failed. */
  error = 0;
  /** Called whenever there is something new: data, the end of the peer's data, a change of state. */
  onChange: () => void = () => {};

  readonly #host: Host;
  readonly #receiver = new TcpReceiver();
  readonly #timeout = new RetransmissionTimeout();
  #timer: Timer | null = null;
  /** The oldest sequence number that is not acknowledged, the next to be sent, and the highest that was sent. */
  #unacknowledged: number;
  #next: number;
  #highest: number;
  #peerWindow = 0;
  #maximumSegmentSize: number;
  /** Bytes that may be under way, and up to where they grow fast. */
  #congestionWindow = 0;
  #threshold = Number.POSITIVE_INFINITY;
  /** Data from `#dataStart` on that is not acknowledged. */
  #data: Uint8Array = new Uint8Array(0);
  #dataStart: number;
  #closing = false;
  #owesAcknowledgment = false;
  /** A round trip that is being measured: of what, since when; -1 when none is. */
  #measuredSequence = 0;
  #measuredSinceNs = -1;

  constructor(host: Host, local: Endpoint, remote: Endpoint) {
    this.#host = host;
    this.local = local;
    this.remote = remote;
    const initial = host.world.random.next();
    this.#unacknowledged = initial;
    this.#next = initial;
    this.#highest = initial;
    this.#dataStart = (initial + 1) | 0;
    this.#maximumSegmentSize = host.maximumSegmentSize(remote.address);
  }

  get isEstablished(): boolean {
    return this.state !== 'SYN_SENT' && this.state !== 'SYN_RECEIVED' && this.state !== 'CLOSED';
  }

  /** The peer has closed its side. */
  get hasEnded(): boolean {
    return this.#receiver.ended;
  }

  /** Asks for a connection. */
  open(): number {
    this.state = 'SYN_SENT';
    return this.#sendSyn();
  }

  /** Answers a SYN. */
  accept(syn: TcpSegment): void {
    this.state = 'SYN_RECEIVED';
    this.#receiver.next = (syn.sequence + 1) | 0;
    this.#takeOptions(syn);
    this.#sendSyn();
  }

  /** What the peer has sent since the last call. */
  read(): Uint8Array {
    return this.#receiver.read();
  }

  write(data: Uint8Array): void {
    if (this.#closing || this.state === 'CLOSED') return;
    const joined = new Uint8Array(this.#data.length + data.length);
    joined.set(this.#data);
    joined.set(data, this.#data.length);
    this.#data = joined;
    this.#output();
  }

  /** No more data; the connection ends when the peer has said so too. */
  close(): void {
    if (this.state === 'SYN_SENT') this.#end(0);
    else if (!this.#closing && this.state !== 'CLOSED') {
      this.#closing = true;
      this.#output();
    }
  }

  /** Ends the connection at once; the peer is told by a reset. */
  abort(): void {
    if (this.isEstablished && this.state !== 'TIME_WAIT') this.#send(this.#highest, tcp.RST | tcp.ACK);
    this.#end(0);
  }

  receive(segment: TcpSegment): void {
    if (this.state === 'SYN_SENT') this.#receiveInSynSent(segment);
    else this.#receiveSynchronized(segment);
    // Numbered behind all that was sent: one that the peer knows already it would answer, for ever and ever.
    if (this.#owesAcknowledgment && this.state !== 'CLOSED') this.#send(this.#highest, tcp.ACK);
  }

  /** An ICMP error about a segment of this connection. Only before it is established is it final (RFC 5927). */
  failed(error: number): void {
    if (this.state === 'SYN_SENT') this.#end(error);
  }

  /** The path takes less than segments had so far. */
  lowerSegmentSize(size: number): void {
    if (size >= this.#maximumSegmentSize) return;
    this.#maximumSegmentSize = size;
    this.#next = this.#unacknowledged;
    this.#output();
  }

  #receiveInSynSent(segment: TcpSegment): void {
    const { flags, acknowledgment } = segment;
    const isForSyn = (flags & tcp.ACK) !== 0 && acknowledgment === this.#highest;
    if ((flags & tcp.ACK) !== 0 && !isForSyn) {
      const reset = resetFor(segment);
      if (reset !== null) sendSegment(this.#host, this.local, this.remote, reset);
      return;
    }
    if ((flags & tcp.RST) !== 0) {
      if (isForSyn) this.#end(ECONNREFUSED);
      return;
    }
    if ((flags & tcp.SYN) === 0 || !isForSyn) return;
    this.#receiver.next = (segment.sequence + 1) | 0;
    this.#takeOptions(segment);
    this.#acknowledged(segment);
    this.state = 'ESTABLISHED';
    this.#owesAcknowledgment = true;
    this.onChange();
  }

  #receiveSynchronized(segment: TcpSegment): void {
    const { flags } = segment;
    if (!this.#isAcceptable(segment)) {
      if ((flags & tcp.RST) === 0) this.#owesAcknowledgment = true;
      return;
    }
    if ((flags & tcp.RST) !== 0) {
      this.#end(this.state === 'SYN_RECEIVED' ? ECONNREFUSED : ECONNRESET);
      return;
    }
    if ((flags & tcp.SYN) !== 0) {
      // Our SYN-ACK got lost, or an old duplicate (RFC 5961 section 4): it is told where we are.
      if (this.state === 'SYN_RECEIVED') this.#sendSyn();
      else this.#owesAcknowledgment = true;
      return;
    }
    if ((flags & tcp.ACK) === 0) return;
    const wasReceived = this.state === 'SYN_RECEIVED';
    if (!this.#acknowledged(segment)) return;
    if (wasReceived) {
      this.state = 'ESTABLISHED';
      this.#host.accepted(this);
    }
    this.#afterAcknowledgment();
    if (segment.data.length > 0 || (flags & tcp.FIN) !== 0) this.#takeData(segment);
    this.#output();
  }

  /** Some of it is in our window (RFC 9293 section 3.10.7.4). */
  #isAcceptable(segment: TcpSegment): boolean {
    const length = sequenceLength(segment);
    const offset = distance(segment.sequence, this.#receiver.next);
    if (this.state === 'SYN_RECEIVED' && (segment.flags & tcp.SYN) !== 0) return true;
    return offset < WINDOW && (length === 0 ? offset >= 0 : offset + length > 0);
  }

  /** Takes note of what the peer has got; false for an acknowledgment of what was never sent. */
  #acknowledged({ acknowledgment, window }: TcpSegment): boolean {
    if (distance(acknowledgment, this.#highest) > 0) {
      this.#owesAcknowledgment = true;
      return false;
    }
    this.#peerWindow = window;
    const count = distance(acknowledgment, this.#unacknowledged);
    if (count <= 0) return true;
    this.#unacknowledged = acknowledgment;
    if (distance(this.#next, acknowledgment) < 0) this.#next = acknowledgment;
    // SYN and FIN are acknowledged too, and are no data.
    const taken = Math.min(this.#data.length, Math.max(0, distance(acknowledgment, this.#dataStart)));
    this.#data = this.#data.subarray(taken);
    this.#dataStart = (this.#dataStart + taken) | 0;
    this.#growCongestionWindow(count);
    if (this.#measuredSinceNs >= 0 && distance(acknowledgment, this.#measuredSequence) >= 0) {
      this.#timeout.measured(this.#host.world.nowNs - this.#measuredSinceNs);
      this.#measuredSinceNs = -1;
    }
    this.#timeout.retries = 0;
    this.#stopTimer();
    if (this.#next !== acknowledgment) this.#startTimer();
    return true;
  }

  #growCongestionWindow(count: number): void {
    const size = this.#maximumSegmentSize;
    const isSlowStart = this.#congestionWindow < this.#threshold;
    this.#congestionWindow += isSlowStart ? Math.min(count, size) : (size * size) / this.#congestionWindow;
  }

  /** Our FIN may have been acknowledged. */
  #afterAcknowledgment(): void {
    if (!this.#closing || this.#data.length > 0 || this.#unacknowledged !== this.#afterFin) return;
    if (this.state === 'FIN_WAIT_1') this.#enter('FIN_WAIT_2');
    else if (this.state === 'CLOSING') this.#waitLast();
    else if (this.state === 'LAST_ACK') this.#end(0);
  }

  get #afterFin(): number {
    return (this.#dataStart + this.#data.length + 1) | 0;
  }

  #takeData(segment: TcpSegment): void {
    this.#owesAcknowledgment = true;
    const hadEnded = this.#receiver.ended;
    if (!this.#receiver.take(segment)) return;
    if (this.#receiver.ended && !hadEnded) {
      if (this.state === 'ESTABLISHED') this.state = 'CLOSE_WAIT';
      else if (this.state === 'FIN_WAIT_1') this.state = 'CLOSING';
      else if (this.state === 'FIN_WAIT_2') this.#waitLast();
    }
    this.onChange();
  }

  #sendSyn(): number {
    const flags = this.state === 'SYN_SENT' ? tcp.SYN : tcp.SYN | tcp.ACK;
    const initial = this.#unacknowledged;
    this.#next = (initial + 1) | 0;
    this.#highest = this.#next;
    if (this.#timeout.retries === 0) this.#measure(this.#next);
    const error = this.#send(initial, flags, undefined, this.#host.maximumSegmentSize(this.remote.address));
    if (error === 0) this.#startTimer();
    return error;
  }

  /** Sends what the windows let out, then FIN. */
  #output(): void {
    if (!this.isEstablished || this.state === 'TIME_WAIT') return;
    const window = Math.floor(Math.min(this.#peerWindow, this.#congestionWindow));
    for (;;) {
      const at = distance(this.#next, this.#dataStart);
      const room = window - distance(this.#next, this.#unacknowledged);
      const length = Math.min(this.#maximumSegmentSize, this.#data.length - at, room);
      if (length <= 0) break;
      const isLast = at + length === this.#data.length;
      this.#sendNext(this.#data.subarray(at, at + length), isLast ? tcp.ACK | tcp.PSH : tcp.ACK);
    }
    this.#outputFin();
  }

  #outputFin(): void {
    const end = (this.#afterFin - 1) | 0;
    if (!this.#closing || this.#next !== end) {
      // A closed window is asked about again by the timer.
      if (this.#data.length > 0 && this.#timer === null) this.#startTimer();
      return;
    }
    if (this.state === 'ESTABLISHED') this.state = 'FIN_WAIT_1';
    else if (this.state === 'CLOSE_WAIT') this.state = 'LAST_ACK';
    this.#sendNext(NO_DATA, tcp.FIN | tcp.ACK);
  }

  #sendNext(data: Uint8Array, flags: number): void {
    const sequence = this.#next;
    this.#next = (sequence + data.length + ((flags & tcp.FIN) === 0 ? 0 : 1)) | 0;
    if (distance(this.#next, this.#highest) > 0) {
      this.#highest = this.#next;
      if (this.#measuredSinceNs < 0) this.#measure(this.#next);
    }
    this.#send(sequence, flags, data);
    if (this.#timer === null) this.#startTimer();
  }

  #measure(sequence: number): void {
    this.#measuredSequence = sequence;
    this.#measuredSinceNs = this.#host.world.nowNs;
  }

  #send(sequence: number, flags: number, data: Uint8Array = NO_DATA, maximumSegmentSize = 0): number {
    this.#owesAcknowledgment = false;
    return sendSegment(this.#host, this.local, this.remote, {
      sequence,
      acknowledgment: (flags & tcp.ACK) === 0 ? 0 : this.#receiver.next,
      flags,
      window: WINDOW,
      maximumSegmentSize,
      data,
    });
  }

  #startTimer(): void {
    this.#stopTimer();
    const { world } = this.#host;
    const { synNs, synAckNs, segmentNs } = this.#timeout;
    const delay = this.state === 'SYN_SENT' ? synNs : this.state === 'SYN_RECEIVED' ? synAckNs : segmentNs;
    this.#timer = world.after(delay, () => this.#timedOut());
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.#host.world.cancel(this.#timer);
    this.#timer = null;
  }

  #timedOut(): void {
    this.#timer = null;
    const timeout = this.#timeout;
    const limit =
      this.state === 'SYN_SENT'
        ? SYN_RETRIES
        : this.state === 'SYN_RECEIVED'
          ? SYN_ACK_RETRIES
          : SEGMENT_RETRIES;
    if (timeout.retries >= limit) {
      this.#end(ETIMEDOUT);
      return;
    }
    timeout.retries++;
    this.#measuredSinceNs = -1;
    if (this.state === 'SYN_SENT' || this.state === 'SYN_RECEIVED') {
      this.#sendSyn();
      return;
    }
    // All over from the oldest on, one segment at first (RFC 5681 section 3.1).
    const underWay = distance(this.#next, this.#unacknowledged);
    this.#threshold = Math.max(underWay / 2, 2 * this.#maximumSegmentSize);
    this.#congestionWindow = this.#maximumSegmentSize;
    if (this.#peerWindow === 0) this.#peerWindow = 1;
    this.#next = this.#unacknowledged;
    this.#output();
  }

  #takeOptions({ maximumSegmentSize, window }: TcpSegment): void {
    const announced = maximumSegmentSize === 0 ? DEFAULT_MAXIMUM_SEGMENT_SIZE : maximumSegmentSize;
    this.#maximumSegmentSize = Math.min(this.#maximumSegmentSize, announced);
    this.#peerWindow = window;
    this.#congestionWindow = INITIAL_SEGMENTS * this.#maximumSegmentSize;
  }

  #waitLast(): void {
    this.#enter('TIME_WAIT');
    this.#stopTimer();
    this.#timer = this.#host.world.after(TIME_WAIT_NS, () => this.#end(0));
  }

  #enter(state: TcpState): void {
    this.state = state;
    this.onChange();
  }

  #end(error: number): void {
    this.#stopTimer();
    this.error = error;
    this.state = 'CLOSED';
    this.#owesAcknowledgment = false;
    this.#host.closeTcp(this);
    this.onChange();
  }
}
