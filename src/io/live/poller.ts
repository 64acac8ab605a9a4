/** Waits for any of many ports, in the calling thread, which sleeps in poll(2) meanwhile; another thread can wake it. */

import { errorText } from './error-text.js';
import { type Libc, loadLibc } from './libc.js';
import { BAD_INPUT, LiveError } from './live-error.js';

const POLLIN = 1;
const POLLOUT = 4;
const ENTRY_LENGTH = 8;
const RETURNED_AT = 6;
const FIRST_ENTRIES = 16;

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** `Poller.ready` of an entry, as poll(2) gives them. */
export const READY_READ = 0x001;
export const READY_ERROR = 0x008;
export const READY_HANG_UP = 0x010;
export const READY_INVALID = 0x020;

export class Poller {
  /** Entries; row 0 is the wake-up. */
  count = 0;
  /** The file descriptor to write 8 bytes to (a 1, little-endian) from anywhere in the process to end a `wait`. */
  readonly wakeFd: number;
  readonly #libc: Libc;
  #entries = new Int32Array((FIRST_ENTRIES * ENTRY_LENGTH) / 4);
  #address: number;
  readonly #drain = new Uint8Array(8);

  /** Rejects with LiveError where koffi is missing. */
  static async create(): Promise<Poller> {
    return new Poller(await loadLibc('poll'));
  }

  private constructor(libc: Libc) {
    this.#libc = libc;
    this.#address = libc.addressOf(this.#entries);
    this.wakeFd = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (this.wakeFd < 0) throw new LiveError('poll', errorText(libc.errno()), 'raise ulimit -n', BAD_INPUT);
    this.add(this.wakeFd);
  }

  /** Adds a file descriptor that is waited for until it is readable; answers its row. */
  add(fd: number): number {
    const row = this.count++;
    if (2 * row === this.#entries.length) {
      const larger = new Int32Array(2 * this.#entries.length);
      larger.set(this.#entries);
      this.#entries = larger;
      this.#address = this.#libc.addressOf(larger);
    }
    this.set(row, fd);
    return row;
  }

  /** Waits for another file descriptor in a row; -1 lets the row rest. */
  set(row: number, fd: number, forWriting = false): void {
    this.#entries[2 * row] = fd;
    this.#entries[2 * row + 1] = forWriting ? POLLIN | POLLOUT : POLLIN;
  }

  /** Sleeps until a row is ready, `timeoutMs` have passed (-1: for ever) or somebody wakes it; answers how many rows are. */
  wait(timeoutMs: number): number {
    const ready = this.#libc.poll(this.#address, this.count, timeoutMs);
    if (ready > 0 && this.ready(0) !== 0) this.#libc.read(this.wakeFd, this.#drain, 8);
    return ready;
  }

  /** Lets other threads that wait for this core run first, where there are any. */
  giveWay(): void {
    this.#libc.sched_yield();
  }

  /** READY_ bits of a row after `wait`. */
  ready(row: number): number {
    return (this.#entries[2 * row + 1] >>> (8 * (RETURNED_AT - 4))) & 0xffff;
  }

  close(): void {
    if (this.count > 0) this.#libc.close(this.wakeFd);
    this.count = 0;
  }
}

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** Ends the `wait` of the poller with this `wakeFd`; from any thread. */
export function wake(libc: Libc, wakeFd: number): void {
  libc.write(wakeFd, ONE, ONE.length);
}
