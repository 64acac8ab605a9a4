/** A file or standard output that is written through one buffer of 1 MiB. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { CaptureError } from './capture-error.js';
import { copyFrame } from './copy-frame.js';
import { errorCode, openError } from './file-input.js';

const BUFFER_SIZE = 1 << 20;

const STANDARD_OUTPUT = 1;

/** The user writes into `bytes` from `at` on, after `makeRoom`, and moves `at` forward. */
export class OutputFile {
  readonly name: string;
  bytes: Uint8Array = new Uint8Array(BUFFER_SIZE);
  at = 0;
  #descriptor: number;
  #written = 0;

  /** Makes or empties the file `name`; `-` is standard output. Throws CaptureError when that cannot be done. */
  constructor(name: string) {
    this.name = name;
    try {
      this.#descriptor = name === '-' ? STANDARD_OUTPUT : openSync(name, 'w');
    } catch (error) {
      throw openError(name, error);
    }
  }

  get closed(): boolean {
    return this.#descriptor < 0;
  }

  /** Bytes written and bytes waiting. */
  get length(): number {
    return this.#written + this.at;
  }

  /** Makes `length` bytes of `bytes` free from `at` on; voids `bytes` and `at` taken before. */
  makeRoom(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    this.flush();
    if (length > this.bytes.length) this.bytes = new Uint8Array(length);
  }

  /** Copies into the room that was made, and moves `at`. */
  append(from: Uint8Array, fromAt: number, length: number): void {
    copyFrame(this.bytes, this.at, from, fromAt, length);
    this.at += length;
  }

  flush(): void {
    let start = 0;
    while (start < this.at) {
      try {
        start += writeSync(this.#descriptor, this.bytes, start, this.at - start);
      } catch (error) {
        // A pipe that its reader does not empty fast enough, when it was opened non-blocking.
        if (errorCode(error) === 'EAGAIN') pause();
        else throw this.#writeError(error, start);
      }
    }
    this.#written += this.at;
    this.at = 0;
  }

  #writeError(error: unknown, start: number): CaptureError {
    const code = errorCode(error);
    const remedy =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'make room on the disk or write to another place'
        : 'check the disk or what reads the stream';
    // What cannot be written now must not be tried again by `close`.
    this.at = 0;
    return new CaptureError(this.name, this.#written + start, `cannot be written (${code})`, remedy, error);
  }

  /** Flushes and closes; may be called twice. */
  close(): void {
    if (this.closed) return;
    try {
      this.flush();
    } finally {
      if (this.#descriptor !== STANDARD_OUTPUT) closeSync(this.#descriptor);
      this.#descriptor = -1;
    }
  }
}

const pauseCell = new Int32Array(new SharedArrayBuffer(4));

function pause(): void {
  Atomics.wait(pauseCell, 0, 0, 1);
}
