/**
 * The state of tracked TCP connections, by RFC 9293 as somebody in between sees it, with the timeouts of Linux
 * (net.netfilter.nf_conntrack_tcp_timeout_*). What is outside of the windows (tcp-window.ts) changes nothing.
 */
import * as tcp from '../wire/tcp.js';
import {
  CLOSED_FIRST,
  HAS_UNACKNOWLEDGED,
  IS_ACK,
  IS_FIN,
  IS_NONE,
  IS_RST,
  IS_SYN,
  IS_SYN_ACK,
  OUT_OF_WINDOW,
  OUTDATED,
  PERMITS_SACK,
  SCALES_WINDOW,
  TcpSegment,
  type TcpTrackingSettings,
  TcpWindows,
} from './tcp-window.js';

export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

const NONE = 0;
const SYN_SENT = 1;
const SYN_RECV = 2;
const ESTABLISHED = 3;
const FIN_WAIT = 4;
const LAST_ACK = 6;
const TIME_WAIT = 7;
const CLOSE = 8;
const SYN_SENT2 = 9;

/** Seconds, by state; sysctls of the states' names. */
const TIMEOUTS: readonly number[] = [0, 120, 60, 432_000, 120, 60, 30, 120, 10, 120];
/** While data is not acknowledged, or a window is closed (…_unacknowledged, …_max_retrans). */
const TIMEOUT_UNACKNOWLEDGED = 300;

const KINDS = 5;

/** The segment changes nothing: a repetition, or one of the other end's that may be right. */
const IGNORE = 10;
const INVALID = 11;
const CODES: Readonly<Record<string, number>> = {
  SS: SYN_SENT,
  SR: SYN_RECV,
  ES: ESTABLISHED,
  FW: FIN_WAIT,
  CW: 5,
  LA: LAST_ACK,
  TW: TIME_WAIT,
  CL: CLOSE,
  S2: SYN_SENT2,
  '..': IGNORE,
  '--': INVALID,
};

/** By state: the state after a SYN, SYN/ACK, FIN, ACK, RST of the end that opened it, then of the other end. */
const TRANSITIONS = Uint8Array.from(
  [
    /* NONE        */ 'SS -- -- ES --  -- -- -- -- --',
    /* SYN_SENT    */ 'SS -- -- -- CL  S2 SR -- .. CL',
    /* SYN_RECV    */ '.. SR FW ES CL  -- .. FW SR CL',
    /* ESTABLISHED */ '.. -- FW ES CL  -- .. FW ES CL',
    /* FIN_WAIT    */ '.. -- LA CW CL  -- .. LA CW CL',
    /* CLOSE_WAIT  */ '.. -- LA CW CL  -- .. LA CW CL',
    /* LAST_ACK    */ '.. -- LA TW CL  -- .. LA TW CL',
    /* TIME_WAIT   */ 'SS -- TW TW CL  SS .. TW TW CL',
    /* CLOSE       */ 'SS -- CL CL CL  -- .. CL CL CL',
    /* SYN_SENT2   */ 'S2 SR -- -- CL  S2 SR -- .. CL',
  ].flatMap((row) => row.split(/ +/).map((code) => CODES[code])),
);

/** Of the last SYN that was let through without being believed. */
const EXPECTS_CHALLENGE = 64;
const SIMULTANEOUS = 128;

/** Results of `update`. */
export const TRACKED = 0;
const IS_INVALID = 1;
/** The connection is over and the segment opens another one. */
export const REOPENS = 2;
/** A reset before any answer: the connection is gone at once. */
export const REFUSED = 3;

/** Steps of `update`: go on to the windows, past them, or stop with a result. */
const CHECK = -1;
const BELIEVE = -2;

export class TcpTracker {
  readonly states: Uint8Array;
  readonly #settings: TcpTrackingSettings;
  readonly #windows: TcpWindows;
  readonly #segment = new TcpSegment();
  /** Of the last segment of a connection. */
  readonly #lastKind: Uint8Array;
  readonly #lastDirection: Uint8Array;
  readonly #lastSequence: Int32Array;
  readonly #lastNext: Int32Array;
  readonly #lastAcknowledgment: Int32Array;
  readonly #lastWindow: Uint16Array;
  /** Options of the last SYN that was not believed, and flags of what may follow it. */
  readonly #lastScale: Uint8Array;
  readonly #lastFlags: Uint8Array;
  readonly #retransmissions: Uint8Array;
  /** After `begin` or `update`: how long the connection lives from now on, or 0 when that stays. */
  timeoutSeconds = 0;
  /** After `update`: whether the handshake is complete. */
  isAssured = false;
  /** After IS_INVALID: how long the connection, if it is an assured one, lives from now on at most; 0 as it is. */
  mostSeconds = 0;
  #state = NONE;

