/**
 * The receive ring of a packet socket (kernel: Documentation/networking/packet_mmap.rst, TPACKET_V3): the kernel writes
 * frames into blocks of shared memory and hands over a block when it is full or RETIRE_MS old. A frame costs no system
 * call, which makes it the way to capture at high rates; the blocks' delay makes it the wrong one to forward by.
 */
import type { FrameArena } from '../../engine/frame-arena.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { errorText } from './error-text.js';
import type { Libc } from './libc.js';
import { LiveError, MISSING } from './live-error.js';
import { putTagBack } from './vlan-back.js';
import { takeVnetHeader, VNET_HEADER_LENGTH } from './vnet-header.js';

const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** A block takes several frames of 64 KiB; all together are memory for some 200,000 short frames. */
const BLOCK_BYTES = 1 << 18;
const BLOCKS = 64;
const FRAME_UNIT = 2048;
const RETIRE_MS = 4;

/** `struct tpacket_block_desc`, in words of 4 bytes. */
const BLOCK_WORDS = BLOCK_BYTES / 4;
const STATUS_WORD = 2;
const PACKETS_WORD = 3;
const FIRST_WORD = 4;
const STATUS_KERNEL = 0;
const STATUS_USER = 1;

/** `struct tpacket3_hdr`. */
const NEXT_AT = 0;
const CAPTURED_AT = 12;
const LENGTH_AT = 16;
const FRAME_STATUS_AT = 20;
const MAC_AT = 24;
const VLAN_TCI_AT = 32;
const VLAN_TPID_AT = 36;
const VLAN_VALID = 0x10;
const VLAN_TPID_VALID = 0x40;

export class PacketRing {
  /** Frames that were longer than a block's room, or than a slot. */
  cut = 0;
  /** Whether `receive` stopped since the arena had no slot. */
  wasFull = false;
  readonly #libc: Libc;
  readonly #address: number;
  #bytes: Uint8Array;
  #view: DataView;
  #words: Int32Array;
  #block = 0;
  /** Frames left in the block, and where the next one is; 0 when the block is not begun. */
  #left = 0;
  #next = 0;

  /** Gives a socket that is not bound yet, with virtio-net headers on, its ring. Throws LiveError. */
  constructor(libc: Libc, port: string, fd: number) {
    this.#libc = libc;
    const size = BLOCK_BYTES * BLOCKS;
    const version = Int32Array.of(TPACKET_V3);
    const request = Int32Array.of(BLOCK_BYTES, BLOCKS, FRAME_UNIT, size / FRAME_UNIT, RETIRE_MS, 0, 0);
    const isSet =
      libc.setsockopt(fd, SOL_PACKET, PACKET_VERSION, version, 4) >= 0 &&
      libc.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request, request.byteLength) >= 0;
    this.#address = isSet ? libc.mmap(null, size, PROT_READ_WRITE, MAP_SHARED, fd, 0) : -1;
    if (this.#address === -1) {
      const fault = `receive ring: ${errorText(libc.errno())}`;
      throw new LiveError(port, fault, `${size >> 20} MiB of memory are needed`, MISSING);
    }
    this.#bytes = libc.viewAt(this.#address, size);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, size);
    this.#words = new Int32Array(this.#bytes.buffer, this.#bytes.byteOffset, size / 4);
  }

  /** As `LivePort.receive`, without its counters. */
  receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    this.wasFull = false;
    let count = 0;
    while (count < limit && this.#hasFrame()) {
      const handle = this.#take(arena, this.#next);
      if (this.wasFull) break;
      if (handle >= 0) handles[at + count++] = handle;
      this.#next += this.#view.getInt32(this.#next + NEXT_AT, true);
      if (--this.#left === 0) this.#giveBack();
    }
    return count;
  }

  /** The memory is the kernel's again; nothing may be received any more. */
  close(): void {
    this.#bytes = new Uint8Array(0);
    this.#view = new DataView(this.#bytes.buffer);
    this.#words = new Int32Array(BLOCK_WORDS);
    this.#block = 0;
    this.#left = 0;
    this.#libc.munmap(this.#address, BLOCK_BYTES * BLOCKS);
  }

  #hasFrame(): boolean {
    while (this.#left === 0) {
      const word = this.#block * BLOCK_WORDS;
      if ((Atomics.load(this.#words, word + STATUS_WORD) & STATUS_USER) === 0) return false;
      this.#left = this.#words[word + PACKETS_WORD];
      this.#next = 4 * word + this.#words[word + FIRST_WORD];
      // A block that was retired by its age can be empty.
      if (this.#left === 0) this.#giveBack();
    }
    return true;
  }

  #giveBack(): void {
    Atomics.store(this.#words, this.#block * BLOCK_WORDS + STATUS_WORD, STATUS_KERNEL);
    this.#block = (this.#block + 1) % BLOCKS;
  }

  /** Copies the frame of the header at `at` into a slot; -1 when it was cut, or with `wasFull` when there is none. */
  #take(arena: FrameArena, at: number): number {
    const view = this.#view;
    const captured = view.getInt32(at + CAPTURED_AT, true);
    if (captured !== view.getInt32(at + LENGTH_AT, true)) {
      this.cut++;
      return -1;
    }
    const frameAt = at + view.getUint16(at + MAC_AT, true);
    const handle = arena.put(view, frameAt, captured);
    if (handle < 0) {
      this.wasFull = true;
      return -1;
    }
    takeVnetHeader(this.#bytes, frameAt - VNET_HEADER_LENGTH, arena, handle, captured);
    const status = view.getInt32(at + FRAME_STATUS_AT, true);
    if ((status & VLAN_VALID) !== 0) {
      const tpid = view.getUint16(at + VLAN_TPID_AT, true);
      const tci = view.getInt32(at + VLAN_TCI_AT, true);
      putTagBack(arena, handle, tci, (status & VLAN_TPID_VALID) === 0 ? ethernet.TYPE_VLAN : tpid);
    }
    return handle;
  }
}
