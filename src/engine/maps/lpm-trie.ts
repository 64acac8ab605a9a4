/**
 * `lpm_trie`: longest prefix match. A key is a little-endian u32 prefix length, then the data whose first bits
 * (most significant bit of the first byte first) count. Each entry is found under (length, masked data); a lookup
 * tries the lengths in use, longest first. Key bytes are kept as given, bits after the prefix included.
 */
import { finish, multipliers } from './hashing.js';
import { BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOSPC, type MapSpec } from './map.js';
import { SlotTable } from './slot-table.js';

/** MASKS[n]: the first n bits in memory order of a little-endian word. */
const MASKS = Int32Array.from({ length: 32 }, (_, bits) => {
  const mask = bits === 0 ? 0 : -1 << (32 - bits);
  return (mask << 24) | ((mask & 0xff00) << 8) | ((mask >>> 8) & 0xff00) | (mask >>> 24);
});

export class LpmTrie extends SlotTable {
  readonly #multipliers: Int32Array;
  /** Sums of the lookup key's first n data words, which hashes of prefixes begin with. */
  readonly #sums: Int32Array;
  readonly #maxLength: number;
  /** Entries of each prefix length, and the lengths that have any, longest first. */
  readonly #entriesOfLength: Int32Array;
  readonly #lengths: Int32Array;
  #lengthCount = 0;

  constructor(spec: MapSpec, seed = 0) {
    super(spec);
    this.#maxLength = (spec.keySize - 4) * 8;
    this.#multipliers = multipliers(seed, this.keyWords);
    this.#sums = new Int32Array(this.keyWords);
    this.#entriesOfLength = new Int32Array(this.#maxLength + 1);
    this.#lengths = new Int32Array(this.#maxLength + 1);
  }

  /** The entry with the longest prefix, not longer than the key's own, that the key's data begins with. */
  lookup(key: Int32Array, at: number): number {
    const longest = key[at];
    if (longest >>> 0 > this.#maxLength) return -1;
    const m = this.#multipliers;
    const sums = this.#sums;
    const lengths = this.#lengths;
    const count = this.#lengthCount;
    const { index, indexMask, tagMask, numberMask, slotWords } = this;
    let summed = 0;
    for (let i = 0; i < count; i++) {
      const length = lengths[i];
      if (length > longest) continue;
      const whole = length >> 5;
      const mask = MASKS[length & 31];
      if (summed === 0) summed = this.#sumWords(key, at, whole);
      let sum = (sums[whole] + Math.imul(length, m[0])) | 0;
      if (mask !== 0) {
        const word = key[at + whole + 1] & mask;
        sum = (sum + Math.imul(word, m[whole * 2 + 2]) + Math.imul(word >>> 16, m[whole * 2 + 3])) | 0;
      }
      const hash = finish(sum);
      for (let cell = hash & indexMask; ; cell = (cell + 1) & indexMask) {
        const word = index[cell];
        if (word === 0) break;
        if (((word ^ hash) & tagMask) !== 0) continue;
        const slot = ((word & numberMask) - 1) * slotWords;
        if (this.#sameBits(slot, key, at, length)) return slot * 4 + this.valueStart;
      }
    }
    return -1;
  }

  /** Fills `#sums` up to `whole` words of data; answers 1. */
  #sumWords(key: Int32Array, at: number, whole: number): number {
    const m = this.#multipliers;
    const sums = this.#sums;
    let sum = 0;
    for (let i = 1; i <= whole; i++) {
      const word = key[at + i];
      sum = (sum + Math.imul(word, m[i * 2]) + Math.imul(word >>> 16, m[i * 2 + 1])) | 0;
      sums[i] = sum;
    }
    return 1;
  }

  insert(key: Int32Array, at: number, flags: number): number {
    const length = key[at];
    if (flags >>> 0 > BPF_EXIST || length >>> 0 > this.#maxLength) return EINVAL;
    const hash = this.#hash(key, at, length);
    const cell = this.#find(key, at, length, hash);
    if (cell >= 0) {
      if (flags === BPF_NOEXIST) return EEXIST;
      const number = this.index[cell] & this.numberMask;
      const slot = (number - 1) * this.slotWords;
      for (let i = 1; i < this.keyWords; i++) this.words[slot + i] = key[at + i];
      return this.valueAt(number);
    }
    if (flags === BPF_EXIST) return ENOENT;
    const number = this.takeNumber();
    if (number === 0) return ENOSPC;
    this.place(number, hash, key, at, ~cell);
    if (this.#entriesOfLength[length]++ === 0) this.#addLength(length);
    return this.valueAt(number);
  }

  delete(key: Int32Array, at: number): number {
    const length = key[at];
    if (length >>> 0 > this.#maxLength) return EINVAL;
    const cell = this.#find(key, at, length, this.#hash(key, at, length));
    if (cell < 0) return ENOENT;
    this.remove(cell);
    if (--this.#entriesOfLength[length] === 0) this.#removeLength(length);
    return 0;
  }

  override clear(): void {
    super.clear();
    this.#entriesOfLength.fill(0);
    this.#lengthCount = 0;
  }

  #hash(key: Int32Array, at: number, length: number): number {
    const m = this.#multipliers;
    const whole = length >> 5;
    let sum = Math.imul(length, m[0]);
    for (let i = 1; i <= whole; i++) {
      const word = key[at + i];
      sum = (sum + Math.imul(word, m[i * 2]) + Math.imul(word >>> 16, m[i * 2 + 1])) | 0;
    }
    if ((length & 31) !== 0) {
      const word = key[at + whole + 1] & MASKS[length & 31];
      sum = (sum + Math.imul(word, m[whole * 2 + 2]) + Math.imul(word >>> 16, m[whole * 2 + 3])) | 0;
    }
    return finish(sum);
  }

  #find(key: Int32Array, at: number, length: number, hash: number): number {
    const { index, indexMask, tagMask, numberMask } = this;
    for (let cell = hash & indexMask; ; cell = (cell + 1) & indexMask) {
      const word = index[cell];
      if (word === 0) return ~cell;
      if (((word ^ hash) & tagMask) !== 0) continue;
      const slot = ((word & numberMask) - 1) * this.slotWords;
      if (this.#sameBits(slot, key, at, length)) return cell;
    }
  }

  #sameBits(slot: number, key: Int32Array, at: number, length: number): boolean {
    const words = this.words;
    if (words[slot] !== length) return false;
    const whole = length >> 5;
    for (let i = 1; i <= whole; i++) if (words[slot + i] !== key[at + i]) return false;
    const rest = length & 31;
    return rest === 0 || ((words[slot + whole + 1] ^ key[at + whole + 1]) & MASKS[rest]) === 0;
  }

  #addLength(length: number): void {
    const lengths = this.#lengths;
    let i = this.#lengthCount++;
    for (; i > 0 && lengths[i - 1] < length; i--) lengths[i] = lengths[i - 1];
    lengths[i] = length;
  }

  #removeLength(length: number): void {
    const at = this.#lengths.indexOf(length);
    this.#lengths.copyWithin(at, at + 1, this.#lengthCount);
    this.#lengthCount--;
  }
}
