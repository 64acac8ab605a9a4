/**
 * `array` and `percpu_array`: the key is a u32 index and every entry is always there. Elements lie 8-byte aligned
 * one after the other, a per-CPU element as one copy per CPU; after the last there is one word that `keyAt` writes.
 */
import { copy } from '../wire/bytes.js';
import { BPF_EXIST, BPF_NOEXIST, type BpfMap, E2BIG, EEXIST, EINVAL, type MapSpec } from './map.js';
import { zeroWords } from './memory.js';

export class ArrayMap implements BpfMap {
  readonly spec: MapSpec;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly keyWords = 1;
  readonly valueWords: number;
  /** Copies of each value, and the bytes from one to the next. */
  readonly cpus: number;
  readonly cpuStride: number;
  readonly removals = 0;
  changes = 0;
  protected readonly stride: number;
  protected readonly length: number;
  protected valueStart = 0;
  #cpu = 0;

  constructor(spec: MapSpec) {
    this.spec = spec;
    this.length = spec.maxEntries;
    this.valueWords = (spec.valueSize + 3) >> 2;
    this.cpus = spec.type === 'percpu_array' ? (spec.cpus ?? 1) : 1;
    this.cpuStride = (spec.valueSize + 7) & ~7;
    this.stride = this.cpuStride * this.cpus;
    this.words = zeroWords((this.stride * spec.maxEntries) / 4 + 1);
    this.bytes = new Uint8Array(this.words.buffer, this.words.byteOffset, this.words.byteLength);
  }

  get size(): number {
    return this.length;
  }

  lookup(key: Int32Array, at: number): number {
    return this.offsetOf(key[at]);
  }

  /** `lookup` by the index itself. */
  offsetOf(index: number): number {
    return index >>> 0 < this.length ? index * this.stride + this.valueStart : -1;
  }

  insert(key: Int32Array, at: number, flags: number): number {
    if (flags >>> 0 > BPF_EXIST) return EINVAL;
    this.changes = (this.changes + 1) | 0;
    if (key[at] >>> 0 >= this.length) return E2BIG;
    if (flags === BPF_NOEXIST) return EEXIST;
    return key[at] * this.stride + this.valueStart;
  }

  update(key: Int32Array, at: number, value: Uint8Array, valueAt: number, flags: number): number {
    const offset = this.insert(key, at, flags);
    if (offset < 0) return offset;
    copy(this.bytes, offset, value, valueAt, this.spec.valueSize);
    return 0;
  }

  /** Elements of an array cannot be deleted: always EINVAL. */
  delete(_key: Int32Array, _at: number): number {
    return EINVAL;
  }

  /** Sets all values to zero. */
  clear(): void {
    this.changes = (this.changes + 1) | 0;
    this.bytes.fill(0);
  }

  get cpu(): number {
    return this.#cpu;
  }

  set cpu(cpu: number) {
    if (cpu < 0 || cpu >= this.cpus) throw new RangeError(`map ${this.spec.name}: no CPU ${cpu}`);
    this.valueStart = cpu * this.cpuStride;
    this.#cpu = cpu;
  }

  next(cursor: number): number {
    const index = cursor < 0 ? 0 : cursor + 1;
    return index < this.length ? index : -1;
  }

  /** The key is written when it is asked for: it holds until the next `keyAt`. */
  keyAt(cursor: number): number {
    const at = this.bytes.length - 4;
    this.words[at >> 2] = cursor;
    return at;
  }

  valueAt(cursor: number): number {
    return cursor * this.stride + this.valueStart;
  }
}
