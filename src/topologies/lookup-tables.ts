/** Lookups that a replay makes for every frame: rows by address or MAC, open addressing over a few words. */
import { i32le } from '../engine/wire/bytes.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv6 from '../engine/wire/ipv6.js';

const KEY_WORDS = 4;

/** Rows by a key of up to four words. */
class KeyTable {
  #keys = new Int32Array(16 * KEY_WORDS);
  /** Row plus one; 0 marks a free slot. */
  #rows = new Int32Array(16);
  #size = 0;

  /** The first row that a key is set to stays. */
  set(a: number, b: number, c: number, d: number, row: number): void {
    if ((this.#size + 1) * 2 > this.#rows.length) this.#grow();
    const slot = this.#slot(a, b, c, d);
    if (this.#rows[slot] !== 0) return;
    this.#write(slot, a, b, c, d, row + 1);
    this.#size++;
  }

  /** The key's row, or -1. */
  get(a: number, b: number, c: number, d: number): number {
    return this.#rows[this.#slot(a, b, c, d)] - 1;
  }

  #slot(a: number, b: number, c: number, d: number): number {
    const keys = this.#keys;
    const mask = this.#rows.length - 1;
    let hash = Math.imul(
      a ^ Math.imul(b ^ Math.imul(c ^ Math.imul(d, 0x85ebca6b), 0xc2b2ae35), 0x27d4eb2f),
      0x9e3779b1,
    );
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const word = slot * KEY_WORDS;
      if (this.#rows[slot] === 0) return slot;
      if (keys[word] === a && keys[word + 1] === b && keys[word + 2] === c && keys[word + 3] === d)
        return slot;
    }
  }

  #write(slot: number, a: number, b: number, c: number, d: number, rowPlusOne: number): void {
    const word = slot * KEY_WORDS;
    this.#keys[word] = a;
    this.#keys[word + 1] = b;
    this.#keys[word + 2] = c;
    this.#keys[word + 3] = d;
    this.#rows[slot] = rowPlusOne;
  }

  #grow(): void {
    const [keys, rows] = [this.#keys, this.#rows];
    this.#keys = new Int32Array(keys.length * 2);
    this.#rows = new Int32Array(rows.length * 2);
    rows.forEach((row, i) => {
      if (row === 0) return;
      const [a, b, c, d] = keys.subarray(i * KEY_WORDS, (i + 1) * KEY_WORDS);
      this.#write(this.#slot(a, b, c, d), a, b, c, d, row);
    });
  }
}

/** Rows by address of either family. */
export class AddressTable {
  readonly #ipv4 = new KeyTable();
  readonly #ipv6 = new KeyTable();

  set(address: Uint8Array, row: number): void {
    if (address.length !== ipv6.ADDRESS_LENGTH) this.#ipv4.set(i32le(address, 0), 0, 0, 0, row);
    else
      this.#ipv6.set(word(address, 0, 0), word(address, 0, 1), word(address, 0, 2), word(address, 0, 3), row);
  }

  /** `length` is 4 or 16. */
  get(bytes: Uint8Array, at: number, length: number): number {
    if (length !== ipv6.ADDRESS_LENGTH) return this.#ipv4.get(i32le(bytes, at), 0, 0, 0);
    return this.#ipv6.get(word(bytes, at, 0), word(bytes, at, 1), word(bytes, at, 2), word(bytes, at, 3));
  }
}

function word(bytes: Uint8Array, at: number, index: number): number {
  return i32le(bytes, at + 4 * index);
}

/** Rows by MAC. */
export class MacTable {
  readonly #table = new KeyTable();

  set(mac: Uint8Array, row: number): void {
    this.#table.set(ethernet.addressHead(mac, 0), ethernet.addressTail(mac, 0), 0, 0, row);
  }

  get(bytes: Uint8Array, at: number): number {
    return this.#table.get(ethernet.addressHead(bytes, at), ethernet.addressTail(bytes, at), 0, 0);
  }
}

const LINKS_REMEMBERED = 64;
/** Both addresses of a link header are three words. */
const LINK_WORDS = 3;

/** A number for each pair of MACs that was seen of late: a capture has few pairs, and the same one again and again. */
export class LinkCache {
  readonly #keys = new Int32Array(LINKS_REMEMBERED * LINK_WORDS);
  readonly #values = new Int32Array(LINKS_REMEMBERED).fill(-1);
  #slot = 0;

  /** The number of the MACs of the frame at `bytes[at]`, or -1. */
  get(bytes: Uint8Array, at: number): number {
    const a = word(bytes, at, 0);
    const b = word(bytes, at, 1);
    const c = word(bytes, at, 2);
    const hash = Math.imul(a ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35), 0x9e3779b1);
    const slot = hash >>> 26;
    const keys = this.#keys;
    const key = slot * LINK_WORDS;
    this.#slot = slot;
    if (keys[key] === a && keys[key + 1] === b && keys[key + 2] === c) return this.#values[slot];
    keys[key] = a;
    keys[key + 1] = b;
    keys[key + 2] = c;
    this.#values[slot] = -1;
    return -1;
  }

  /** Remembers a number for the MACs that were asked for last. */
  put(value: number): void {
    this.#values[this.#slot] = value;
  }
}
