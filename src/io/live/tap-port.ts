/** The frames of one TAP, or of one of its queues. */
import { type FrameArena, JUMBO_FRAME_LIMIT, SMALL_FRAME_LIMIT } from '../../engine/frame-arena.js';
import { EAGAIN, EBADF, EBADFD, EINTR, EIO, ENOBUFS, ENOMEM } from '../../engine/hooks/errno.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as vlan from '../../engine/wire/vlan.js';
import { ArenaAddress } from './arena-address.js';
import type { InterfaceControl } from './interface-control.js';
import { IoRing } from './io-ring.js';
import type { Libc } from './libc.js';
import {
  KERNEL_DROPS,
  LINK_DOWN,
  type LivePort,
  NO_SLOT,
  PORT_DOWN,
  PORT_GONE,
  PORT_UP,
  type PortSpec,
  QUEUE_FULL,
  RECEIVED,
  RECEIVED_BYTES,
  SEND_ERRORS,
  SENT,
  SENT_BYTES,
  TRUNCATED,
} from './live-port.js';
import type { OutputDrops } from './output-drops.js';
import { PortBase } from './port-base.js';
import { OVERFLOW, SlotBatch } from './slot-batch.js';
import { takeVnetHeader, VNET_HEADER_LENGTH } from './vnet-header.js';

const TUNGETIFF = 0x800454d2;
const REQUEST_LENGTH = 40;

const BATCH = 64;
/** Longest link header of a frame that a link of some MTU carries: Ethernet and one VLAN tag. */
const LINK_HEADERS = ethernet.HEADER_LENGTH + vlan.HEADER_LENGTH;
/** `struct iovec` for the slot and its overflow, in words. */
const IOVEC_WORDS = 4;
const IOVECS = 2;

export class TapPort extends PortBase implements LivePort {
  fd: number;
  readonly #libc: Libc;
  readonly #control: InterfaceControl;
  readonly #request = new Uint8Array(REQUEST_LENGTH);
  /** What the kernel dropped at the TAP, and how much of that before it was opened. */
  readonly #drops: OutputDrops;
  readonly #dropsBefore: number;
  readonly #addresses: ArenaAddress;
  /** Null where the kernel does not allow it: then each frame is a system call of its own. */
  #ring: IoRing | null;
  readonly #slots = new SlotBatch(BATCH);
  readonly #iovecs = new Int32Array(BATCH * IOVECS * IOVEC_WORDS);
  readonly #iovecAddress: number;
  /** The last frames had merged segments among them. */
  #areMerged = false;

  constructor(spec: PortSpec, libc: Libc, fd: number, control: InterfaceControl, drops: OutputDrops) {
    super(spec, spec.offloads ?? true, true);
    this.#drops = drops;
    this.#dropsBefore = drops.read();
    this.#libc = libc;
    this.#addresses = new ArenaAddress(libc);
    this.#control = control;
    this.fd = fd;
    this.#ring = spec.batches === false ? null : IoRing.open(libc, BATCH);
    this.#iovecAddress = libc.addressOf(this.#iovecs);
    const overflow = libc.addressOf(this.#slots.overflow);
    for (let i = 0; i < BATCH; i++) this.#setIovec(IOVECS * i + 1, overflow + i * OVERFLOW, OVERFLOW);
    this.refresh();
  }

  /**
   * Merged segments are 64 KiB a call, of which a batch saves nothing and an overflow costs a copy: as long as they come,
   * frames are read one by one.
   */
  receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    if (this.state === PORT_GONE) return 0;
    const ring = this.#areMerged ? null : this.#ring;
    this.#areMerged = false;
    const count =
      ring === null
        ? this.#receiveSingly(arena, handles, at, limit)
        : this.#receiveBatch(ring, arena, handles, at, limit);
    if (count === 0) return 0;
    this.state = PORT_UP;
    const { counters } = this;
    for (let i = at; i < at + count; i++) {
      const length = arena.length[handles[i]];
      if (length > SMALL_FRAME_LIMIT) this.#areMerged = true;
      counters[RECEIVED_BYTES] += length;
    }
    counters[RECEIVED] += count;
    return count;
  }

