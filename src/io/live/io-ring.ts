/**
 * io_uring (io_uring(7)) for files that have no call for many frames: a batch of reads or writes in one system call,
 * all done when it returns. For TAPs that is 0.35 to 1 times more small frames per second; many containers and kernels
 * (kernel.io_uring_disabled) do not allow it, and then there is none.
 */

import { EINTR } from '../../engine/hooks/errno.js';
import type { Libc } from './libc.js';

const SYS_SETUP = 425;
const SYS_ENTER = 426;
const ENTER_GETEVENTS = 1;
const OPERATION_READV = 1;
const OPERATION_WRITE = 23;
/** The file is asked at once and for nothing more: without it a read that finds nothing waits. */
const RWF_NOWAIT = 8;

/** `struct io_uring_params`, in bytes. */
const PARAMS_LENGTH = 120;
const SUBMIT_ENTRIES_AT = 0;
const COMPLETE_ENTRIES_AT = 4;
const SUBMIT_TAIL_AT = 44;
const SUBMIT_MASK_AT = 48;
const SUBMIT_ARRAY_AT = 64;
const COMPLETE_HEAD_AT = 80;
const COMPLETE_TAIL_AT = 84;
const COMPLETE_MASK_AT = 88;
const COMPLETIONS_AT = 100;

const MAP_SHARED_POPULATE = 0x8001;
const PROT_READ_WRITE = 3;
const SUBMIT_OFFSET = 0;
const COMPLETE_OFFSET = 0x8000000;
const ENTRIES_OFFSET = 0x10000000;

/** Words of a submission and of a completion. */
const ENTRY_WORDS = 16;
const COMPLETION_WORDS = 4;

export class IoRing {
  readonly capacity: number;
  /** By row of the batch: bytes read or written, or a negative error number. */
  readonly results: Int32Array;
  /** Rows in the order in which they were done. */
  readonly order: Int32Array;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #maps: readonly (readonly [address: number, length: number])[];
  #submit: Int32Array;
  #complete: Int32Array;
  #entries: Int32Array;
  readonly #tailAt: number;
  readonly #mask: number;
  readonly #arrayAt: number;
  readonly #headAt: number;
  readonly #completeTailAt: number;
  readonly #completeMask: number;
  readonly #completionsAt: number;
  #prepared = 0;
  #isOpen = true;

  /** A ring for batches of up to `capacity`, or null where the kernel has none for us. */
  static open(libc: Libc, capacity: number): IoRing | null {
    const params = new Uint8Array(PARAMS_LENGTH);
    const fd = libc.syscall(SYS_SETUP, capacity, libc.addressOf(params), 0, 0, null, 0);
    if (fd < 0) return null;
    const view = new DataView(params.buffer);
    const word = (at: number): number => view.getUint32(at, true);
    const lengths = [
      word(SUBMIT_ARRAY_AT) + 4 * word(SUBMIT_ENTRIES_AT),
      word(COMPLETIONS_AT) + 4 * COMPLETION_WORDS * word(COMPLETE_ENTRIES_AT),
      4 * ENTRY_WORDS * word(SUBMIT_ENTRIES_AT),
    ];
    const maps = [SUBMIT_OFFSET, COMPLETE_OFFSET, ENTRIES_OFFSET].map((offset, i) => {
      return [
        libc.mmap(null, lengths[i], PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset),
        lengths[i],
      ] as const;
    });
    if (maps.every(([address]) => address !== -1)) return new IoRing(libc, fd, capacity, word, maps);
    for (const [address, length] of maps) if (address !== -1) libc.munmap(address, length);
    libc.close(fd);
    return null;
  }

  private constructor(
    libc: Libc,
    fd: number,
    capacity: number,
    word: (at: number) => number,
    maps: readonly (readonly [number, number])[],
  ) {
    this.#libc = libc;
    this.#fd = fd;
    this.#maps = maps;
    this.capacity = capacity;
    this.results = new Int32Array(capacity);
    this.order = new Int32Array(capacity);
    const wordsOf = (i: number): Int32Array => {
      const bytes = libc.viewAt(maps[i][0], maps[i][1]);
      return new Int32Array(bytes.buffer, bytes.byteOffset, maps[i][1] >> 2);
    };
    this.#submit = wordsOf(0);
    this.#complete = wordsOf(1);
    this.#entries = wordsOf(2);
    this.#tailAt = word(SUBMIT_TAIL_AT) >> 2;
    this.#mask = this.#submit[word(SUBMIT_MASK_AT) >> 2];
    this.#arrayAt = word(SUBMIT_ARRAY_AT) >> 2;
    this.#headAt = word(COMPLETE_HEAD_AT) >> 2;
    this.#completeTailAt = word(COMPLETE_TAIL_AT) >> 2;
    this.#completeMask = this.#complete[word(COMPLETE_MASK_AT) >> 2];
    this.#completionsAt = word(COMPLETIONS_AT) >> 2;
  }

  /** Adds to the batch: reads into the `count` iovecs at `address`. */
  readVector(fd: number, address: number, count: number): void {
    this.#prepare(OPERATION_READV, fd, address, count, RWF_NOWAIT);
  }

  /** Adds to the batch: writes `length` bytes from `address`. */
  write(fd: number, address: number, length: number): void {
    this.#prepare(OPERATION_WRITE, fd, address, length, RWF_NOWAIT);
  }

  #prepare(operation: number, fd: number, address: number, length: number, flags: number): void {
    const row = this.#prepared++;
    const index = (this.#submit[this.#tailAt] + row) & this.#mask;
    const entries = this.#entries;
    const at = index * ENTRY_WORDS;
    entries[at] = operation;
    entries[at + 1] = fd;
    // Offset -1: where the file is, which for a device is nowhere.
    entries[at + 2] = -1;
    entries[at + 3] = -1;
    entries[at + 4] = address | 0;
    entries[at + 5] = address / 0x1_0000_0000;
    entries[at + 6] = length;
    entries[at + 7] = flags;
    entries[at + 8] = row;
    entries[at + 9] = 0;
    this.#submit[this.#arrayAt + index] = index;
  }

  /** Does the batch and waits until all of it is done; answers how many there were, or -1 for a failure of the call. */
  run(): number {
    const count = this.#prepared;
    this.#prepared = 0;
    Atomics.store(this.#submit, this.#tailAt, this.#submit[this.#tailAt] + count);
    let done = 0;
    for (let rest = count; done < count; done = this.#collect(done)) {
      const taken = this.#libc.syscall(SYS_ENTER, this.#fd, rest, count - done, ENTER_GETEVENTS, null, 0);
      if (taken >= 0) rest -= taken;
      else if (this.#libc.errno() !== EINTR) return -1;
    }
    return done;
  }

  #collect(from: number): number {
    const complete = this.#complete;
    let head = complete[this.#headAt];
    const tail = Atomics.load(complete, this.#completeTailAt);
    let done = from;
    for (; head !== tail; head = (head + 1) | 0) {
      const at = this.#completionsAt + (head & this.#completeMask) * COMPLETION_WORDS;
      const row = complete[at];
      this.results[row] = complete[at + 2];
      this.order[done++] = row;
    }
    Atomics.store(complete, this.#headAt, head);
    return done;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const nothing = new Int32Array(0);
    this.#submit = nothing;
    this.#complete = nothing;
    this.#entries = nothing;
    for (const [address, length] of this.#maps) this.#libc.munmap(address, length);
    this.#libc.close(this.#fd);
  }
}
