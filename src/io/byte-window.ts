/** A window that moves over a capture's bytes: the chunk memory that packets are delivered in. */
import { CaptureError } from './capture-error.js';
import { END, NOTHING_YET } from './packet-source.js';

/** Where a capture's bytes come from. */
export interface ByteInput {
  /** The path, or `-`. */
  readonly name: string;
  /** Bytes of the file used so far, as stored, and its size; -1 where it has none. */
  readonly position: number;
  readonly size: number;
  /**
   * Puts up to `length` (> 0) bytes at `into[at]`; answers how many (> 0), NOTHING_YET or END. Throws
   * CaptureError.
   */
  read(into: Uint8Array, at: number, length: number): number;
  /** Resolves when `read` has something new to say. */
  wait(): Promise<void>;
  close(): void;
}

const READY = 1;

/**
 * The unused bytes are `bytes[start .. end)`; the user moves `start` forward, also beyond `end` to pass over
 * what is not there yet. `fill` moves the unused bytes to the front of the memory and reads more, so it voids
 * every offset taken before. The memory grows only when one packet is larger than all of it, and never beyond
 * twice what was really read of that packet.
 */
export class ByteWindow {
  readonly input: ByteInput;
  bytes: Uint8Array;
  view: DataView;
  start = 0;
  end = 0;
  /** Position in the (uncompressed) capture of `bytes[0]`. */
  #base = 0;

  constructor(input: ByteInput, chunkSize: number) {
    this.input = input;
    this.bytes = new Uint8Array(chunkSize);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Position in the (uncompressed) capture of the byte at `at`. */
  position(at: number): number {
    return this.#base + at;
  }

  /** READY when `start` is followed by at least `need` bytes; NOTHING_YET; END when there never will be. */
  fill(need: number): number {
    if (this.end - this.start >= need) return READY;
    this.#moveToFront();
    while (this.end - this.start < need) {
      if (this.end === this.bytes.length) {
        if (this.start > 0) this.#moveToFront();
        else this.#grow(need);
      }
      const count = this.input.read(this.bytes, this.end, this.bytes.length - this.end);
      if (count === NOTHING_YET || count === END) return count;
      this.end += count;
    }
    return READY;
  }

  #moveToFront(): void {
    const used = Math.min(this.start, this.end);
    this.bytes.copyWithin(0, used, this.end);
    this.#base += used;
    this.start -= used;
    this.end -= used;
  }

  #grow(need: number): void {
    const larger = new Uint8Array(Math.min(need, 2 * this.bytes.length));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  fault(at: number, fault: string, remedy: string): CaptureError {
    return new CaptureError(this.input.name, this.position(at), fault, remedy);
  }
}
