/** Follows the content of maps: says after each step what changed, and can put a recorded state in place. */
import { BPF_ANY, type BpfMap } from '../../src/engine/maps/map.js';
import type { Changes, Hex } from './vector-format.js';

/** One changed entry; undefined where there is none. */
export interface EntryChange {
  readonly before: Hex | undefined;
  readonly after: Hex | undefined;
}

/** Changed entries by key. */
export type MapDifference = Map<Hex, EntryChange>;

/**
 * A copy of a map's entries in cursor order. Comparing walks all entries, so nothing that a program changed goes
 * unseen; maps of vectors hold tens of entries.
 */
export class MapShadow {
  readonly map: BpfMap;
  /** The map's memory as it is now. */
  #view: Buffer = Buffer.alloc(0);
  readonly #stride: number;
  #count = 0;
  #cursors = new Int32Array(16);
  #words: Int32Array;
  #copy: Buffer;
  /** Arrays: all of their memory but the last word, which `keyAt` writes. */
  #memory: Int32Array | null = null;
  readonly #key: Int32Array;
  readonly #keyBytes: Buffer;
  readonly #value: Uint8Array;
  readonly #valueBytes: Buffer;
  /** Elements of an array are always there: recordings list those that are not zero. */
  readonly #zeroIsAbsent: boolean;

  constructor(map: BpfMap) {
    this.map = map;
    this.#stride = map.keyWords + map.valueWords;
    this.#words = new Int32Array(16 * this.#stride);
    this.#copy = Buffer.from(this.#words.buffer);
    this.#key = new Int32Array(map.keyWords);
    this.#keyBytes = Buffer.from(this.#key.buffer);
    this.#value = new Uint8Array(map.valueWords * 4);
    this.#valueBytes = Buffer.from(this.#value.buffer);
    this.#zeroIsAbsent = map.spec.type === 'array' || map.spec.type === 'percpu_array';
  }

