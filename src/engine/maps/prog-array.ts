/** `prog_array`: u32 index to u32 program id; an element may be absent (a tail call to it then fails). */
import { BPF_ANY, type BpfMap, E2BIG, EINVAL, ENOENT, type MapSpec } from './map.js';
import { zeroBytes, zeroWords } from './memory.js';

export class ProgArray implements BpfMap {
  readonly spec: MapSpec;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly keyWords = 1;
  readonly valueWords = 1;
  size = 0;
  removals = 0;
  changes = 0;
  readonly #length: number;
  readonly #present: Uint8Array;

  constructor(spec: MapSpec) {
    this.spec = spec;
    this.#length = spec.maxEntries;
    this.#present = zeroBytes(spec.maxEntries);
    // One word after the last element: `keyAt` writes it.
    this.words = zeroWords(spec.maxEntries + 1);
    this.bytes = new Uint8Array(this.words.buffer, this.words.byteOffset, this.words.byteLength);
  }

  /** Id of the program at `index`, or -1. */
  programAt(index: number): number {
    return index >>> 0 < this.#length && this.#present[index] !== 0 ? this.words[index] : -1;
  }

  lookup(key: Int32Array, at: number): number {
    const index = key[at];
    return index >>> 0 < this.#length && this.#present[index] !== 0 ? index * 4 : -1;
  }

  /** Takes BPF_ANY alone, as the kernel does for arrays of file descriptors. */
  insert(key: Int32Array, at: number, flags: number): number {
    const index = key[at];
    if (flags !== BPF_ANY) return EINVAL;
    if (index >>> 0 >= this.#length) return E2BIG;
    this.changes = (this.changes + 1) | 0;
    if (this.#present[index] === 0) {
      this.#present[index] = 1;
      this.size++;
    }
    return index * 4;
  }

  update(key: Int32Array, at: number, value: Uint8Array, valueAt: number, flags: number): number {
    const offset = this.insert(key, at, flags);
    if (offset < 0) return offset;
    for (let i = 0; i < 4; i++) this.bytes[offset + i] = value[valueAt + i];
    return 0;
  }

  delete(key: Int32Array, at: number): number {
    const index = key[at];
    if (index >>> 0 >= this.#length) return E2BIG;
    if (this.#present[index] === 0) return ENOENT;
    this.#present[index] = 0;
    this.words[index] = 0;
    this.size--;
    this.removals++;
    this.changes = (this.changes + 1) | 0;
    return 0;
  }

  clear(): void {
    this.#present.fill(0);
    this.words.fill(0);
    this.removals += this.size;
    this.changes = (this.changes + 1) | 0;
    this.size = 0;
  }

  next(cursor: number): number {
    return this.#present.indexOf(1, cursor < 0 ? 0 : cursor + 1);
  }

  /** The key is written when it is asked for: it holds until the next `keyAt`. */
  keyAt(cursor: number): number {
    this.words[this.#length] = cursor;
    return this.#length * 4;
  }

  valueAt(cursor: number): number {
    return cursor * 4;
  }
}