  constructor(entries: number, settings: TcpTrackingSettings) {
    this.#settings = settings;
    this.#windows = new TcpWindows(entries, settings);
    this.states = new Uint8Array(entries);
    this.#lastKind = new Uint8Array(entries);
    this.#lastDirection = new Uint8Array(entries);
    this.#lastSequence = new Int32Array(entries);
    this.#lastNext = new Int32Array(entries);
    this.#lastAcknowledgment = new Int32Array(entries);
    this.#lastWindow = new Uint16Array(entries);
    this.#lastScale = new Uint8Array(entries);
    this.#lastFlags = new Uint8Array(entries);
    this.#retransmissions = new Uint8Array(entries);
  }

  copy(to: number, from: number): void {
    this.states[to] = this.states[from];
    this.#lastKind[to] = this.#lastKind[from];
    this.#lastDirection[to] = this.#lastDirection[from];
    this.#lastSequence[to] = this.#lastSequence[from];
    this.#lastNext[to] = this.#lastNext[from];
    this.#lastAcknowledgment[to] = this.#lastAcknowledgment[from];
    this.#lastWindow[to] = this.#lastWindow[from];
    this.#lastScale[to] = this.#lastScale[from];
    this.#lastFlags[to] = this.#lastFlags[from];
    this.#retransmissions[to] = this.#retransmissions[from];
    this.#windows.copy(to * 2, from * 2);
    this.#windows.copy(to * 2 + 1, from * 2 + 1);
  }

  /** Makes `entry` a connection that begins with the segment; false when none does. */
  begin(entry: number, bytes: Uint8Array, at: number, end: number): boolean {
    if (!isSound(bytes, at, end)) return false;
    const segment = this.#segment;
    segment.read(bytes, at, end);
    const state = TRANSITIONS[segment.kind];
    if (state >= IGNORE) return false;
    if (state === SYN_SENT) this.#windows.open(entry * 2, segment);
    else if (this.#settings.loose) this.#windows.pickUp(entry * 2, segment);
    else return false;
    this.states[entry] = NONE;
    this.#lastKind[entry] = IS_NONE;
    this.#lastFlags[entry] = 0;
    this.#lastWindow[entry] = 0;
    this.#retransmissions[entry] = 0;
    return this.#update(entry, 0, false, false) === TRACKED;
  }

  /** Takes the connection on by a segment of one end (`direction` 0: of the one that opened it). */
  update(
    entry: number,
    direction: number,
    isAnswered: boolean,
    isAssured: boolean,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): number {
    this.timeoutSeconds = 0;
    this.mostSeconds = 0;
    this.isAssured = false;
    if (!isSound(bytes, at, end)) return IS_INVALID;
    this.#segment.read(bytes, at, end);
    return this.#update(entry, direction, isAnswered, isAssured);
  }

  #update(entry: number, direction: number, isAnswered: boolean, isAssured: boolean): number {
    const segment = this.#segment;
    const { kind } = segment;
    const before = this.states[entry];
    this.#state = TRANSITIONS[(before * 2 + direction) * KINDS + kind];
    const step = this.#decide(entry, direction, before, isAnswered, isAssured);
    if (step >= TRACKED) return step;
    if (step === CHECK) {
      // A SYN/ACK for a SYN that was not believed puts the connection back.
      const state = this.states[entry];
      const isOpening = state === SYN_SENT || state === SYN_RECV;
      const answer = this.#windows.check(entry * 2 + direction, segment, isOpening, state === SYN_SENT);
      if (answer === OUTDATED) return TRACKED;
      if (answer === OUT_OF_WINDOW) return this.#refuse(entry, direction, isAssured);
      if (kind === IS_ACK && this.#windows.hasMoved) this.#noteRetransmission(entry, direction);
    }
    return this.#take(entry, direction, before, isAnswered);
  }

  /** What a segment means before its numbers are looked at; may change the state that it leads to. */
  #decide(entry: number, direction: number, before: number, isAnswered: boolean, isAssured: boolean): number {
    const { kind } = this.#segment;
    switch (this.#state) {
      case INVALID:
        return IS_INVALID;
      case SYN_SENT:
        if (before < TIME_WAIT) return CHECK;
        return this.#isOver(entry, direction) ? REOPENS : this.#letThrough(entry, direction, before);
      case IGNORE:
        return this.#letThrough(entry, direction, before);
      case TIME_WAIT:
        return this.#isChallenge(entry, direction, before) ? TRACKED : CHECK;
      case SYN_SENT2:
        this.#lastFlags[entry] |= SIMULTANEOUS;
        return CHECK;
      case SYN_RECV:
        if (direction === 1 && kind === IS_ACK && (this.#lastFlags[entry] & SIMULTANEOUS) !== 0) {
          this.#state = ESTABLISHED;
        }
        return CHECK;
      case CLOSE:
        return kind === IS_RST ? this.#decideOnReset(entry, direction, before, isAnswered, isAssured) : CHECK;
      default:
        return CHECK;
    }
  }

  /**
   * A segment that may belong to another connection of the ends than the one that is known: a SYN while there is one, a
   * SYN/ACK, an acknowledgment before the answer. The other end knows better, and what it says tells.
   */
  #letThrough(entry: number, direction: number, before: number): number {
    const segment = this.#segment;
    const { kind } = segment;
    const isAnswer =
      kind === IS_SYN_ACK &&
      this.#lastKind[entry] === IS_SYN &&
      this.#lastDirection[entry] !== direction &&
      segment.acknowledgment === this.#lastNext[entry];
    if (isAnswer) {
      this.#resume(entry, direction);
      return CHECK;
    }
    this.#lastKind[entry] = kind;
    this.#lastDirection[entry] = direction;
    this.#lastSequence[entry] = segment.sequence;
    this.#lastNext[entry] = segment.next;
    this.#lastWindow[entry] = segment.window;
    if (kind === IS_SYN && direction === 0) {
      const scale = tcp.windowScale(segment.bytes, segment.at);
      this.#lastScale[entry] = Math.max(scale, 0);
      this.#lastFlags[entry] =
        (scale < 0 ? 0 : SCALES_WINDOW) |
        (tcp.permitsSack(segment.bytes, segment.at) ? PERMITS_SACK : 0) |
        (before === LAST_ACK ? EXPECTS_CHALLENGE : 0);
    }
    if (before === SYN_SENT && kind === IS_ACK && direction === 1) {
      this.#lastAcknowledgment[entry] = segment.acknowledgment;
    }
    return TRACKED;
  }

