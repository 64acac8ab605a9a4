/**
 * Address translation on top of conntrack (nf_nat): a connection's reply tuple is chosen once, when it opens, and both
 * directions are rewritten by its two tuples from then on. The choice is Linux': a mapping that the same source
 * already has is used again, else the port stays when it is free, else one is searched from a random place on.
 */
import { HashMap } from '../maps/hash-map.js';
import { BPF_ANY } from '../maps/map.js';
import type { PacketContext } from '../packet.js';
import type { RandomSource } from '../random.js';
import { i32le, swap16 } from '../wire/bytes.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import {
  type Conntrack,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  NO_ENTRY,
  ORIGINAL,
  PENDING,
  REPLY,
} from './conntrack.js';
import { DESTINATION, fillIcmpChecksum, rewrite, SOURCE } from './translate.js';
import {
  copyTuple,
  DESTINATION_WORD,
  hasPorts,
  invert,
  isIcmp,
  PORTS_WORD,
  PROTOCOL_WORD,
  protocolOf,
  SOURCE_WORD,
  sourcePort,
  TUPLE_WORDS,
} from './tuple.js';

export { DESTINATION, SOURCE } from './translate.js';

/** Ports that are tried in a row from one random place on; a place after it gets half as many. */
const FIRST_ATTEMPTS = 128;
const LAST_ATTEMPTS = 16;

/** Source address, source port with protocol, family with zone. */
const SOURCE_KEY_WORDS = 6;

export class Nat {
  readonly conntrack: Conntrack;
  readonly #random: RandomSource;
  readonly #givesPort: (port: number) => boolean;
  /** Row of the last connection from a source; that is where its mapping is found. */
  readonly #bySource: HashMap;
  readonly #key = new Int32Array(SOURCE_KEY_WORDS);
  readonly #value = new Uint8Array(4);
  readonly #valueWords = new Int32Array(this.#value.buffer);
  /** The tuple that the connection's first packet is to leave with, and an inverse. */
  readonly #candidate = new Int32Array(TUPLE_WORDS);
  readonly #inverse = new Int32Array(TUPLE_WORDS);

