/**
 * The `struct mmsghdr` tables that recvmmsg(2) and sendmmsg(2) take: 64-bit layout, little-endian. All of it is in one
 * array, so that whoever holds the table holds what its pointers point to.
 *
 *   messages   64 bytes each: name, its length, iovec, their number, control, its length, flags, length of the message
 *   iovecs     2 of 16 bytes for each message: where, how long
 *   control    48 bytes for each message that has it
 */
import type { Libc } from './libc.js';

const MESSAGE_WORDS = 16;
const IOVEC_WORDS = 4;
const IOVECS = 2;
const CONTROL_LENGTH = 48;

const IOVEC_AT = 4;
const IOVEC_COUNT_AT = 6;
const CONTROL_AT = 8;
const CONTROL_LENGTH_AT = 10;
const FLAGS_AT = 12;
const LENGTH_AT = 14;

/** Of `flags`: the message was longer than its room. */
export const MSG_TRUNC = 0x20;

export class MessageTable {
  readonly capacity: number;
  readonly address: number;
  /** The control data, `CONTROL_LENGTH` bytes for each message. */
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #iovecs: number;
  readonly #controls: number;

  constructor(libc: Libc, capacity: number) {
    this.capacity = capacity;
    this.#iovecs = capacity * MESSAGE_WORDS;
    this.#controls = 4 * (this.#iovecs + capacity * IOVECS * IOVEC_WORDS);
    this.bytes = new Uint8Array(this.#controls + capacity * CONTROL_LENGTH);
    this.#words = new Int32Array(this.bytes.buffer);
    this.address = libc.addressOf(this.bytes);
    for (let i = 0; i < capacity; i++) {
      this.#putAddress(i * MESSAGE_WORDS + IOVEC_AT, this.address + 4 * this.#iovec(i, 0));
      this.#words[i * MESSAGE_WORDS + IOVEC_COUNT_AT] = 1;
    }
  }

  /** Address of the table from message `i` on. */
  from(i: number): number {
    return this.address + 4 * MESSAGE_WORDS * i;
  }

  /** Message `i` is the `length` bytes at `address`. */
  setPart(i: number, address: number, length: number): void {
    const at = this.#iovec(i, 0);
    this.#putAddress(at, address);
    this.#words[at + 2] = length;
  }

  /** What message `i` has more goes on at `address`. */
  setOverflow(i: number, address: number, length: number): void {
    const at = this.#iovec(i, 1);
    this.#putAddress(at, address);
    this.#words[at + 2] = length;
    this.#words[i * MESSAGE_WORDS + IOVEC_COUNT_AT] = IOVECS;
  }

  /** Before each receive of message `i` that is to come with control data. */
  wantControl(i: number): void {
    const at = i * MESSAGE_WORDS;
    this.#putAddress(at + CONTROL_AT, this.address + this.controlAt(i));
    this.#words[at + CONTROL_LENGTH_AT] = CONTROL_LENGTH;
  }

  /** Where in `bytes` the control data of message `i` begins, and how much there is of it. */
  controlAt(i: number): number {
    return this.#controls + i * CONTROL_LENGTH;
  }

  controlLength(i: number): number {
    return this.#words[i * MESSAGE_WORDS + CONTROL_LENGTH_AT];
  }

  /** Length of message `i` as sent or received. */
  length(i: number): number {
    return this.#words[i * MESSAGE_WORDS + LENGTH_AT];
  }

  flags(i: number): number {
    return this.#words[i * MESSAGE_WORDS + FLAGS_AT];
  }

  #iovec(i: number, part: number): number {
    return this.#iovecs + (i * IOVECS + part) * IOVEC_WORDS;
  }

  #putAddress(at: number, address: number): void {
    this.#words[at] = address | 0;
    this.#words[at + 1] = address / 0x1_0000_0000;
  }
}
