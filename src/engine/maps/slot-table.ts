/**
 * What hash maps and LPM tries share: entries in dense slots and a small index that finds them.
 *
 *   index   one Int32 per cell, linear probing. A word is 0 (empty) or hash tag above, entry number below; the tag
 *           spares a visit to the slot on most mismatches. At most a quarter of the cells is in use (a hit takes 3 ns
 *           less than at a half, a miss 9), and only as many as that needs: 65,536 entries of 524,288 are found in
 *           33 ns, with an index of full size in 39.
 *   slots   (entry number - 1) * slotWords: key words, then (8-byte aligned) one copy of the value per CPU. For CT
 *           (16 + 56 bytes) strides of 72, 80, 96 and 128 bytes, cache line alignment, and 64 bytes with the zero
 *           head of the value laid over the key measured the same.
 *   hashes  hash of each entry: its home cell is known without its key when cells are moved.
 *   states  FREE, LIVE or REFERENCED (live, and used since the clock hand last passed).
 *
 * Entries are numbered from 1 in insertion order, freed numbers are used again last in, first out, and an entry
 * never moves while it lives: value offsets and iteration cursors (the numbers) stay valid. Deletion moves later
 * cells of the probe run back, so there are no tombstones and a miss stays short after any churn. All memory is
 * taken with the first entry, since most maps of a node never have one; the system backs a page when it is first
 * written, so a large map with few entries costs little.
 */
import { copy } from '../wire/bytes.js';
import type { BpfMap, MapSpec } from './map.js';
import type { MapMemory } from './map-memory.js';
import { zeroBytes, zeroWords } from './memory.js';

const FREE = 0;
export const LIVE = 1;
export const REFERENCED = 2;

/** Cells of the index at first; it doubles while a quarter of its cells is in use. */
const FIRST_CELLS = 16;

/** What a map without entries has. */
const NO_WORDS = new Int32Array(0);
const NO_BYTES = new Uint8Array(NO_WORDS.buffer);
const EMPTY_INDEX = new Int32Array(FIRST_CELLS);

export abstract class SlotTable implements Omit<BpfMap, 'lookup'> {
  readonly spec: MapSpec;
  bytes: Uint8Array = NO_BYTES;
  words: Int32Array = NO_WORDS;
  readonly keyWords: number;
  readonly valueWords: number;
  /** Copies of each value, and the bytes from one to the next. */
  readonly cpus: number;
  readonly cpuStride: number;
  size = 0;
  removals = 0;
  changes = 0;

  protected readonly slotWords: number;
  /** Bytes from a slot's start to the current CPU's value. */
  protected valueStart: number;
  protected index: Int32Array = EMPTY_INDEX;
  /** Cells of the index in use now, minus 1. */
  protected indexMask = FIRST_CELLS - 1;
  protected readonly tagMask: number;
  protected readonly numberMask: number;
  protected hashes: Int32Array = NO_WORDS;
  protected states: Uint8Array = NO_BYTES;
  /** Highest entry number ever in use since the map was empty. */
  protected highest = 0;
  /** First of the freed numbers, linked through the first word of their slots; 0 when there is none. */
  protected freed = 0;
  #cpu = 0;
  readonly #memory: MapMemory | null;

  constructor(spec: MapSpec, memory: MapMemory | null = null) {
    this.#memory = memory;
    this.spec = spec;
    this.keyWords = (spec.keySize + 3) >> 2;
    this.valueWords = (spec.valueSize + 3) >> 2;
    const perCpu = spec.type === 'percpu_hash' || spec.type === 'lru_percpu_hash';
    this.cpus = perCpu ? (spec.cpus ?? 1) : 1;
    const keySpace = (this.keyWords + 1) & ~1;
    const valueSpace = (this.valueWords + 1) & ~1;
    this.cpuStride = valueSpace * 4;
    this.valueStart = keySpace * 4;
    this.slotWords = keySpace + valueSpace * this.cpus;
    this.numberMask = 2 ** (32 - Math.clz32(spec.maxEntries)) - 1;
    this.tagMask = ~this.numberMask;
    if (memory !== null) this.#takeMemory();
  }

  abstract insert(key: Int32Array, at: number, flags: number): number;
  abstract delete(key: Int32Array, at: number): number;

  update(key: Int32Array, at: number, value: Uint8Array, valueAt: number, flags: number): number {
    const offset = this.insert(key, at, flags);
    if (offset < 0) return offset;
    copy(this.bytes, offset, value, valueAt, this.spec.valueSize);
    return 0;
  }

  /** The CPU whose copies `lookup`, `insert` and `valueAt` answer. */
  get cpu(): number {
    return this.#cpu;
  }

