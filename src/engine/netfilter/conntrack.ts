/**
 * Netfilter's connection tracking of one network namespace (nf_conntrack): which connection a packet belongs to, in
 * which direction, and in what state that is. Entries are rows of typed arrays. Row 0 is the connection that the
 * packet in hand would open: it is in the table once the packet has passed its last hook (`confirm`). SCTP, DCCP and
 * other protocols are tracked without a state of their own.
 */
import type { Clock } from '../clock.js';
import { HashMap } from '../maps/hash-map.js';
import { BPF_ANY } from '../maps/map.js';
import type { PacketContext } from '../packet.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import { FragmentPorts } from './fragment-ports.js';
import { REFUSED, REOPENS, TcpTracker, TRACKED } from './tcp-tracker.js';
import { TcpTrackingSettings } from './tcp-window.js';
import {
  copyTuple,
  DESTINATION_WORD,
  invert,
  isIcmp,
  opensConnection,
  PacketTuple,
  quotesPacket,
  TUPLE_WORDS,
} from './tuple.js';

/** What a packet is to its connection, as `--ctstate` names it. */
export const CT_INVALID = 1;
export const CT_ESTABLISHED = 2;
export const CT_RELATED = 4;
export const CT_NEW = 8;
export const CT_UNTRACKED = 64;

/** Bits of a connection's status (linux/netfilter/nf_conntrack_common.h). */
export const IPS_SEEN_REPLY = 2;
export const IPS_ASSURED = 4;
export const IPS_SRC_NAT = 16;
export const IPS_DST_NAT = 32;
export const IPS_SRC_NAT_DONE = 128;
export const IPS_DST_NAT_DONE = 256;

/** No connection: the packet is invalid or not tracked. */
export const NO_ENTRY = -1;
/** The connection that the packet in hand would open. */
export const PENDING = 0;

export const ORIGINAL = 0;
export const REPLY = 1;

/** Seconds: net.netfilter.nf_conntrack_{udp,udp_stream,icmp,generic}_timeout. */
const TIMEOUT_UDP = 30;
const TIMEOUT_UDP_STREAM = 120;
const TIMEOUT_ICMP = 30;
const TIMEOUT_GENERIC = 600;
/** A UDP flow with answers is a stream when it lasts longer than this. */
const UDP_STREAM_NS = 2e9;

/** net.netfilter.nf_conntrack_max of a machine with 1 to 4 GB. */
const DEFAULT_ENTRIES = 65_536;
/** Rows that each new connection makes the table look through for expired ones. */
const SWEPT_ROWS = 8;

/** Neighbour and router discovery, multicast listeners: not tracked (RFC 4861, RFC 3810). */
const FIRST_UNTRACKED_ICMPV6 = 130;
const LAST_UNTRACKED_ICMPV6 = 137;
const MLDV2_REPORT = 143;

export class Conntrack {
  readonly clock: Clock;
  readonly capacity: number;
  /** Both tuples of each entry: row * 2 + direction, TUPLE_WORDS each. */
  readonly tuples: Int32Array;
  readonly status: Int32Array;
  readonly marks: Int32Array;
  /** Monotonic ns; 0 for a free row. */
  readonly expiresNs: Float64Array;
  readonly tcp: TcpTracker;
  readonly #streamNs: Float64Array;
  /** Row * 2 + direction, by tuple. */
  readonly #byTuple: HashMap;
  readonly #fragments = new FragmentPorts();
  readonly #value: Uint8Array;
  readonly #valueWords: Int32Array;
  #rows = 0;
  #free: number[] = [];
  #hand = 1;
  /** Connections in the table, expired ones that nobody has met yet among them. */
  count = 0;
  /** Is told before an entry goes; NAT keeps an index of its own. */
  removed: ((row: number) => void) | null = null;