  #memoryOfMap(): Buffer {
    const { buffer, byteOffset, byteLength } = this.map.bytes;
    if (this.#view.buffer !== buffer || this.#view.byteOffset !== byteOffset) {
      this.#view = Buffer.from(buffer, byteOffset, byteLength);
    }
    return this.#view;
  }

  /** Takes the map's content over as it is. */
  sync(): void {
    const { map } = this;
    this.#count = 0;
    let last = -1;
    for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
      if (cursor <= last) throw new Error(`map ${map.spec.name}: cursors do not ascend`);
      last = cursor;
      if (this.#count === this.#cursors.length) this.#grow();
      this.#cursors[this.#count] = cursor;
      this.#take(this.#count++, cursor);
    }
    if (this.#zeroIsAbsent) this.#memory = map.words.slice(0, -1);
  }

  /** The entries as of the last `sync` or `takeChanges`. */
  entries(): [Hex, Hex][] {
    const entries: [Hex, Hex][] = [];
    for (let index = 0; index < this.#count; index++) {
      const value = this.#oldValue(index);
      if (value !== undefined) entries.push([this.#oldKey(index), value]);
    }
    return entries;
  }

  /** What changed since the last call or `sync`, or null when nothing did. */
  takeChanges(): MapDifference | null {
    const { map } = this;
    const count = this.#count;
    if (count === 0 && map.size === 0) return null;
    if (this.#memory !== null && isPrefix(this.#memory, map.words)) return null;
    let difference: MapDifference | null = null;
    let index = 0;
    let moved = false;
    for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
      while (index < count && this.#cursors[index] < cursor) {
        difference = note(difference, this.#oldKey(index), this.#oldValue(index), undefined);
        moved = true;
        index++;
      }
      if (index < count && this.#cursors[index] === cursor) {
        if (!this.#isSame(index, cursor)) {
          const before = this.#oldKey(index);
          const after = this.#newKey(cursor);
          const [oldValue, newValue] = [this.#oldValue(index), this.#newValue(cursor)];
          difference = note(difference, before, oldValue, before === after ? newValue : undefined);
          if (before !== after) difference = note(difference, after, undefined, newValue);
          this.#take(index, cursor);
        }
        index++;
      } else {
        difference = note(difference, this.#newKey(cursor), undefined, this.#newValue(cursor));
        moved = true;
      }
    }
    for (; index < count; index++) {
      difference = note(difference, this.#oldKey(index), this.#oldValue(index), undefined);
      moved = true;
    }
    if (moved || this.#memory !== null) this.sync();
    return difference === null || difference.size === 0 ? null : difference;
  }

  /** Undoes `difference` and makes `recorded` of it; the shadow follows. */
  force(difference: MapDifference | null, recorded: Changes | undefined): void {
    if (difference !== null) {
      for (const [key, { before }] of difference) {
        if (before === undefined) this.#delete(key);
        else this.#set(key, before);
      }
    }
    if (recorded !== undefined) this.apply(recorded);
    else this.sync();
  }

  /** Makes changes as a recording lists them: set first, then deleted. Throws when the map refuses one. */
  apply(changes: Changes): void {
    for (const [key, value] of changes.set ?? []) this.#set(key, value);
    for (const key of changes.deleted ?? []) this.#delete(key);
    this.sync();
  }

  #set(key: Hex, value: Hex): void {
    this.#loadKey(key);
    loadHex(this.#valueBytes, value, this.map.spec.valueSize, `map ${this.map.spec.name}: value`);
    const result = this.map.update(this.#key, 0, this.#value, 0, BPF_ANY);
    if (result !== 0) throw new Error(`map ${this.map.spec.name}: setting ${key} fails with ${result}`);
  }

  #delete(key: Hex): void {
    if (this.#zeroIsAbsent) {
      this.#set(key, '00'.repeat(this.map.spec.valueSize));
      return;
    }
    this.#loadKey(key);
    const result = this.map.delete(this.#key, 0);
    if (result !== 0) throw new Error(`map ${this.map.spec.name}: deleting ${key} fails with ${result}`);
  }

  #loadKey(key: Hex): void {
    loadHex(this.#keyBytes, key, this.map.spec.keySize, `map ${this.map.spec.name}: key`);
  }

  #isSame(index: number, cursor: number): boolean {
    const { words, keyWords, valueWords } = this.map;
    const old = this.#words;
    let at = index * this.#stride;
    const keyAt = this.map.keyAt(cursor) >> 2;
    for (let i = 0; i < keyWords; i++) if (old[at + i] !== words[keyAt + i]) return false;
    at += keyWords;
    const valueAt = this.map.valueAt(cursor) >> 2;
    for (let i = 0; i < valueWords; i++) if (old[at + i] !== words[valueAt + i]) return false;
    return true;
  }

  #take(index: number, cursor: number): void {
    const { words, keyWords, valueWords } = this.map;
    let at = index * this.#stride;
    const keyAt = this.map.keyAt(cursor) >> 2;
    for (let i = 0; i < keyWords; i++) this.#words[at + i] = words[keyAt + i];
    at += keyWords;
    const valueAt = this.map.valueAt(cursor) >> 2;
    for (let i = 0; i < valueWords; i++) this.#words[at + i] = words[valueAt + i];
  }

  #oldKey(index: number): Hex {
    const at = index * this.#stride * 4;
    return this.#copy.toString('hex', at, at + this.map.spec.keySize);
  }

  #oldValue(index: number): Hex | undefined {
    const at = (index * this.#stride + this.map.keyWords) * 4;
    return this.#present(this.#copy.toString('hex', at, at + this.map.spec.valueSize));
  }

  #newKey(cursor: number): Hex {
    const at = this.map.keyAt(cursor);
    return this.#memoryOfMap().toString('hex', at, at + this.map.spec.keySize);
  }

  #newValue(cursor: number): Hex | undefined {
    const at = this.map.valueAt(cursor);
    return this.#present(this.#memoryOfMap().toString('hex', at, at + this.map.spec.valueSize));
  }

  #present(value: Hex): Hex | undefined {
    return this.#zeroIsAbsent && /^0*$/.test(value) ? undefined : value;
  }

  #grow(): void {
    const cursors = new Int32Array(this.#cursors.length * 2);
    cursors.set(this.#cursors);
    this.#cursors = cursors;
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#copy = Buffer.from(words.buffer);
  }
}

function isPrefix(prefix: Int32Array, words: Int32Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (prefix[i] !== words[i]) return false;
  return true;
}

/** Notes one change; a key that went and came back is one change, or none when its value is the same. */
function note(
  difference: MapDifference | null,
  key: Hex,
  before: Hex | undefined,
  after: Hex | undefined,
): MapDifference {
  const changes = difference ?? new Map<Hex, EntryChange>();
  const earlier = changes.get(key);
  const first = earlier?.before ?? before;
  const last = after ?? earlier?.after;
  if (first === last) changes.delete(key);
  else changes.set(key, { before: first, after: last });
  return changes;
}

/** Writes hex of exactly `size` bytes to the start of `bytes`; `what` names it in the error. */
export function loadHex(bytes: Buffer, hex: Hex, size: number, what: string): void {
  if (hex.length !== size * 2 || bytes.write(hex, 0, size, 'hex') !== size) {
    throw new Error(`${what} "${hex}" is not ${size} bytes of hex`);
  }
}
