/**
 * Slots that a batch of frames of unknown lengths is received into: small ones, and behind each an overflow for what a
 * merged frame has more, so that 64 frames do not need 64 jumbo slots. A long frame is put together afterwards.
 */
import { type FrameArena, SMALL_FRAME_LIMIT } from '../../engine/frame-arena.js';

/** Bytes of each overflow. */
export const OVERFLOW = 65536;
/** As many slots are taken as the last batch filled, twice, and some more. */
const SPARE_SLOTS = 4;

export class SlotBatch {
  readonly capacity: number;
  /** All overflows, one behind the other. */
  readonly overflow: Uint8Array;
  readonly slots: Int32Array;
  #expected = SPARE_SLOTS;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.overflow = new Uint8Array(capacity * OVERFLOW);
    this.slots = new Int32Array(capacity);
  }

  /** Takes slots for up to `limit` frames; answers how many. */
  take(arena: FrameArena, limit: number): number {
    const wanted = Math.min(limit, this.capacity, this.#expected);
    for (let i = 0; i < wanted; i++) {
      const slot = arena.allocate(SMALL_FRAME_LIMIT);
      if (slot < 0) return i;
      this.slots[i] = slot;
    }
    return wanted;
  }

  /** `filled` slots of the last `take` hold frames. */
  expect(filled: number): void {
    this.#expected = Math.min(2 * filled + SPARE_SLOTS, this.capacity);
  }

  /** The slot that holds frame `i` of `length` bytes from now on; -1 when it is long and no jumbo slot is free. */
  keep(arena: FrameArena, i: number, length: number): number {
    const slot = this.slots[i];
    if (length <= SMALL_FRAME_LIMIT) {
      arena.length[slot] = length;
      return slot;
    }
    const long = arena.allocate(length);
    if (long >= 0) {
      const [from, to] = [arena.start[slot], arena.start[long]];
      arena.bytes.copyWithin(to, from, from + SMALL_FRAME_LIMIT);
      const more = this.overflow.subarray(i * OVERFLOW, i * OVERFLOW + length - SMALL_FRAME_LIMIT);
      arena.bytes.set(more, to + SMALL_FRAME_LIMIT);
    }
    arena.free(slot);
    return long;
  }
}