  /** Of the packet in hand: its tuple, row (or NO_ENTRY), direction, and a CT_ state. */
  readonly packet = new PacketTuple();
  /** Of an ICMP error: the packet that it quotes. */
  readonly quoted = new PacketTuple();
  entry = NO_ENTRY;
  direction = ORIGINAL;
  state = CT_INVALID;
  /** Whether the packet in hand is an ICMP error about the entry's connection. */
  isError = false;
  zone = 0;
  readonly #inverse = new Int32Array(TUPLE_WORDS);

  constructor(clock: Clock, capacity = DEFAULT_ENTRIES, settings = new TcpTrackingSettings()) {
    this.clock = clock;
    this.capacity = capacity;
    const rows = capacity + 1;
    this.tuples = new Int32Array(rows * 2 * TUPLE_WORDS);
    this.status = new Int32Array(rows);
    this.marks = new Int32Array(rows);
    this.expiresNs = new Float64Array(rows);
    this.tcp = new TcpTracker(rows, settings);
    this.#streamNs = new Float64Array(rows);
    this.#byTuple = new HashMap({
      name: 'nf_conntrack',
      type: 'hash',
      keySize: TUPLE_WORDS * 4,
      valueSize: 4,
      maxEntries: capacity * 2,
    });
    this.#value = new Uint8Array(4);
    this.#valueWords = new Int32Array(this.#value.buffer);
  }

  /** Where the tuple of a row in a direction begins in `tuples`. */
  tupleAt(row: number, direction: number): number {
    return (row * 2 + direction) * TUPLE_WORDS;
  }

  /** The row of a live entry after `row`; -1 at the end. Begin with PENDING. */
  next(row: number): number {
    const { nowNs } = this.clock;
    for (let i = row + 1; i <= this.#rows; i++) if (this.expiresNs[i] > nowNs) return i;
    return -1;
  }

  /** A new packet is in hand, of which nothing is known yet. */
  begin(): void {
    this.entry = NO_ENTRY;
    this.state = CT_INVALID;
    this.direction = ORIGINAL;
    this.isError = false;
  }

  /** The packet in hand is not to be tracked: what NOTRACK says. */
  untrack(): void {
    this.begin();
    this.state = CT_UNTRACKED;
  }

  get isUntracked(): boolean {
    return this.state === CT_UNTRACKED;
  }

  /** After `begin`: finds, or prepares, the connection of a packet with a checked IP header (nf_conntrack_in). */
  track(packet: PacketContext): void {
    const tuple = this.packet;
    const { bytes, end } = packet;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    if (!tuple.read(bytes, ipAt, end, packet.protocol === ethernet.TYPE_IPV4, this.zone)) return;
    if (tuple.isFragment && !this.#fragments.complete(tuple)) return;
    if (quotesPacket(bytes, tuple)) {
      this.#relate(bytes, end);
      return;
    }
    if (isUntracked(bytes, tuple)) {
      this.untrack();
      return;
    }
    const found = this.find(tuple.words, 0);
    if (found < 0) this.#open(bytes, end);
    else this.#goOn(found, bytes, end);
  }

  /** Puts the pending connection into the table, when the packet in hand opened one. False when it must be dropped. */
  confirm(): boolean {
    if (this.entry !== PENDING) return true;
    const row = this.#takeRow();
    if (row === 0) return false;
    const from = this.tupleAt(PENDING, ORIGINAL);
    const to = this.tupleAt(row, ORIGINAL);
    copyTuple(this.tuples, to, this.tuples, from);
    copyTuple(this.tuples, to + TUPLE_WORDS, this.tuples, from + TUPLE_WORDS);
    if (this.isTaken(to) || this.isTaken(to + TUPLE_WORDS)) {
      this.#free.push(row);
      return false;
    }
    this.#index(to, row * 2);
    this.#index(to + TUPLE_WORDS, row * 2 + 1);
    this.status[row] = this.status[PENDING];
    this.marks[row] = this.marks[PENDING];
    this.expiresNs[row] = this.expiresNs[PENDING];
    this.#streamNs[row] = this.#streamNs[PENDING];
    this.tcp.copy(row, PENDING);
    this.entry = row;
    this.count++;
    return true;
  }

  /** Whether a live connection has the tuple at `tuples[at]` in either direction. */
  isTaken(at: number, tuples: Int32Array = this.tuples): boolean {
    return this.find(tuples, at) >= 0;
  }

  /** Row * 2 + direction of the live connection with a tuple, or -1. */
  find(words: Int32Array, at: number): number {
    const map = this.#byTuple;
    const value = map.lookup(words, at);
    if (value < 0) return -1;
    const found = map.words[value >> 2];
    if (this.expiresNs[found >> 1] > this.clock.nowNs) return found;
    this.#remove(found >> 1);
    return -1;
  }

  #index(at: number, found: number): void {
    this.#valueWords[0] = found;
    this.#byTuple.update(this.tuples, at, this.#value, 0, BPF_ANY);
  }

  #remove(row: number): void {
    this.removed?.(row);
    const at = this.tupleAt(row, ORIGINAL);
    this.#byTuple.delete(this.tuples, at);
    this.#byTuple.delete(this.tuples, at + TUPLE_WORDS);
    this.expiresNs[row] = 0;
    this.#free.push(row);
    this.count--;
  }

  /** A row for a new connection, or 0 when the table is full of connections that have proved to be real. */
  #takeRow(): number {
    this.#sweep();
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#rows < this.capacity) return ++this.#rows;
    // The kernel gives up a connection without answers first (early_drop).
    for (let row = 1; row <= this.capacity; row++) {
      const isLive = this.expiresNs[row] > this.clock.nowNs;
      if (isLive && (this.status[row] & IPS_ASSURED) !== 0) continue;
      this.#remove(row);
      return this.#free.pop()!;
    }
    return 0;
  }

  #sweep(): void {
    const { nowNs } = this.clock;
    for (let i = 0; i < SWEPT_ROWS && this.#rows > 0; i++) {
      if (++this.#hand > this.#rows) this.#hand = 1;
      const expires = this.expiresNs[this.#hand];
      if (expires !== 0 && expires <= nowNs) this.#remove(this.#hand);
    }
  }

  #open(bytes: Uint8Array, end: number): void {
    const tuple = this.packet;
    const at = this.tupleAt(PENDING, ORIGINAL);
    copyTuple(this.tuples, at, tuple.words, 0);
    if (!invert(tuple.words, 0, this.tuples, at + TUPLE_WORDS)) return;
    let seconds = TIMEOUT_GENERIC;
    if (tuple.protocol === ipv4.PROTOCOL_TCP) {
      if (tuple.transportAt < 0 || !this.tcp.begin(PENDING, bytes, tuple.transportAt, end)) return;
      seconds = this.tcp.timeoutSeconds;
    } else if (isIcmp(tuple.protocol)) {
      if (!opensConnection(tuple.words, 0)) return;
      seconds = TIMEOUT_ICMP;
    } else if (tuple.protocol === ipv4.PROTOCOL_UDP) {
      seconds = TIMEOUT_UDP;
      this.#streamNs[PENDING] = this.clock.nowNs + UDP_STREAM_NS;
    }
    this.status[PENDING] = 0;
    this.marks[PENDING] = 0;
    this.expiresNs[PENDING] = this.clock.nowNs + seconds * 1e9;
    this.entry = PENDING;
    this.state = CT_NEW;
  }

  #goOn(found: number, bytes: Uint8Array, end: number): void {
    const row = found >> 1;
    const direction = found & 1;
    const { protocol } = this.packet;
    let result = TRACKED;
    let seconds = TIMEOUT_GENERIC;
    if (protocol === ipv4.PROTOCOL_TCP) {
      result = this.#goOnTcp(row, direction, bytes, end);
      seconds = this.tcp.timeoutSeconds;
    } else if (isIcmp(protocol)) seconds = TIMEOUT_ICMP;
    else if (protocol === ipv4.PROTOCOL_UDP) seconds = this.#udpTimeout(row);
    if (result === REOPENS) {
      this.#remove(row);
      this.#open(bytes, end);
      return;
    }
    if (result !== TRACKED && result !== REFUSED) return;
    if (seconds !== 0) this.expiresNs[row] = this.clock.nowNs + seconds * 1e9;
    // Gone for all who look after this packet.
    if (result === REFUSED) this.expiresNs[row] = this.clock.nowNs;
    this.entry = row;
    this.direction = direction;
    this.state = direction === REPLY || (this.status[row] & IPS_SEEN_REPLY) !== 0 ? CT_ESTABLISHED : CT_NEW;
    if (direction === REPLY) this.status[row] |= IPS_SEEN_REPLY;
  }

  /** A later fragment says nothing about the state. */
  #goOnTcp(row: number, direction: number, bytes: Uint8Array, end: number): number {
    const { tcp } = this;
    const at = this.packet.transportAt;
    tcp.timeoutSeconds = 0;
    if (at < 0) return TRACKED;
    const isAnswered = (this.status[row] & IPS_SEEN_REPLY) !== 0;
    const isAssured = (this.status[row] & IPS_ASSURED) !== 0;
    const result = tcp.update(row, direction, isAnswered, isAssured, bytes, at, end);
    if (tcp.mostSeconds !== 0) {
      this.expiresNs[row] = Math.min(this.expiresNs[row], this.clock.nowNs + tcp.mostSeconds * 1e9);
    }
    if (tcp.isAssured) this.status[row] |= IPS_ASSURED;
    return result;
  }

  #udpTimeout(row: number): number {
    if ((this.status[row] & IPS_SEEN_REPLY) === 0 || this.clock.nowNs <= this.#streamNs[row])
      return TIMEOUT_UDP;
    this.status[row] |= IPS_ASSURED;
    return TIMEOUT_UDP_STREAM;
  }

  /** An ICMP error is about the connection of the packet that it quotes, and comes to that packet's sender. */
  #relate(bytes: Uint8Array, end: number): void {
    const { packet: tuple, quoted } = this;
    const { transportAt } = tuple;
    const quotedAt = tuple.isIpv4 ? icmp.quotedAt(transportAt) : icmpv6.quotedAt(transportAt);
    if (!fitsIp(bytes, quotedAt, end, tuple.isIpv4)) return;
    if (!quoted.read(bytes, quotedAt, end, tuple.isIpv4, this.zone) || quoted.transportAt < 0) return;
    if (!invert(quoted.words, 0, this.#inverse, 0)) return;
    const found = this.find(this.#inverse, 0);
    if (found < 0) return;
    const at = this.tupleAt(found >> 1, found & 1) + DESTINATION_WORD;
    for (let i = 0; i < 4; i++) {
      if (this.tuples[at + i] !== tuple.words[DESTINATION_WORD + i]) return;
    }
    this.entry = found >> 1;
    this.direction = found & 1;
    this.state = CT_RELATED;
    this.isError = true;
  }
}

/** Whether an IP header with its options, of the family, is in front of `end`. */
function fitsIp(bytes: Uint8Array, at: number, end: number, v4: boolean): boolean {
  if (!v4) return ipv6.fits(at, end) && ipv6.version(bytes, at) === ipv6.VERSION;
  return ipv4.fits(at, end) && ipv4.version(bytes, at) === ipv4.VERSION && ipv4.fitsOptions(bytes, at, end);
}

function isUntracked(bytes: Uint8Array, tuple: PacketTuple): boolean {
  if (tuple.protocol !== ipv6.NEXT_ICMPV6 || tuple.transportAt < 0) return false;
  const type = icmpv6.type(bytes, tuple.transportAt);
  return (type >= FIRST_UNTRACKED_ICMPV6 && type <= LAST_UNTRACKED_ICMPV6) || type === MLDV2_REPORT;
}
