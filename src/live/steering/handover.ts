/**
 * Frames on their way from one worker to another: a ring in shared memory, with one writer and one reader. Records are
 * whole, in words: their length in words, the port's row (with COPY for one of a frame that all get), the frame's bytes
 * and what it owes, then the frame.
 */
import { type FrameArena, JUMBO_FRAME_LIMIT } from '../../engine/frame-arena.js';

const RING_WORDS = 1 << 20;
/** Words of the ring that the reader, and the writer, has come to; each on a cache line of its own. */
const READ = 0;
const WRITTEN = 16;
const FIRST = 32;
const HEADER_WORDS = 7;
/** Bit of a row. */
export const COPY = 1 << 16;
/** A record that does not fit in front of the end is at the beginning. */
const TO_BEGINNING = -1;

export class Handover {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory = new SharedArrayBuffer(4 * (FIRST + RING_WORDS))) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /** The writer's: takes a copy of a frame that came by port `row`; false when there is no room. */
  put(arena: FrameArena, handle: number, row: number): boolean {
    const words = this.#words;
    const length = arena.length[handle];
    if (length > JUMBO_FRAME_LIMIT) return false;
    const size = HEADER_WORDS + ((length + 3) >> 2);
    const written = words[WRITTEN];
    const free = (Atomics.load(words, READ) - written - 1 + RING_WORDS) % RING_WORDS;
    const toEnd = RING_WORDS - written;
    const wraps = toEnd < size;
    if (free < (wraps ? toEnd + size : size)) return false;
    if (wraps) words[FIRST + written] = TO_BEGINNING;
    const record = wraps ? 0 : written;
    const at = FIRST + record;
    const start = arena.start[handle];
    words[at] = size;
    words[at + 1] = row;
    words[at + 2] = length;
    words[at + 3] = arena.owes[handle];
    words[at + 4] = arena.checksumAt[handle] - start;
    words[at + 5] = arena.checksumOffset[handle];
    words[at + 6] = arena.segmentSize[handle];
    this.#bytes.set(arena.bytes.subarray(start, start + length), 4 * (at + HEADER_WORDS));
    Atomics.store(words, WRITTEN, (record + size) % RING_WORDS);
    return true;
  }

  /** The reader's. */
  get isEmpty(): boolean {
    return this.#words[READ] === Atomics.load(this.#words, WRITTEN);
  }

  /** The reader's: row of the port that the next frame came by, or -1 when there is none. */
  get nextRow(): number {
    const words = this.#words;
    if (this.isEmpty) return -1;
    if (words[FIRST + words[READ]] === TO_BEGINNING) Atomics.store(words, READ, 0);
    return words[FIRST + words[READ] + 1];
  }

  /** The reader's: the next frame in a slot, which leaves the ring; -1 when no slot is free, and then it is lost. */
  take(arena: FrameArena): number {
    const words = this.#words;
    const read = words[READ];
    const at = FIRST + read;
    const length = words[at + 2];
    const handle = arena.allocate(length);
    if (handle >= 0) {
      const from = 4 * (at + HEADER_WORDS);
      const start = arena.start[handle];
      arena.bytes.set(this.#bytes.subarray(from, from + length), start);
      arena.owes[handle] = words[at + 3];
      arena.checksumAt[handle] = start + words[at + 4];
      arena.checksumOffset[handle] = words[at + 5];
      arena.segmentSize[handle] = words[at + 6];
    }
    Atomics.store(words, READ, (read + words[at]) % RING_WORDS);
    return handle;
  }
}