  /** The SYN that was not believed has been answered: the connection is that of it. */
  #resume(entry: number, direction: number): void {
    const windows = this.#windows;
    const opener = entry * 2 + this.#lastDirection[entry];
    this.#lastFlags[entry] &= ~EXPECTS_CHALLENGE;
    windows.clear(opener);
    windows.end[opener] = this.#lastNext[entry];
    windows.limit[opener] = this.#lastNext[entry];
    windows.window[opener] = Math.max(this.#lastWindow[entry], 1);
    windows.scale[opener] = this.#lastScale[entry];
    windows.flags[opener] = this.#lastFlags[entry];
    windows.clear(entry * 2 + direction);
    this.states[entry] = SYN_SENT;
    this.#state = SYN_RECV;
  }

  /** An acknowledgment that answers a SYN within a connection (RFC 5961 section 4), not the last FIN. */
  #isChallenge(entry: number, direction: number, before: number): boolean {
    const isOne =
      before === LAST_ACK &&
      this.#segment.kind === IS_ACK &&
      this.#lastDirection[entry] !== direction &&
      this.#lastKind[entry] === IS_SYN &&
      (this.#lastFlags[entry] & EXPECTS_CHALLENGE) !== 0;
    if (isOne) this.#lastFlags[entry] &= ~EXPECTS_CHALLENGE;
    return isOne;
  }

