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
  #wake: (() => void) | null = null;

  constructor(name: string, stream: Readable) {
    this.name = name;
    this.#stream = stream;
    const wake = () => this.#wake?.();
    stream.on('readable', wake);
    const end = () => {
      this.#ended = true;
      wake();
    };
    stream.on('end', end);
    stream.on('close', end);
    stream.on('error', (error) => {
      this.#error = error;
      wake();
    });
  }

  read(into: Uint8Array, at: number, length: number): number {
    if (this.#pieceAt === this.#piece.length) {
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
    while (
      this.#pieceAt === this.#piece.length &&
      this.#stream.readableLength === 0 &&
      !this.#ended &&
      this.#error === null
    ) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = null;
  }

  close(): void {
    this.#stream.destroy();
    this.#wake?.();
  }
}
