/**
 * The memory that frames live in. One SharedArrayBuffer holds fixed slots; a frame is a slot number (handle), a
 * start and a length:
 *
 *   slot base          start = base + HEADROOM            start + length
 *   |-- headroom ------|-- frame -------------------------|-- tailroom --|
 *
 * `start` is 2 mod 4, so that what follows the 14-byte Ethernet header is word-aligned. Small slots come first
 * (handles 0 .. smallSlots - 1), then the jumbo slots. All memory is taken in the constructor.
 *
 * A frame from a device with offloads may lack its transport checksum, and be many segments in one: the columns `owes`
 * and below say what somebody has still to do, as `struct virtio_net_hdr` does (see offload/). Whatever makes room in a
 * frame, or takes it, moves what is in front: `checksumAt` stays right all through a walk.
 */

/** Room in front of a fresh frame: an outer Ethernet, IPv6, UDP and Geneve header with options fits twice. */
const HEADROOM = 258;
/** Room that a slot keeps behind a fresh frame at least. */
const TAILROOM = 64;
const SMALL_SLOT_SIZE = 2048;
export const SMALL_FRAME_LIMIT = SMALL_SLOT_SIZE - HEADROOM - TAILROOM;
/** tcpdump's largest snapshot; segments merged by offload ("BIG TCP") are longer than IP's 65,535 bytes. */
export const JUMBO_FRAME_LIMIT = 262144;
const JUMBO_SLOT_SIZE = (HEADROOM + JUMBO_FRAME_LIMIT + TAILROOM + 3) & ~3;

/** Frames up to this length are copied by words: a `set(subarray)` costs 60 ns and an object whatever the length. */
const WORD_COPY_LIMIT = 256;

/** The frame's transport checksum is not computed yet. */
export const OWES_CHECKSUM = 1;
/** The frame is TCP segments, or UDP datagrams, in one. */
export const OWES_TCP_SEGMENTS = 2;
export const OWES_UDP_SEGMENTS = 4;
export const OWES_SEGMENTS = OWES_TCP_SEGMENTS | OWES_UDP_SEGMENTS;
/** Only the first segment carries CWR (RFC 3168; SKB_GSO_TCP_ECN). */
export const OWES_FIRST_CWR = 8;

/** The columns of one frame that owes something. */
export interface OwedFrame {
  readonly owes: number;
  readonly checksumAt: number;
  readonly checksumOffset: number;
  readonly segmentSize: number;
}

export class FrameArena {
  readonly bytes: Uint8Array;
  /** Where each slot's frame starts in `bytes`, and its length. */
  readonly start: Int32Array;
  readonly length: Int32Array;
  /** OWES_ bits; 0 for a plain frame, and then the three columns below mean nothing. */
  readonly owes: Uint8Array;
  /** Where in `bytes` the range begins that the checksum covers, up to the frame's end: the transport header. */
  readonly checksumAt: Int32Array;
  /** From there to the checksum's field, which holds the sum of the pseudo-header. */
  readonly checksumOffset: Uint8Array;
  /** Payload bytes of each segment but the last. */
  readonly segmentSize: Uint16Array;
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
    this.owes = new Uint8Array(slots);
    this.checksumAt = new Int32Array(slots);
    this.checksumOffset = new Uint8Array(slots);
    this.segmentSize = new Uint16Array(slots);
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

  isJumbo(handle: number): boolean {
    return handle >= this.#smallSlots;
  }

  /** The slot that the byte `at` is in. */
  handleAt(at: number): number {
    const jumbo = at - this.#smallSlots * SMALL_SLOT_SIZE;
    return jumbo < 0 ? (at / SMALL_SLOT_SIZE) | 0 : this.#smallSlots + ((jumbo / JUMBO_SLOT_SIZE) | 0);
  }

  /** What the frame of a slot owes, for whoever keeps its bytes elsewhere meanwhile; null for a plain frame. */
  owed(handle: number): OwedFrame | null {
    if (this.owes[handle] === 0) return null;
    return {
      owes: this.owes[handle],
      checksumAt: this.checksumAt[handle],
      checksumOffset: this.checksumOffset[handle],
      segmentSize: this.segmentSize[handle],
    };
  }

  /** The frame is in a slot again, `distance` bytes on from where it was. */
  putOwed(handle: number, owed: OwedFrame, distance: number): void {
    this.owes[handle] = owed.owes;
    this.checksumAt[handle] = owed.checksumAt + distance;
    this.checksumOffset[handle] = owed.checksumOffset;
    this.segmentSize[handle] = owed.segmentSize;
  }

  /** A frame was copied from the slot `from` to `to`, `distance` bytes on: it owes the same. */
  copyOwed(from: number, to: number, distance: number): void {
    this.owes[to] = this.owes[from];
    this.checksumAt[to] = this.checksumAt[from] + distance;
    this.checksumOffset[to] = this.checksumOffset[from];
    this.segmentSize[to] = this.segmentSize[from];
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
    this.owes[handle] = 0;
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
