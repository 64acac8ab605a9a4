/** Decompresses a gzip file or stream piece by piece, with bounded memory. */
import { createGunzip, type Gunzip } from 'node:zlib';
import type { ByteInput, ByteWindow } from './byte-window.js';
import { CaptureError } from './capture-error.js';
import { errorCode } from './file-input.js';
import { END, NOTHING_YET } from './packet-source.js';

/** deflate expands by 1,032 at most, so one compressed piece never becomes more than 17 MB. */
const COMPRESSED_PIECE = 16 * 1024;
const PLAIN_PIECE = 64 * 1024;
/** CRC and length at the end of a gzip file (RFC 1952 section 2.3.1). */
const TRAILER_LENGTH = 8;

export class GunzipInput implements ByteInput {
  readonly #compressed: ByteWindow;
  readonly #gunzip: Gunzip;
  readonly #pieces: Uint8Array[] = [];
  #pieceAt = 0;
  /** Plain bytes given so far. */
  #given = 0;
  #ended = false;
  #error: unknown = null;

  /** The window starts at the gzip header. */
  constructor(compressed: ByteWindow) {
    this.#compressed = compressed;
    this.#gunzip = createGunzip({ chunkSize: PLAIN_PIECE });
    this.#gunzip.on('data', (piece: Uint8Array) => this.#pieces.push(piece));
    this.#gunzip.on('error', (error) => {
      this.#error = error;
    });
    this.#gunzip.on('end', () => {
      this.#ended = true;
    });
  }

  get name(): string {
    return this.#compressed.input.name;
  }

  get position(): number {
    return this.#compressed.input.position;
  }

  get size(): number {
    return this.#compressed.input.size;
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

  /**
   * Hands the decompressor one more piece and resolves when it has dealt with it. The last bytes go by
   * themselves: when a checksum is wrong, the decompressor drops what it made of the same piece.
   */
  async #feed(): Promise<void> {
    const window = this.#compressed;
    let state: number;
    try {
      state = window.fill(TRAILER_LENGTH + 1);
    } catch (error) {
      this.#error = error;
      return;
    }
    if (state === NOTHING_YET) return window.input.wait();
    const { start } = window;
    const available = window.end - start;
    const length = state === END ? available : Math.min(COMPRESSED_PIECE, available - TRAILER_LENGTH);
    window.start = start + length;
    await this.#write(window.bytes.subarray(start, start + length));
    if (state === END && !this.#gunzip.destroyed) await this.#end();
  }

  #write(piece: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#gunzip.once('close', resolve);
      this.#gunzip.write(piece, () => {
        this.#gunzip.off('close', resolve);
        resolve();
      });
    });
  }

  #end(): Promise<void> {
    return new Promise((resolve) => {
      this.#gunzip.once('close', resolve);
      this.#gunzip.end();
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
    this.#compressed.input.close();
  }
}
