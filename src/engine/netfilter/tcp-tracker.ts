/**
 * The state of tracked TCP connections, by RFC 9293 as somebody in between sees it, with the timeouts of Linux
 * (net.netfilter.nf_conntrack_tcp_timeout_*). Sequence windows are not checked, as with nf_conntrack_tcp_be_liberal.
 */
import * as tcp from '../wire/tcp.js';

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
const TIME_WAIT = 7;
const CLOSE = 8;

/** Seconds, by state; sysctls of the states' names. */
const TIMEOUTS: readonly number[] = [0, 120, 60, 432_000, 120, 60, 30, 120, 10, 120];
/** While data is not acknowledged, or a window is closed (…_unacknowledged, …_max_retrans). */
const TIMEOUT_UNACKNOWLEDGED = 300;

/** What a segment is, columns of TRANSITIONS. */
const IS_SYN = 0;
const IS_SYN_ACK = 1;
const IS_FIN = 2;
const IS_ACK = 3;
const IS_RST = 4;
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
  LA: 6,
  TW: TIME_WAIT,
  CL: CLOSE,
  S2: 9,
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

/** Of each end. */
const HAS_SENT = 1;
const HAS_UNACKNOWLEDGED = 2;
const CLOSED_FIRST = 4;

/** Results of `update`. */
export const TRACKED = 0;
const IS_INVALID = 1;
/** The connection is over and the segment opens another one. */
export const REOPENS = 2;
/** A reset before any answer: the connection is gone at once. */
export const REFUSED = 3;

export class TcpTracker {
  readonly states: Uint8Array;
  /** Per end, entry * 2 + direction: flags, and the sequence number behind the last byte sent. */
  readonly #flags: Uint8Array;
  readonly #sent: Int32Array;
  readonly #lastKind: Uint8Array;
  readonly #lastDirection: Uint8Array;
  /** Of the last acknowledgment. */
  readonly #window: Uint16Array;
  /** After `begin` or `update`: how long the connection lives from now on, or 0 when that stays. */
  timeoutSeconds = 0;
  /** After `update`: whether the handshake is complete. */
  isAssured = false;

  constructor(entries: number) {
    this.states = new Uint8Array(entries);
    this.#flags = new Uint8Array(entries * 2);
    this.#sent = new Int32Array(entries * 2);
    this.#lastKind = new Uint8Array(entries);
    this.#lastDirection = new Uint8Array(entries);
    this.#window = new Uint16Array(entries);
  }

  copy(to: number, from: number): void {
    this.states[to] = this.states[from];
    this.#lastKind[to] = this.#lastKind[from];
    this.#lastDirection[to] = this.#lastDirection[from];
    this.#window[to] = this.#window[from];
    for (let end = 0; end < 2; end++) {
      this.#flags[to * 2 + end] = this.#flags[from * 2 + end];
      this.#sent[to * 2 + end] = this.#sent[from * 2 + end];
    }
  }

  /** Makes `entry` a connection that begins with the segment; false when none does. */
  begin(entry: number, bytes: Uint8Array, at: number, end: number): boolean {
    if (!isSound(bytes, at, end)) return false;
    const state = TRANSITIONS[kindOf(tcp.flags(bytes, at))];
    if (state >= IGNORE) return false;
    this.states[entry] = NONE;
    this.#flags[entry * 2] = 0;
    this.#flags[entry * 2 + 1] = 0;
    this.#window[entry] = 0;
    return this.update(entry, 0, false, bytes, at, end) === TRACKED;
  }

  /** Takes the connection on by a segment of one end (`direction` 0: of the one that opened it). */
  update(
    entry: number,
    direction: number,
    isAnswered: boolean,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): number {
    this.timeoutSeconds = 0;
    this.isAssured = false;
    if (!isSound(bytes, at, end)) return IS_INVALID;
    const kind = kindOf(tcp.flags(bytes, at));
    const before = this.states[entry];
    const after = TRANSITIONS[(before * 2 + direction) * KINDS + kind];
    if (after === INVALID) return IS_INVALID;
    if (after === SYN_SENT && before >= TIME_WAIT && this.#isOver(entry, direction)) return REOPENS;
    this.#lastKind[entry] = kind;
    this.#lastDirection[entry] = direction;
    if (after === IGNORE) return TRACKED;
    this.#noteSequence(entry, direction, kind, bytes, at, end);
    this.states[entry] = after;
    if (after === FIN_WAIT && before !== FIN_WAIT) this.#flags[entry * 2 + direction] |= CLOSED_FIRST;
    this.timeoutSeconds = this.#timeout(entry, kind, after);
    if (!isAnswered) {
      if (kind === IS_RST) return REFUSED;
      // Picked up in the middle; nobody knows yet whether the other end is there.
      if (kind === IS_ACK) this.timeoutSeconds = Math.min(this.timeoutSeconds, TIMEOUT_UNACKNOWLEDGED);
      return TRACKED;
    }
    this.isAssured = (before === SYN_RECV || before === ESTABLISHED) && after === ESTABLISHED;
    return TRACKED;
  }

  /** Whether an end may open the connection anew: it was closed in order, or the end's own last word was a reset. */
  #isOver(entry: number, direction: number): boolean {
    if (((this.#flags[entry * 2] | this.#flags[entry * 2 + 1]) & CLOSED_FIRST) !== 0) return true;
    return this.#lastDirection[entry] === direction && this.#lastKind[entry] === IS_RST;
  }

  #noteSequence(
    entry: number,
    direction: number,
    kind: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): void {
    const sender = entry * 2 + direction;
    const receiver = entry * 2 + 1 - direction;
    const flags = tcp.flags(bytes, at);
    const length =
      end - at - tcp.headerLength(bytes, at) + (flags & tcp.SYN ? 1 : 0) + (flags & tcp.FIN ? 1 : 0);
    const next = (tcp.sequence(bytes, at) + length) | 0;
    if ((this.#flags[sender] & HAS_SENT) === 0) {
      this.#flags[sender] |= HAS_SENT;
      this.#sent[sender] = next;
    } else if (((next - this.#sent[sender]) | 0) > 0) {
      this.#sent[sender] = next;
      this.#flags[sender] |= HAS_UNACKNOWLEDGED;
    }
    if ((flags & tcp.ACK) === 0 || tcp.acknowledgment(bytes, at) === this.#sent[receiver]) {
      this.#flags[receiver] &= ~HAS_UNACKNOWLEDGED;
    }
    if (kind === IS_ACK) this.#window[entry] = tcp.window(bytes, at);
  }

  #timeout(entry: number, kind: number, state: number): number {
    const timeout = TIMEOUTS[state];
    if (timeout <= TIMEOUT_UNACKNOWLEDGED || kind === IS_RST) return timeout;
    const flags = this.#flags[entry * 2] | this.#flags[entry * 2 + 1];
    const waits = (flags & HAS_UNACKNOWLEDGED) !== 0 || this.#window[entry] === 0;
    return waits ? TIMEOUT_UNACKNOWLEDGED : timeout;
  }
}

function kindOf(flags: number): number {
  if ((flags & tcp.RST) !== 0) return IS_RST;
  if ((flags & tcp.SYN) !== 0) return (flags & tcp.ACK) === 0 ? IS_SYN : IS_SYN_ACK;
  return (flags & tcp.FIN) === 0 ? IS_ACK : IS_FIN;
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
