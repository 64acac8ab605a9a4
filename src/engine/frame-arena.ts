/**
 * The memory that frames live in. One SharedArrayBuffer holds fixed slots; a frame is a slot number (handle), a
 * start and a length:
 *
 *   slot base          start = base + HEADROOM            start + length
 *   |-- headroom ------|-- frame -------------------------|-- tailroom --|
 *
 * `start` is 2 mod 4, so that what follows the 14-byte Ethernet header is word-aligned. Small slots come first
 * (handles 0 .. smallSlots - 1), then the jumbo slots. All memory is taken in the constructor.
 */

/** Room in front of a fresh frame: an outer Ethernet, IPv6, UDP and Geneve header with options fits twice. */
export const HEADROOM = 258;
/** Room that a slot keeps behind a fresh frame at least. */
export const TAILROOM = 64;
export const SMALL_SLOT_SIZE = 2048;
export const SMALL_FRAME_LIMIT = SMALL_SLOT_SIZE - HEADROOM - TAILROOM;
/** tcpdump's largest snapshot; segments merged by offload ("BIG TCP") are longer than IP's 65,535 bytes. */
export const JUMBO_FRAME_LIMIT = 262144;
export const JUMBO_SLOT_SIZE = (HEADROOM + JUMBO_FRAME_LIMIT + TAILROOM + 3) & ~3;

/** Frames up to this length are copied by words: a `set(subarray)` costs 60 ns and an object whatever the length. */
const WORD_COPY_LIMIT = 256;

export class FrameArena {
  readonly bytes: Uint8Array;
  /** Where each slot's frame starts in `bytes`, and its length. */
  readonly start: Int32Array;
  readonly length: Int32Array;
  /** Times that no slot was free. */
  exhausted = 0;

  readonly #view: DataView;
  readonly #smallSlots: number;
  readonly #free: Int32Array;
  readonly #freeJumbo: Int32Array;
  #freeCount: number;
  #freeJumboCount: number;

  constructor(smallSlots = 256, jumboSlots = 8) {
    const slots = smallSlots + jumboSlots;
    const memory = new SharedArrayBuffer(smallSlots * SMALL_SLOT_SIZE + jumboSlots * JUMBO_SLOT_SIZE);
    this.bytes = new Uint8Array(memory);
    this.#view = new DataView(memory);
    this.start = new Int32Array(slots);
    this.length = new Int32Array(slots);
    this.#smallSlots = smallSlots;
    this.#free = Int32Array.from({ length: smallSlots }, (_, i) => smallSlots - 1 - i);
    this.#freeJumbo = Int32Array.from({ length: jumboSlots }, (_, i) => slots - 1 - i);
    this.#freeCount = smallSlots;
    this.#freeJumboCount = jumboSlots;
  }

  /** First byte of the slot. */
  base(handle: number): number {
    const jumbo = handle - this.#smallSlots;
    return jumbo < 0
      ? handle * SMALL_SLOT_SIZE
      : this.#smallSlots * SMALL_SLOT_SIZE + jumbo * JUMBO_SLOT_SIZE;
  }

  /** First byte behind the slot. */
  limit(handle: number): number {
    return this.base(handle) + (handle < this.#smallSlots ? SMALL_SLOT_SIZE : JUMBO_SLOT_SIZE);
  }

  /**
   * Takes a slot for a frame of `length` bytes; the frame's content is undefined. Answers its handle, or -1 when the
   * frame is too long or no slot is free (which counts as `exhausted`).
   */
  allocate(length: number): number {
    if (length > JUMBO_FRAME_LIMIT) return -1;
    let handle: number;
    if (length <= SMALL_FRAME_LIMIT && this.#freeCount > 0) handle = this.#free[--this.#freeCount];
    else if (this.#freeJumboCount > 0) handle = this.#freeJumbo[--this.#freeJumboCount];
    else {
      this.exhausted++;
      return -1;
    }
    this.start[handle] = this.base(handle) + HEADROOM;
    this.length[handle] = length;
    return handle;
  }

  free(handle: number): void {
    if (handle < this.#smallSlots) this.#free[this.#freeCount++] = handle;
    else this.#freeJumbo[this.#freeJumboCount++] = handle;
  }

  /**
   * Takes a slot and copies a frame into it: `length` bytes of `source` from byte `at` on, where `source` is a view on
   * the memory that holds the frame. Bytes of the slot from there up to `frameLength` are zeroed (a frame that its
   * capture cut short). -1 as `allocate`.
   */
  put(source: DataView, at: number, length: number, frameLength = length): number {
    const handle = this.allocate(frameLength);
    if (handle < 0) return -1;
    const start = this.start[handle];
    if (length <= WORD_COPY_LIMIT) {
      const whole = length & ~3;
      let i = 0;
      for (; i < whole; i += 4) this.#view.setInt32(start + i, source.getInt32(at + i));
      for (; i < length; i++) this.#view.setUint8(start + i, source.getUint8(at + i));
    } else {
      this.bytes.set(new Uint8Array(source.buffer, source.byteOffset + at, length), start);
    }
    if (frameLength > length) this.bytes.fill(0, start + length, start + frameLength);
    return handle;
  }
}
