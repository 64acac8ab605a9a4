/** `hash`, `lru_hash` and their per-CPU forms: one class, so that call sites see one shape. */
import { finish, multipliers } from './hashing.js';
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT, type MapSpec } from './map.js';
import { LIVE, REFERENCED, SlotTable } from './slot-table.js';

export class HashMap extends SlotTable {
  readonly #multipliers: Int32Array;
  readonly #evicts: boolean;
  /** Next entry the clock looks at. */
  #hand = 1;

  /** `seed` decides the hash alone; no result but the speed depends on it. */
  constructor(spec: MapSpec, seed = 0) {
    super(spec);
    this.#multipliers = multipliers(seed, this.keyWords);
    this.#evicts = spec.type === 'lru_hash' || spec.type === 'lru_percpu_hash';
  }

  lookup(key: Int32Array, at: number): number {
    const cell = this.#find(key, at, this.#hash(key, at));
    if (cell < 0) return -1;
    const number = this.index[cell] & this.numberMask;
    if (this.#evicts) this.states[number] = REFERENCED;
    return (number * this.slotWords + this.slotBase) * 4 + this.valueStart;
  }

  insert(key: Int32Array, at: number, flags: number): number {
    if (flags >>> 0 > BPF_EXIST) return EINVAL;
    const hash = this.#hash(key, at);
    const cell = this.#find(key, at, hash);
    if (cell >= 0) {
      if (flags === BPF_NOEXIST) return EEXIST;
      const number = this.index[cell] & this.numberMask;
      if (this.#evicts) this.states[number] = REFERENCED;
      return (number * this.slotWords + this.slotBase) * 4 + this.valueStart;
    }
    if (flags === BPF_EXIST) return ENOENT;
    let number = this.takeNumber();
    if (number === 0) {
      if (!this.#evicts) return E2BIG;
      this.#evict();
      number = this.takeNumber();
    }
    this.place(number, hash, key, at);
    return (number * this.slotWords + this.slotBase) * 4 + this.valueStart;
  }

  delete(key: Int32Array, at: number): number {
    const cell = this.#find(key, at, this.#hash(key, at));
    if (cell < 0) return ENOENT;
    this.remove(cell);
    return 0;
  }

  #hash(key: Int32Array, at: number): number {
    const m = this.#multipliers;
    let sum = 0;
    for (let i = 0; i < this.keyWords; i++) {
      const word = key[at + i];
      sum = (sum + Math.imul(word, m[i * 2]) + Math.imul(word >>> 16, m[i * 2 + 1])) | 0;
    }
    return finish(sum);
  }

  #find(key: Int32Array, at: number, hash: number): number {
    const { index, indexMask, tagMask, numberMask, words } = this;
    for (let cell = hash & indexMask; ; cell = (cell + 1) & indexMask) {
      const word = index[cell];
      if (word === 0) return -1;
      if (((word ^ hash) & tagMask) !== 0) continue;
      const slot = (word & numberMask) * this.slotWords + this.slotBase;
      let i = 0;
      while (i < this.keyWords && words[slot + i] === key[at + i]) i++;
      if (i === this.keyWords) return cell;
    }
  }

  /** Frees the first entry from the hand on that was not used since the hand last passed. */
  #evict(): void {
    const states = this.states;
    const count = this.spec.maxEntries;
    let number = this.#hand;
    for (;;) {
      if (number > count) number = 1;
      if (states[number] === LIVE) break;
      states[number] = LIVE;
      number++;
    }
    this.#hand = number + 1;
    let cell = this.hashes[number] & this.indexMask;
    while ((this.index[cell] & this.numberMask) !== number) cell = (cell + 1) & this.indexMask;
    this.remove(cell);
  }
}