  /** A frame of unknown length is read into a jumbo slot; a short one goes on into a slot of its size. */
  #receiveSingly(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    const address = this.#addresses.of(arena);
    const longest = this.offloads ? JUMBO_FRAME_LIMIT : this.mtu + LINK_HEADERS;
    let count = 0;
    let slot = -1;
    while (count < limit) {
      if (slot < 0) slot = arena.allocate(longest);
      if (slot < 0) {
        this.counters[NO_SLOT]++;
        return count;
      }
      const headerAt = arena.start[slot] - VNET_HEADER_LENGTH;
      // One byte more than the longest frame tells a frame that was cut.
      const got = this.#libc.read(this.fd, address + headerAt, VNET_HEADER_LENGTH + longest + 1);
      if (got < 0) {
        this.#noteReceiveError(this.#libc.errno());
        break;
      }
      const length = got - VNET_HEADER_LENGTH;
      if (length > longest) {
        this.counters[TRUNCATED]++;
        continue;
      }
      const handle = keepFrame(arena, slot, length);
      takeVnetHeader(arena.bytes, headerAt, arena, handle, length);
      if (handle === slot) slot = -1;
      handles[at + count++] = handle;
    }
    if (slot >= 0) arena.free(slot);
    return count;
  }

  #receiveBatch(ring: IoRing, arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    const wanted = this.#prepareReads(ring, arena, limit);
    if (wanted === 0) return 0;
    const done = ring.run();
    if (done < 0) this.#giveUpRing();
    let count = 0;
    for (let i = 0; i < wanted; i++) {
      // In the order in which the frames came: a read that was too early can precede one that was not.
      const row = done < 0 ? i : ring.order[i];
      const result = done < 0 ? -EAGAIN : ring.results[row];
      const handle = result < 0 ? -1 : this.#takeRead(arena, row, result - VNET_HEADER_LENGTH);
      if (handle >= 0) handles[at + count++] = handle;
      if (result >= 0) continue;
      arena.free(this.#slots.slots[row]);
      this.#noteReceiveError(-result);
    }
    this.#slots.expect(count);
    return count;
  }

  #prepareReads(ring: IoRing, arena: FrameArena, limit: number): number {
    const address = this.#addresses.of(arena);
    const slots = this.#slots;
    const wanted = slots.take(arena, limit);
    for (let i = 0; i < wanted; i++) {
      const from = address + arena.start[slots.slots[i]] - VNET_HEADER_LENGTH;
      this.#setIovec(IOVECS * i, from, VNET_HEADER_LENGTH + SMALL_FRAME_LIMIT);
      ring.readVector(this.fd, this.#iovecAddress + 4 * IOVECS * IOVEC_WORDS * i, IOVECS);
    }
    if (wanted === 0) this.counters[NO_SLOT]++;
    return wanted;
  }

  #takeRead(arena: FrameArena, row: number, length: number): number {
    const headerAt = arena.start[this.#slots.slots[row]] - VNET_HEADER_LENGTH;
    const isWhole = length < SMALL_FRAME_LIMIT + OVERFLOW;
    const handle = isWhole ? this.#slots.keep(arena, row, length) : -1;
    if (!isWhole) arena.free(this.#slots.slots[row]);
    if (handle < 0) this.counters[TRUNCATED]++;
    else takeVnetHeader(arena.bytes, headerAt, arena, handle, length);
    return handle;
  }

  protected override transmit(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    const ring = this.#ring;
    let sent = 0;
    if (ring === null || count === 1) {
      for (let i = at; i < at + count; i++) if (this.#write(arena, handles[i])) sent++;
    } else {
      for (let done = 0; done < count; done += BATCH) {
        sent += this.#writeBatch(ring, arena, handles, at + done, Math.min(count - done, BATCH));
      }
    }
    if (sent > 0) this.state = PORT_UP;
    this.counters[SENT] += sent;
    return sent;
  }

  #write(arena: FrameArena, handle: number): boolean {
    const from = this.#addresses.of(arena) + arena.start[handle] - VNET_HEADER_LENGTH;
    const length = arena.length[handle];
    if (this.#libc.write(this.fd, from, length + VNET_HEADER_LENGTH) < 0) {
      this.#noteSendError(this.#libc.errno());
      return false;
    }
    this.counters[SENT_BYTES] += length;
    return true;
  }

  #writeBatch(ring: IoRing, arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    const address = this.#addresses.of(arena) - VNET_HEADER_LENGTH;
    for (let i = at; i < at + count; i++) {
      const handle = handles[i];
      ring.write(this.fd, address + arena.start[handle], arena.length[handle] + VNET_HEADER_LENGTH);
    }
    if (ring.run() < 0) {
      this.#giveUpRing();
      this.counters[SEND_ERRORS] += count;
      return 0;
    }
    let sent = 0;
    for (let i = 0; i < count; i++) {
      if (ring.results[i] < 0) this.#noteSendError(-ring.results[i]);
      else {
        sent++;
        this.counters[SENT_BYTES] += arena.length[handles[at + i]];
      }
    }
    return sent;
  }

  refresh(): void {
    if (this.state === PORT_GONE) return;
    const isUp = this.#control.isUp();
    if (isUp === null) {
      // Not in its namespace any more: gone, or moved to another, where it works as before.
      const isThere = this.#libc.ioctl(this.fd, TUNGETIFF, this.#request) >= 0;
      this.state = isThere ? PORT_UP : PORT_GONE;
      return;
    }
    this.state = isUp ? PORT_UP : PORT_DOWN;
    this.mtu = this.#control.mtu();
    this.#control.readMac(this.mac);
    this.counters[KERNEL_DROPS] = this.#drops.read() - this.#dropsBefore;
  }

  close(): void {
    this.#giveUpRing();
    if (this.fd >= 0) {
      this.#libc.close(this.fd);
      this.#drops.close();
    }
    this.fd = -1;
    this.#control.close();
    this.#addresses.release();
    this.state = PORT_GONE;
  }

  #giveUpRing(): void {
    this.#ring?.close();
    this.#ring = null;
  }

  #setIovec(index: number, address: number, length: number): void {
    const at = index * IOVEC_WORDS;
    this.#iovecs[at] = address | 0;
    this.#iovecs[at + 1] = address / 0x1_0000_0000;
    this.#iovecs[at + 2] = length;
  }

  #noteReceiveError(errno: number): void {
    if (errno === EBADFD || errno === EBADF) this.state = PORT_GONE;
    else if (errno !== EAGAIN && errno !== EINTR) this.refresh();
  }

  #noteSendError(errno: number): void {
    const { counters } = this;
    if (errno === EAGAIN || errno === ENOBUFS || errno === ENOMEM) counters[QUEUE_FULL]++;
    else if (errno === EIO) {
      counters[LINK_DOWN]++;
      this.state = PORT_DOWN;
    } else if (errno === EBADFD || errno === EBADF) {
      counters[LINK_DOWN]++;
      this.state = PORT_GONE;
    } else counters[SEND_ERRORS]++;
  }
}

/** A frame of `length` bytes was read into `slot`; answers the slot that keeps it, which is this one for a long frame. */
function keepFrame(arena: FrameArena, slot: number, length: number): number {
  const handle = length <= SMALL_FRAME_LIMIT && arena.isJumbo(slot) ? arena.allocate(length) : slot;
  if (handle < 0 || handle === slot) {
    arena.length[slot] = length;
    return slot;
  }
  arena.bytes.copyWithin(arena.start[handle], arena.start[slot], arena.start[slot] + length);
  return handle;
}
