/**
 * Rows of a path table: a key of two tuples with counters behind it, found by the first tuple's hash. It is looked
 * up twice per frame at most and grows with what it holds, so that a capture of few flows stays in the cache.
 */

import { hashWords, multipliers } from '../../engine/maps/hashing.js';

/** Words behind a key: frames and bytes, as 64-bit numbers of two words. */
const COUNTERS = 4;
const FIRST_CAPACITY = 1 << 10;

export class PathRows {
  readonly half: number;
  count = 0;
  words: Int32Array;
  readonly rowWords: number;
  readonly #maximum: number;
  readonly #multipliers: Int32Array;
  /** Row plus one by hash, linear probing, at most half full; 0 is free. */
  #index: Int32Array;

  /** `half`: words of a tuple. */
  constructor(half: number, maximum: number) {
    this.half = half;
    this.rowWords = 2 * half + COUNTERS;
    this.#maximum = maximum;
    this.#multipliers = multipliers(0, half);
    this.words = new Int32Array(FIRST_CAPACITY * this.rowWords);
    this.#index = new Int32Array(2 * FIRST_CAPACITY);
  }

  /** Word of the row with this key, which is added when it is not there; -1 when there is no room. */
  find(key: Int32Array): number {
    const index = this.#index;
    const mask = index.length - 1;
    const { words, rowWords } = this;
    const keyWords = rowWords - COUNTERS;
    for (let cell = this.#hash(key, 0) & mask; ; cell = (cell + 1) & mask) {
      const row = index[cell];
      if (row === 0) return this.#add(key, cell);
      const at = (row - 1) * rowWords;
      let i = 0;
      while (i < keyWords && words[at + i] === key[i]) i++;
      if (i === keyWords) return at;
    }
  }

  #add(key: Int32Array, cell: number): number {
    if (this.count === this.#maximum) return -1;
    if ((this.count + 1) * 2 > this.#index.length) {
      this.#grow();
      return this.find(key);
    }
    const at = this.count++ * this.rowWords;
    this.words.set(key.subarray(0, 2 * this.half), at);
    this.#index[cell] = this.count;
    return at;
  }

  #grow(): void {
    const words = new Int32Array(2 * this.words.length);
    words.set(this.words);
    this.words = words;
    this.#index = new Int32Array(2 * this.#index.length);
    const mask = this.#index.length - 1;
    for (let row = 0; row < this.count; row++) {
      let cell = this.#hash(words, row * this.rowWords) & mask;
      while (this.#index[cell] !== 0) cell = (cell + 1) & mask;
      this.#index[cell] = row + 1;
    }
  }

  #hash(words: Int32Array, at: number): number {
    return hashWords(words, at, this.half, this.#multipliers);
  }
}
