/**
 * Link addresses of neighbours by (interface, address). Entries are permanent; nothing here asks by ARP or ND. An
 * open-addressing table: a key is five words (interface index and family, then the address, IPv4 padded with zeros).
 */
import { i32le } from '../wire/bytes.js';

const ADDRESS_WORDS = 4;
const KEY_WORDS = 1 + ADDRESS_WORDS;
const MAC_BYTES = 6;
const IPV6_BIT = 1 << 30;

export class NeighbourTable {
  /** The entries' MACs: `macAt` answers where one starts. */
  macs = new Uint8Array(16 * MAC_BYTES);
  #keys = new Int32Array(16 * KEY_WORDS);
  #size = 0;
  /** Grows with every change, so that answers can be remembered. */
  changes = 0;
  readonly #key = new Int32Array(KEY_WORDS);

  get size(): number {
    return this.#size;
  }

  /** Sets the MAC (6 bytes) of an address of 4 or 16 bytes on a device. */
  set(ifindex: number, address: Uint8Array, mac: Uint8Array): void {
    if ((this.#size + 1) * 2 > this.macs.length / MAC_BYTES) this.#grow();
    this.#fillKey(ifindex, address, 0, address.length);
    const slot = this.#slot(this.#key, 0);
    if (this.#keys[slot * KEY_WORDS] === 0) {
      this.#keys.set(this.#key, slot * KEY_WORDS);
      this.#size++;
    }
    this.macs.set(mac, slot * MAC_BYTES);
    this.changes++;
  }

  /** Offset in `macs` of the MAC of the address at `bytes[at]`, `length` 4 or 16; -1 when there is no entry. */
  macAt(ifindex: number, bytes: Uint8Array, at: number, length: number): number {
    this.#fillKey(ifindex, bytes, at, length);
    const slot = this.#slot(this.#key, 0);
    return this.#keys[slot * KEY_WORDS] === 0 ? -1 : slot * MAC_BYTES;
  }

  /** All entries, for listings. */
  entries(): { ifindex: number; address: Uint8Array; mac: Uint8Array }[] {
    const found: { ifindex: number; address: Uint8Array; mac: Uint8Array }[] = [];
    for (let slot = 0, word = 0; word < this.#keys.length; slot++, word += KEY_WORDS) {
      const first = this.#keys[word];
      if (first === 0) continue;
      const length = (first & IPV6_BIT) === 0 ? 4 : 16;
      const address = new Uint8Array(this.#keys.slice(word + 1, word + 1 + ADDRESS_WORDS).buffer, 0, length);
      const mac = this.macs.slice(slot * MAC_BYTES, (slot + 1) * MAC_BYTES);
      found.push({ ifindex: first & ~IPV6_BIT, address, mac });
    }
    return found;
  }

  #fillKey(ifindex: number, bytes: Uint8Array, at: number, length: number): void {
    const key = this.#key;
    key[0] = length === 4 ? ifindex : ifindex | IPV6_BIT;
    const words = length >> 2;
    for (let i = 0; i < ADDRESS_WORDS; i++) key[1 + i] = i < words ? i32le(bytes, at + 4 * i) : 0;
  }

  /** The slot that holds the key, or the free one where it belongs. Word 0 of a free slot is 0: no ifindex is. */
  #slot(key: Int32Array, at: number): number {
    const mask = this.macs.length / MAC_BYTES - 1;
    const keys = this.#keys;
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

  #grow(): void {
    const [keys, macs] = [this.#keys, this.macs];
    this.#keys = new Int32Array(keys.length * 2);
    this.macs = new Uint8Array(macs.length * 2);
    for (let word = 0, mac = 0; word < keys.length; word += KEY_WORDS, mac += MAC_BYTES) {
      if (keys[word] === 0) continue;
      const slot = this.#slot(keys, word);
      this.#keys.set(keys.subarray(word, word + KEY_WORDS), slot * KEY_WORDS);
      this.macs.set(macs.subarray(mac, mac + MAC_BYTES), slot * MAC_BYTES);
    }
  }
}