  /** `givesPort`: which ports a translated source may get. */
  constructor(conntrack: Conntrack, random: RandomSource, givesPort: (port: number) => boolean = () => true) {
    this.#givesPort = givesPort;
    this.conntrack = conntrack;
    this.#random = random;
    this.#bySource = new HashMap({
      name: 'nf_nat_bysource',
      type: 'hash',
      keySize: SOURCE_KEY_WORDS * 4,
      valueSize: 4,
      maxEntries: conntrack.capacity,
    });
    conntrack.removed = (row) => this.#forget(row);
  }

  /** Whether the rules have yet to be asked about a side of the packet's connection. */
  isOpen(side: number): boolean {
    const { entry, status } = this.conntrack;
    const done = side === SOURCE ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    return entry === PENDING && (status[PENDING] & done) === 0;
  }

  /**
   * Decides on the source of the pending connection: `address` of 4 or 16 bytes, or null for its own, and ports from
   * `first` to `last`, 0 for any. Its own address needs a decision, too: another one may be mapped to it. `randomly`:
   * even a port that is free is not kept (NF_NAT_RANGE_PROTO_RANDOM_FULLY).
   */
  mapSource(address: Uint8Array | null, first = 0, last = first, randomly = false): void {
    const { tuples, status } = this.conntrack;
    const candidate = this.#candidate;
    const reply = this.conntrack.tupleAt(PENDING, REPLY);
    invert(tuples, reply, candidate, 0);
    const isOwn = address === null || !putAddress(candidate, SOURCE_WORD, address);
    const isFree = isOwn && isInRange(sourcePort(candidate, 0), first, last) && !this.#isUsed();
    if (randomly) this.#searchPort(SOURCE, first, last);
    else if (!isFree && (isOwn || !this.#reuseMapping(first, last))) this.#choosePort(SOURCE, first, last);
    this.#take(IPS_SRC_NAT);
    status[PENDING] |= IPS_SRC_NAT_DONE;
  }

  /** Decides on the destination of the pending connection; null for its own. */
  mapDestination(address: Uint8Array | null, first = 0, last = first): void {
    const { tuples, status } = this.conntrack;
    if (address !== null) {
      const candidate = this.#candidate;
      invert(tuples, this.conntrack.tupleAt(PENDING, REPLY), candidate, 0);
      putAddress(candidate, DESTINATION_WORD, address);
      if (first !== 0 || this.#isUsed()) this.#choosePort(DESTINATION, first, last);
      this.#take(IPS_DST_NAT);
    }
    status[PENDING] |= IPS_DST_NAT_DONE;
  }

  /** The pending connection has come into the table, as the packet's entry. */
  remember(): void {
    const { entry } = this.conntrack;
    if ((this.conntrack.status[entry] & IPS_SRC_NAT) === 0) return;
    this.#putKey(this.conntrack.tuples, this.conntrack.tupleAt(entry, ORIGINAL));
    this.#valueWords[0] = entry;
    this.#bySource.update(this.#key, 0, this.#value, 0, BPF_ANY);
  }

  /** Rewrites one side of the packet in hand as its connection says; false when that leaves it as it is. */
  apply(packet: PacketContext, side: number): boolean {
    const { entry, direction, status, isError } = this.conntrack;
    if (entry === NO_ENTRY) return false;
    const isSource = (side === SOURCE) === (direction === ORIGINAL);
    if ((status[entry] & (isSource ? IPS_SRC_NAT : IPS_DST_NAT)) === 0) return false;
    const { tuples, packet: tuple } = this.conntrack;
    const other = this.conntrack.tupleAt(entry, 1 - direction);
    const addressAt = other + (side === SOURCE ? DESTINATION_WORD : SOURCE_WORD);
    if (isError) this.#applyToError(packet, side, other);
    else rewrite(packet.bytes, packet.end, tuple, side, tuples, addressAt, portOf(tuples, other, side));
    return true;
  }

  /** The quoted packet went the other way, so its other side changes; then the message itself. */
  #applyToError(packet: PacketContext, side: number, other: number): void {
    const { tuples, packet: tuple, quoted } = this.conntrack;
    const { bytes, end } = packet;
    const quotedSide = side === SOURCE ? DESTINATION : SOURCE;
    const quotedAt = other + (quotedSide === SOURCE ? SOURCE_WORD : DESTINATION_WORD);
    rewrite(bytes, end, quoted, quotedSide, tuples, quotedAt, portOf(tuples, other, side));
    // Of the message only the address changes: its "identifier" is part of what the error says.
    const transportAt = tuple.transportAt;
    tuple.transportAt = -1;
    const addressAt = other + (side === SOURCE ? DESTINATION_WORD : SOURCE_WORD);
    rewrite(bytes, end, tuple, side, tuples, addressAt, 0);
    tuple.transportAt = transportAt;
    const pseudo = tuple.isIpv4
      ? 0
      : layer4.pseudoIpv6(bytes, tuple.ipAt, ipv6.NEXT_ICMPV6, end - transportAt);
    fillIcmpChecksum(bytes, end, tuple, pseudo);
  }

  /** Makes the candidate the connection's, and notes it as translated when that changes it. */
  #take(bit: number): void {
    const { tuples, status } = this.conntrack;
    const reply = this.conntrack.tupleAt(PENDING, REPLY);
    invert(this.#candidate, 0, this.#inverse, 0);
    let differs = false;
    for (let i = 0; i < TUPLE_WORDS; i++) differs ||= tuples[reply + i] !== this.#inverse[i];
    if (!differs) return;
    copyTuple(tuples, reply, this.#inverse, 0);
    status[PENDING] |= bit;
  }

  #isUsed(): boolean {
    invert(this.#candidate, 0, this.#inverse, 0);
    return this.conntrack.isTaken(0, this.#inverse);
  }

  /** Whether the candidate may be taken, its port being one of ours to give. */
  #isFree(side: number): boolean {
    const isOurs = side !== SOURCE || this.#givesPort(swap16(sidePort(this.#candidate, side)));
    return isOurs && !this.#isUsed();
  }

  /** Takes the mapping of another connection of the same source, when it is within what is asked for. */
  #reuseMapping(first: number, last: number): boolean {
    const { tuples, expiresNs, clock } = this.conntrack;
    this.#putKey(tuples, this.conntrack.tupleAt(PENDING, ORIGINAL));
    const value = this.#bySource.lookup(this.#key, 0);
    if (value < 0) return false;
    const row = this.#bySource.words[value >> 2];
    if (expiresNs[row] <= clock.nowNs) return false;
    const candidate = this.#candidate;
    const reply = this.conntrack.tupleAt(row, REPLY);
    for (let i = 0; i < 4; i++) {
      if (tuples[reply + DESTINATION_WORD + i] !== candidate[SOURCE_WORD + i]) return false;
    }
    const port = portOf(tuples, reply, SOURCE);
    if (!isInRange(port, first, last)) return false;
    const before = candidate[PORTS_WORD];
    candidate[PORTS_WORD] = (before & ~0xffff) | port;
    if (!this.#isUsed()) return true;
    candidate[PORTS_WORD] = before;
    return false;
  }

  /** Keeps the port where it is free, and within what is asked for. */
  #choosePort(side: number, first: number, last: number): void {
    const own = swap16(sidePort(this.#candidate, side));
    if ((first === 0 || (own >= first && own <= last)) && this.#isFree(side)) return;
    this.#searchPort(side, first, last);
  }

  /** nf_nat_l4proto_unique_tuple; leaves a used port when no other was found in time, and `confirm` refuses it. */
  #searchPort(side: number, first: number, last: number): void {
    const candidate = this.#candidate;
    const protocol = protocolOf(candidate, 0);
    const own = swap16(sidePort(candidate, side));
    const icmp = isIcmp(protocol);
    if (!icmp && !hasPorts(protocol)) return;
    let minimum = first;
    let size = last - first + 1;
    if (first === 0) {
      if (side === DESTINATION) return;
      // Ports stay among those that take the same privilege.
      minimum = icmp ? 0 : own < 512 ? 1 : own < 1024 ? 600 : 1024;
      size = icmp ? 65536 : own < 512 ? 511 : own < 1024 ? 424 : 64512;
    }
    let attempts = Math.min(size, FIRST_ATTEMPTS);
    for (;;) {
      const offset = this.#random.next() & 0xffff;
      for (let i = 0; i < attempts; i++) {
        putSidePort(candidate, side, swap16(minimum + ((offset + i) % size)));
        if (this.#isFree(side)) return;
      }
      if (attempts >= size || attempts < LAST_ATTEMPTS) return;
      attempts >>= 1;
    }
  }

  #putKey(tuples: Int32Array, at: number): void {
    const key = this.#key;
    for (let i = 0; i < 4; i++) key[i] = tuples[at + SOURCE_WORD + i];
    key[4] = sourcePort(tuples, at);
    key[5] = tuples[at + PROTOCOL_WORD];
  }

  #forget(row: number): void {
    if ((this.conntrack.status[row] & IPS_SRC_NAT) === 0) return;
    this.#putKey(this.conntrack.tuples, this.conntrack.tupleAt(row, ORIGINAL));
    const value = this.#bySource.lookup(this.#key, 0);
    if (value >= 0 && this.#bySource.words[value >> 2] === row) this.#bySource.delete(this.#key, 0);
  }
}

/** Writes an address into a tuple; false when it was there already. */
function putAddress(words: Int32Array, at: number, address: Uint8Array): boolean {
  let changed = false;
  for (let i = 0; i < address.length >> 2; i++) {
    const word = i32le(address, i * 4);
    changed ||= words[at + i] !== word;
    words[at + i] = word;
  }
  return changed;
}

/** The port, in memory order, that a side of a packet gets whose connection's other tuple is at `other`. */
function portOf(tuples: Int32Array, other: number, side: number): number {
  const ports = tuples[other + PORTS_WORD];
  return isIcmp(protocolOf(tuples, other)) || side === DESTINATION ? ports & 0xffff : ports >>> 16;
}

function sidePort(words: Int32Array, side: number): number {
  return side === SOURCE ? words[PORTS_WORD] & 0xffff : words[PORTS_WORD] >>> 16;
}

function putSidePort(words: Int32Array, side: number, raw: number): void {
  const ports = words[PORTS_WORD];
  words[PORTS_WORD] = side === SOURCE ? (ports & ~0xffff) | raw : (ports & 0xffff) | (raw << 16);
}

function isInRange(portRaw: number, first: number, last: number): boolean {
  const port = swap16(portRaw);
  return first === 0 || (port >= first && port <= last);
}