  /** A reset is believed when it has the number that is expected next, else only as far as it is in the window. */
  #decideOnReset(
    entry: number,
    direction: number,
    before: number,
    isAnswered: boolean,
    isAssured: boolean,
  ): number {
    if (before >= FIN_WAIT && before <= CLOSE) return BELIEVE;
    const { sequence, acknowledgment } = this.#segment;
    const windows = this.#windows;
    const other = entry * 2 + 1 - direction;
    const lastKind = this.#lastKind[entry];
    if (windows.hasAcknowledged(other) && lastKind !== IS_SYN) {
      const isEstablished = before === ESTABLISHED && isAssured;
      if (sequence === 0 && !isEstablished) return CHECK;
      const late = (sequence - windows.acknowledged[other]) | 0;
      if (late < 0 && !this.#settings.ignoreInvalidReset) return IS_INVALID;
      if (!isEstablished || late === 0) return CHECK;
      const isOfTrain = lastKind === IS_ACK && this.#lastDirection[entry] === direction;
      if (isOfTrain && sequence === this.#lastNext[entry]) return CHECK;
      // Maybe in the window, yet not the next: the other end will ask back, if it is alive.
      this.#state = before;
    }
    const isAboutUnbelieved = (isAnswered && lastKind === IS_SYN) || (!isAssured && lastKind === IS_ACK);
    if (isAboutUnbelieved && acknowledgment === this.#lastNext[entry]) return BELIEVE;
    const isAfterChallenge =
      before === SYN_SENT &&
      lastKind === IS_ACK &&
      this.#lastDirection[entry] === 1 &&
      sequence === this.#lastAcknowledgment[entry];
    return isAfterChallenge ? BELIEVE : CHECK;
  }

  /** Out of the window. Where both ends mean to close, the connection does not live on for days because of that. */
  #refuse(entry: number, direction: number, isAssured: boolean): number {
    const { kind } = this.#segment;
    if (!isAssured) return IS_INVALID;
    if (kind !== IS_RST && kind !== IS_FIN) return IS_INVALID;
    const last = this.#lastKind[entry];
    if (this.#lastDirection[entry] !== direction && (last === IS_FIN || last === IS_RST)) {
      this.mostSeconds = TIMEOUT_UNACKNOWLEDGED;
      return IS_INVALID;
    }
    this.#lastKind[entry] = kind;
    this.#lastDirection[entry] = direction;
    return IS_INVALID;
  }

  #take(entry: number, direction: number, before: number, isAnswered: boolean): number {
    const { kind } = this.#segment;
    const after = this.#state;
    // As it was before the segment, or as a SYN/ACK has put it back.
    const old = this.states[entry];
    this.#lastKind[entry] = kind;
    this.#lastDirection[entry] = direction;
    this.states[entry] = after;
    if (after === FIN_WAIT && old !== FIN_WAIT) this.#windows.flags[entry * 2 + direction] |= CLOSED_FIRST;
    this.timeoutSeconds = this.#timeout(entry, kind, after);
    if (!isAnswered) {
      if (kind === IS_RST) return REFUSED;
      // A SYN once more does not keep a connection alive that nobody answers.
      if (kind === IS_SYN && before === SYN_SENT) this.timeoutSeconds = 0;
      // Picked up in the middle; nobody knows yet whether the other end is there.
      if (after === ESTABLISHED) this.timeoutSeconds = Math.min(this.timeoutSeconds, TIMEOUT_UNACKNOWLEDGED);
      return TRACKED;
    }
    this.isAssured = (old === SYN_RECV || old === ESTABLISHED) && after === ESTABLISHED;
    return TRACKED;
  }

  /** Whether an end may open the connection anew: it was closed in order, or the end's own last word was a reset. */
  #isOver(entry: number, direction: number): boolean {
    const { flags } = this.#windows;
    if (((flags[entry * 2] | flags[entry * 2 + 1]) & CLOSED_FIRST) !== 0) return true;
    return this.#lastDirection[entry] === direction && this.#lastKind[entry] === IS_RST;
  }

  #noteRetransmission(entry: number, direction: number): void {
    const { sequence, next, acknowledgment, window } = this.#segment;
    const isSame =
      this.#lastDirection[entry] === direction &&
      this.#lastSequence[entry] === sequence &&
      this.#lastAcknowledgment[entry] === acknowledgment &&
      this.#lastNext[entry] === next &&
      this.#lastWindow[entry] === window;
    if (isSame) {
      this.#retransmissions[entry]++;
      return;
    }
    this.#lastDirection[entry] = direction;
    this.#lastSequence[entry] = sequence;
    this.#lastAcknowledgment[entry] = acknowledgment;
    this.#lastNext[entry] = next;
    this.#lastWindow[entry] = window;
    this.#retransmissions[entry] = 0;
  }

  #timeout(entry: number, kind: number, state: number): number {
    const timeout = TIMEOUTS[state];
    const isLong = timeout > TIMEOUT_UNACKNOWLEDGED;
    if (this.#retransmissions[entry] >= this.#settings.maximumRetransmissions && isLong) {
      return TIMEOUT_UNACKNOWLEDGED;
    }
    if (kind === IS_RST) return TIMEOUTS[CLOSE];
    const flags = this.#windows.flags[entry * 2] | this.#windows.flags[entry * 2 + 1];
    const waits = (flags & HAS_UNACKNOWLEDGED) !== 0 || this.#lastWindow[entry] === 0;
    return waits && isLong ? TIMEOUT_UNACKNOWLEDGED : timeout;
  }
}

const LEGAL_FLAGS = [
  tcp.SYN,
  tcp.SYN | tcp.URG,
  tcp.SYN | tcp.ACK,
  tcp.RST,
  tcp.RST | tcp.ACK,
  tcp.FIN | tcp.ACK,
  tcp.FIN | tcp.ACK | tcp.URG,
  tcp.ACK,
  tcp.ACK | tcp.URG,
];

/** Whether the header is whole and its flags make sense together; PSH, ECE and CWR go with all. */
function isSound(bytes: Uint8Array, at: number, end: number): boolean {
  if (!tcp.fits(at, end) || !tcp.fitsOptions(bytes, at, end)) return false;
  return LEGAL_FLAGS.includes(tcp.flags(bytes, at) & ~(tcp.PSH | tcp.ECE | tcp.CWR));
}
