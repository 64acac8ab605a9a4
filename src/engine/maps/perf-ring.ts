/**
 * `perf_event_array` (`cilium_events`, `cilium_signals`): a byte ring of event records for one reader in the same
 * thread. A record lies in one piece, 8-byte aligned, behind a header of two words (length, records lost before
 * it). As with the kernel's perf buffers what is new is lost when the ring is full, and the reader learns how many
 * were lost and where.
 */
import { type BpfMap, EINVAL, type MapSpec } from './map.js';
import { zeroWords } from './memory.js';

/** Who reads: nobody (records are counted, not written), nobody (written over each other), or whoever calls `read`. */
export type RingMode = 'discard' | 'overwrite' | 'queue';

const HEADER_BYTES = 8;
/** Length word of a header that says: go on at the start of the ring. */
const WRAP = -1;

export class PerfRing implements BpfMap {
  readonly spec: MapSpec;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly keyWords = 1;
  readonly valueWords = 1;
  readonly size = 0;
  readonly removals = 0;
  readonly changes = 0;
  mode: RingMode = 'queue';
  /** Records that `reserve` made room for, and those it had no room (or, in mode `discard`, no reader) for. */
  written = 0;
  lost = 0;
  /** Bytes of the record that `read` answered, and records lost between it and the one before. */
  length = 0;
  lostBefore = 0;

  /** Where the next record goes; the oldest record; records from there on, the one being read included. */
  #head = 0;
  #tail = 0;
  #queued = 0;
  #reading = false;
  /** Lost since the last record that was written. */
  #lostSince = 0;

  /** `ringBytes`: a multiple of 8. */
  constructor(spec: MapSpec, ringBytes: number) {
    this.spec = spec;
    this.words = zeroWords(ringBytes / 4);
    this.bytes = new Uint8Array(this.words.buffer, this.words.byteOffset, this.words.byteLength);
  }

  /** Byte offset in `bytes` to write a record of `length` bytes to at once, or -1: lost, and counted. */
  reserve(length: number): number {
    if (this.mode === 'discard') {
      this.lost++;
      return -1;
    }
    const need = HEADER_BYTES + ((length + 7) & ~7);
    const capacity = this.bytes.length;
    if (this.#queued === 0) {
      // Nothing is waiting: begin at the start again, which is in the cache.
      if (this.mode === 'queue' || this.#head + need > capacity) this.#head = 0;
      this.#tail = this.#head;
    }
    let head = this.#head;
    if (this.#queued === 0 || head > this.#tail) {
      if (head + need > capacity) {
        if (need > this.#tail) return this.#lose();
        if (head < capacity) this.words[head >> 2] = WRAP;
        head = 0;
      }
    } else if (head + need > this.#tail) {
      return this.#lose();
    }
    this.words[head >> 2] = length;
    this.words[(head >> 2) + 1] = this.#lostSince;
    this.#lostSince = 0;
    this.#head = head + need;
    if (this.mode === 'queue') this.#queued++;
    this.written++;
    return head + HEADER_BYTES;
  }

  /**
   * Gives back the record that was read last and answers the offset of the next one; `length` and `lostBefore`
   * describe it. -1 when there is none; `lostBefore` then counts what was lost after the last record.
   */
  read(): number {
    if (this.#reading) {
      this.#tail += HEADER_BYTES + ((this.length + 7) & ~7);
      this.#queued--;
      this.#reading = false;
    }
    if (this.#queued === 0) {
      this.length = 0;
      this.lostBefore = this.#lostSince;
      this.#lostSince = 0;
      return -1;
    }
    if (this.#tail === this.bytes.length || this.words[this.#tail >> 2] === WRAP) this.#tail = 0;
    this.length = this.words[this.#tail >> 2];
    this.lostBefore = this.words[(this.#tail >> 2) + 1];
    this.#reading = true;
    return this.#tail + HEADER_BYTES;
  }

  /** Notes that records were lost before they came here; the next one says so. */
  noteLost(count: number): void {
    this.lost += count;
    this.#lostSince += count;
  }

  /** Drops all records and counts. */
  clear(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#queued = 0;
    this.#reading = false;
    this.#lostSince = 0;
    this.written = 0;
    this.lost = 0;
  }

  // As a map the ring has no entries.

  lookup(): number {
    return -1;
  }

  insert(): number {
    return EINVAL;
  }

  update(): number {
    return EINVAL;
  }

  delete(): number {
    return EINVAL;
  }

  next(): number {
    return -1;
  }

  keyAt(): number {
    return -1;
  }

  valueAt(): number {
    return -1;
  }

  #lose(): number {
    this.lost++;
    this.#lostSince++;
    return -1;
  }
}
