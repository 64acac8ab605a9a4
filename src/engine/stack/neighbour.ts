/**
 * Link addresses of neighbours by (interface, address). Entries are permanent (`set`) or learned from ARP and ND
 * (`learn`); who asks for those that are missing is resolver.ts. An open-addressing table: a key is five words
 * (interface index and family, then the address, IPv4 padded with zeros).
 */
import { i32le } from '../wire/bytes.js';

/** States, as `ip neigh` names them (linux/neighbour.h). A learned entry is REACHABLE for a while, then STALE. */
export const NUD_INCOMPLETE = 1;
export const NUD_REACHABLE = 2;
export const NUD_STALE = 4;
export const NUD_FAILED = 32;
export const NUD_PERMANENT = 128;

/** For how long an entry that was confirmed stays REACHABLE (base_reachable_time; the kernel varies it by half). */
const REACHABLE_NS = 30e9;
/** Learned entries at most (gc_thresh3); those that are stale go first. */
const LEARNED_LIMIT = 1024;

const ADDRESS_WORDS = 4;
const KEY_WORDS = 1 + ADDRESS_WORDS;
const MAC_BYTES = 6;
const IPV6_BIT = 1 << 30;

export interface Neighbour {
  readonly ifindex: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
  /** NUD_PERMANENT, _REACHABLE or _STALE. */
  readonly state: number;
}

export class NeighbourTable {
  /** The entries' MACs: `macAt` answers where one starts. */
  macs = new Uint8Array(16 * MAC_BYTES);
  #keys = new Int32Array(16 * KEY_WORDS);
  #states = new Uint8Array(16);
  #confirmedNs = new Float64Array(16);
  #size = 0;
  #learned = 0;
  /** Grows when an entry comes, goes or gets another MAC, so that answers can be remembered. */
  changes = 0;
  readonly #key = new Int32Array(KEY_WORDS);

  get size(): number {
    return this.#size;
  }