  set cpu(cpu: number) {
    if (cpu < 0 || cpu >= this.cpus) throw new RangeError(`map ${this.spec.name}: no CPU ${cpu}`);
    this.valueStart += (cpu - this.#cpu) * this.cpuStride;
    this.#cpu = cpu;
  }

  clear(): void {
    this.index.fill(0, 0, this.indexMask + 1);
    this.indexMask = FIRST_CELLS - 1;
    this.states.fill(FREE, 0, this.highest + 1);
    this.highest = 0;
    this.freed = 0;
    this.removals += this.size;
    this.changes = (this.changes + 1) | 0;
    this.size = 0;
  }

  next(cursor: number): number {
    for (let number = Math.max(cursor, 0) + 1; number <= this.highest; number++) {
      if (this.states[number] !== FREE) return number;
    }
    return -1;
  }

  keyAt(cursor: number): number {
    return (cursor - 1) * this.slotWords * 4;
  }

  valueAt(cursor: number): number {
    return (cursor - 1) * this.slotWords * 4 + this.valueStart;
  }

  /** A free entry number, or 0 when the map is full. */
  protected takeNumber(): number {
    const number = this.freed;
    if (number !== 0) {
      this.freed = this.words[(number - 1) * this.slotWords];
      return number;
    }
    if (this.highest === this.spec.maxEntries) return 0;
    if (this.words.length === 0) this.#takeMemory();
    this.highest++;
    return this.highest;
  }

  /**
   * Writes a new entry's slot (key as given, values zero) and points the empty cell at it, which must be the first
   * one from the hash's home on.
   */
  protected place(number: number, hash: number, key: Int32Array, at: number, cell: number): void {
    const { words, keyWords, slotWords } = this;
    const slot = (number - 1) * slotWords;
    for (let i = 0; i < keyWords; i++) words[slot + i] = key[at + i];
    for (let i = keyWords; i < slotWords; i++) words[slot + i] = 0;
    this.hashes[number] = hash;
    if (this.#memory !== null) this.#memory.journal.note(this.#memory.id, number);
    this.states[number] = LIVE;
    this.index[cell] = (hash & this.tagMask) | number;
    this.size++;
    if (this.size * 4 > this.indexMask && this.indexMask + 1 < this.index.length) this.#doubleIndex();
  }

  #takeMemory(): void {
    const { maxEntries } = this.spec;
    const memory = this.#memory;
    const words = maxEntries * this.slotWords;
    this.words =
      memory === null
        ? zeroWords(words)
        : new Int32Array(memory.slots.buffer, memory.slots.byteOffset, words);
    this.bytes = new Uint8Array(this.words.buffer, this.words.byteOffset, this.words.byteLength);
    let cells = FIRST_CELLS;
    while (cells < maxEntries * 4) cells *= 2;
    this.index = zeroWords(cells);
    this.hashes = zeroWords(maxEntries + 1);
    this.states = memory === null ? zeroBytes(maxEntries + 1) : memory.states;
  }

  /** First empty cell from the hash's home on. */
  protected emptyCell(hash: number): number {
    const { index, indexMask } = this;
    let cell = hash & indexMask;
    while (index[cell] !== 0) cell = (cell + 1) & indexMask;
    return cell;
  }

  /** Only when more entries live than ever since the map was empty (or taken over): few of the numbers are free then. */
  #doubleIndex(): void {
    this.index.fill(0, 0, this.indexMask + 1);
    this.indexMask = this.indexMask * 2 + 1;
    for (let number = 1; number <= this.highest; number++) {
      if (this.states[number] === FREE) continue;
      const hash = this.hashes[number];
      this.index[this.emptyCell(hash)] = (hash & this.tagMask) | number;
    }
  }

  /** Takes over what the memory holds: finds its entries and the free ones among them. */
  protected takeOver(hashOf: (words: Int32Array, at: number) => number): void {
    const { states, words, slotWords } = this;
    this.highest = states.length - 1;
    while (this.highest > 0 && states[this.highest] === FREE) this.highest--;
    for (let number = this.highest; number > 0; number--) {
      if (states[number] !== FREE) {
        this.hashes[number] = hashOf(words, (number - 1) * slotWords);
        this.size++;
      } else {
        words[(number - 1) * slotWords] = this.freed;
        this.freed = number;
      }
    }
    while (this.size * 4 > this.indexMask && this.indexMask + 1 < this.index.length) {
      this.indexMask = this.indexMask * 2 + 1;
    }
    for (let number = 1; number <= this.highest; number++) {
      if (states[number] === FREE) continue;
      const hash = this.hashes[number];
      this.index[this.emptyCell(hash)] = (hash & this.tagMask) | number;
    }
  }

  /** Takes the entry that `cell` points to out of the index and frees its number. */
  protected remove(cell: number): void {
    const number = this.index[cell] & this.numberMask;
    this.removeCell(cell);
    this.states[number] = FREE;
    this.words[(number - 1) * this.slotWords] = this.freed;
    this.freed = number;
    this.size--;
    this.removals++;
    this.changes = (this.changes + 1) | 0;
  }

  /** Empties a cell; cells after it that could no longer be reached from their home move back. */
  protected removeCell(cell: number): void {
    const { index, indexMask, numberMask, hashes } = this;
    let hole = cell;
    for (let probe = (cell + 1) & indexMask; index[probe] !== 0; probe = (probe + 1) & indexMask) {
      const word = index[probe];
      const distance = (probe - hashes[word & numberMask]) & indexMask;
      if (distance >= ((probe - hole) & indexMask)) {
        index[hole] = word;
        hole = probe;
      }
    }
    index[hole] = 0;
  }
}
