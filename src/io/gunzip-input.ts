/** Decompresses a gzip file or stream piece by piece, with bounded memory. */
import { createGunzip, type Gunzip } from 'node:zlib';
import type { ByteInput } from './byte-window.js';
import { CaptureError } from './capture-error.js';
import { errorCode } from './file-input.js';
import { END, NOTHING_YET } from './packet-source.js';

/** deflate expands by 1,032 at most, so one compressed piece never becomes more than 17 MB. */
const COMPRESSED_PIECE = 16 * 1024;
const PLAIN_PIECE = 64 * 1024;

export class GunzipInput implements ByteInput {
  readonly #compressed: ByteInput;
  readonly #gunzip: Gunzip;
  readonly #pieces: Uint8Array[] = [];
  #pieceAt = 0;
  /** Plain bytes given so far. */
  #given = 0;
  #ended = false;
  #error: unknown = null;

  /** `first` are compressed bytes that were already read from `compressed`. */
  constructor(compressed: ByteInput, first: Uint8Array) {
    this.#compressed = compressed;
    this.#gunzip = createGunzip({ chunkSize: PLAIN_PIECE });
    this.#gunzip.on('data', (piece: Uint8Array) => this.#pieces.push(piece));
    this.#gunzip.on('error', (error) => {
      this.#error = error;
    });
    this.#gunzip.on('end', () => {
      this.#ended = true;
    });
    this.#gunzip.write(first);
  }

  get name(): string {
    return this.#compressed.name;
  }

  get position(): number {
    return this.#compressed.position;
  }

  get size(): number {
    return this.#compressed.size;
  }

  read(into: Uint8Array, at: number, length: number): number {
    if (this.#pieces.length === 0) {
      if (this.#error !== null) throw this.#fault();
      return this.#ended ? END : NOTHING_YET;
    }
    const piece = this.#pieces[0];
    const count = Math.min(length, piece.length - this.#pieceAt);
    into.set(piece.subarray(this.#pieceAt, this.#pieceAt + count), at);
    this.#pieceAt += count;
    this.#given += count;
    if (this.#pieceAt === piece.length) {
      this.#pieces.shift();
      this.#pieceAt = 0;
    }
    return count;
  }

  async wait(): Promise<void> {
    while (this.#pieces.length === 0 && !this.#ended && this.#error === null && !this.#gunzip.destroyed) {
      await this.#feed();
    }
  }

  /** Hands the decompressor one more piece and resolves when it has dealt with it. */
  async #feed(): Promise<void> {
    const piece = new Uint8Array(COMPRESSED_PIECE);
    let count = NOTHING_YET;
    try {
      count = this.#compressed.read(piece, 0, piece.length);
    } catch (error) {
      this.#error = error;
      return;
    }
    if (count === NOTHING_YET) return this.#compressed.wait();
    await new Promise<void>((resolve) => {
      this.#gunzip.once('close', resolve);
      if (count === END) this.#gunzip.end();
      else {
        this.#gunzip.write(piece.subarray(0, count), () => {
          this.#gunzip.off('close', resolve);
          resolve();
        });
      }
    });
  }

  #fault(): CaptureError {
    if (this.#error instanceof CaptureError) return this.#error;
    const cut = errorCode(this.#error) === 'Z_BUF_ERROR';
    const fault = cut ? 'the gzip data ends too early' : 'the gzip data is damaged';
    return new CaptureError(
      this.name,
      this.#given,
      `${fault} (the place is counted in decompressed bytes)`,
      'get the whole file again (gzip -t checks it); the packets before it were read',
      this.#error,
    );
  }

  close(): void {
    this.#gunzip.destroy();
    this.#compressed.close();
  }
}