  /** Sets the MAC (6 bytes) of an address of 4 or 16 bytes on a device, for good. */
  set(ifindex: number, address: Uint8Array, mac: Uint8Array): void {
    this.#fillKey(ifindex, address, 0, address.length);
    const slot = this.#take();
    if (this.#states[slot] !== NUD_PERMANENT && this.#states[slot] !== 0) this.#learned--;
    this.#states[slot] = NUD_PERMANENT;
    this.macs.set(mac, slot * MAC_BYTES);
    this.changes++;
  }

  /**
   * Notes that the address at `bytes[at]`, of `length` 4 or 16, has the MAC at `macBytes[macAt]`: confirmed
   * (NUD_REACHABLE), or only seen (NUD_STALE), which confirms nothing but leaves a confirmed entry with the same MAC as
   * it is. False for a permanent entry, and when there is no room (neigh_update).
   */
  learn(
    ifindex: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    macBytes: Uint8Array,
    macAt: number,
    state: number,
    nowNs: number,
  ): boolean {
    this.#fillKey(ifindex, bytes, at, length);
    let slot = this.#slot(this.#key, 0);
    if (this.#states[slot] === NUD_PERMANENT) return false;
    const isNew = this.#keys[slot * KEY_WORDS] === 0;
    if (isNew) {
      if (this.#learned >= LEARNED_LIMIT) this.#forgetStale(nowNs);
      if (this.#learned >= LEARNED_LIMIT) return false;
      this.#learned++;
      slot = this.#take();
    }
    const to = slot * MAC_BYTES;
    let isSame = !isNew;
    for (let i = 0; i < MAC_BYTES; i++) {
      if (this.macs[to + i] !== macBytes[macAt + i]) isSame = false;
      this.macs[to + i] = macBytes[macAt + i];
    }
    if (!isSame) this.changes++;
    if (state === NUD_REACHABLE || !isSame) {
      this.#states[slot] = state;
      this.#confirmedNs[slot] = nowNs;
    }
    return true;
  }

  /** Offset in `macs` of the MAC of the address at `bytes[at]`, `length` 4 or 16; -1 when there is no entry. */
  macAt(ifindex: number, bytes: Uint8Array, at: number, length: number): number {
    this.#fillKey(ifindex, bytes, at, length);
    const slot = this.#slot(this.#key, 0);
    return this.#keys[slot * KEY_WORDS] === 0 ? -1 : slot * MAC_BYTES;
  }

  /** All entries, with the state that they have at the time. */
  entries(nowNs = 0): Neighbour[] {
    const found: Neighbour[] = [];
    for (let slot = 0, word = 0; word < this.#keys.length; slot++, word += KEY_WORDS) {
      const first = this.#keys[word];
      if (first === 0) continue;
      const length = (first & IPV6_BIT) === 0 ? 4 : 16;
      const address = new Uint8Array(this.#keys.slice(word + 1, word + 1 + ADDRESS_WORDS).buffer, 0, length);
      const mac = this.macs.slice(slot * MAC_BYTES, (slot + 1) * MAC_BYTES);
      found.push({ ifindex: first & ~IPV6_BIT, address, mac, state: this.#stateAt(slot, nowNs) });
    }
    return found;
  }

  #stateAt(slot: number, nowNs: number): number {
    const state = this.#states[slot];
    if (state !== NUD_REACHABLE) return state;
    return nowNs - this.#confirmedNs[slot] < REACHABLE_NS ? NUD_REACHABLE : NUD_STALE;
  }

  /** The slot of `#key`, which is put there if it is new. */
  #take(): number {
    if ((this.#size + 1) * 2 > this.#states.length) this.#resize(this.#states.length * 2, () => true);
    const slot = this.#slot(this.#key, 0);
    if (this.#keys[slot * KEY_WORDS] === 0) {
      this.#keys.set(this.#key, slot * KEY_WORDS);
      this.#states[slot] = 0;
      this.#size++;
    }
    return slot;
  }

  #forgetStale(nowNs: number): void {
    const key = this.#key.slice();
    this.#resize(this.#states.length, (slot) => this.#stateAt(slot, nowNs) !== NUD_STALE);
    this.#key.set(key);
    this.changes++;
  }

  #fillKey(ifindex: number, bytes: Uint8Array, at: number, length: number): void {
    const key = this.#key;
    key[0] = length === 4 ? ifindex : ifindex | IPV6_BIT;
    const words = length >> 2;
    for (let i = 0; i < ADDRESS_WORDS; i++) key[1 + i] = i < words ? i32le(bytes, at + 4 * i) : 0;
  }

  /** The slot that holds the key, or the free one where it belongs. Word 0 of a free slot is 0: no ifindex is. */
  #slot(key: Int32Array, at: number): number {
    const keys = this.#keys;
    const mask = keys.length / KEY_WORDS - 1;
    let hash = 0;
    for (let i = 0; i < KEY_WORDS; i++) {
      hash = Math.imul(hash ^ key[at + i], 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const word = slot * KEY_WORDS;
      if (keys[word] === 0) return slot;
      if (
        keys[word] === key[at] &&
        keys[word + 1] === key[at + 1] &&
        keys[word + 2] === key[at + 2] &&
        keys[word + 3] === key[at + 3] &&
        keys[word + 4] === key[at + 4]
      ) {
        return slot;
      }
    }
  }

  /** Puts the entries that `keeps` wants into a table of `slots`. */
  #resize(slots: number, keeps: (slot: number) => boolean): void {
    const [keys, macs, states, confirmedNs] = [this.#keys, this.macs, this.#states, this.#confirmedNs];
    const kept = [...states.keys()].filter((slot) => keys[slot * KEY_WORDS] !== 0 && keeps(slot));
    this.#keys = new Int32Array(slots * KEY_WORDS);
    this.macs = new Uint8Array(slots * MAC_BYTES);
    this.#states = new Uint8Array(slots);
    this.#confirmedNs = new Float64Array(slots);
    this.#size = kept.length;
    this.#learned = 0;
    for (const old of kept) {
      const slot = this.#slot(keys, old * KEY_WORDS);
      this.#keys.set(keys.subarray(old * KEY_WORDS, (old + 1) * KEY_WORDS), slot * KEY_WORDS);
      this.macs.set(macs.subarray(old * MAC_BYTES, (old + 1) * MAC_BYTES), slot * MAC_BYTES);
      this.#states[slot] = states[old];
      this.#confirmedNs[slot] = confirmedNs[old];
      if (states[old] !== NUD_PERMANENT) this.#learned++;
    }
  }
}
