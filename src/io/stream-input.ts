/** Bytes of a stream that has to be waited for: standard input, a FIFO, a decompressor. */
import type { Readable } from 'node:stream';
import type { ByteInput } from './byte-window.js';
import { readError } from './file-input.js';
import { END, NOTHING_YET } from './packet-source.js';

export class StreamInput implements ByteInput {
  readonly name: string;
  readonly size = -1;
  position = 0;
  readonly #stream: Readable;
  #piece: Uint8Array = new Uint8Array(0);
  #pieceAt = 0;
  #ended = false;
  #error: unknown = null;
  /** Something happened since the stream was last read; only a further read shows what (it may be the end). */
  #stirred = false;
  #wake: (() => void) | null = null;

  constructor(name: string, stream: Readable) {
    this.name = name;
    this.#stream = stream;
    stream.on('readable', () => this.#stir());
    stream.on('error', (error) => {
      this.#error = error;
      this.#stir();
    });
    for (const end of ['end', 'close']) {
      stream.on(end, () => {
        this.#ended = true;
        this.#stir();
      });
    }
  }

  #stir(): void {
    this.#stirred = true;
    this.#wake?.();
  }

  read(into: Uint8Array, at: number, length: number): number {
    if (this.#pieceAt === this.#piece.length) {
      this.#stirred = false;
      const piece: Uint8Array | null = this.#stream.read();
      if (piece === null) {
        if (this.#error !== null) throw readError(this.name, this.position, this.#error);
        return this.#ended ? END : NOTHING_YET;
      }
      this.#piece = piece;
      this.#pieceAt = 0;
    }
    const count = Math.min(length, this.#piece.length - this.#pieceAt);
    into.set(this.#piece.subarray(this.#pieceAt, this.#pieceAt + count), at);
    this.#pieceAt += count;
    this.position += count;
    return count;
  }

  async wait(): Promise<void> {
    if (this.#stirred || this.#ended || this.#error !== null || this.#pieceAt < this.#piece.length) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }

  close(): void {
    this.#stream.destroy();
    this.#stir();
  }
}
