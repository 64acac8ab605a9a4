/** A port on a socket that keeps frames apart: batches by recvmmsg(2) and sendmmsg(2). */
import { type FrameArena, SMALL_FRAME_LIMIT } from '../../engine/frame-arena.js';
import {
  EAGAIN,
  EBADF,
  ECONNRESET,
  EINTR,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  ENXIO,
  EPIPE,
} from '../../engine/hooks/errno.js';
import { ArenaAddress } from './arena-address.js';
import type { Libc } from './libc.js';
import {
  KERNEL_DROPS,
  LINK_DOWN,
  NO_SLOT,
  OVERSIZE,
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
import { MessageTable, MSG_TRUNC } from './message-table.js';
import { PortBase } from './port-base.js';
import { OVERFLOW, SlotBatch } from './slot-batch.js';
import { takeVnetHeader, VNET_HEADER_LENGTH } from './vnet-header.js';

const BATCH = 64;
const MSG_DONTWAIT = 0x40;

export abstract class SocketPort extends PortBase {
  fd: number;
  protected readonly libc: Libc;
  /** Bytes in front of each frame. */
  readonly #prefix: number;
  protected readonly incoming: MessageTable;
  readonly #outgoing: MessageTable;
  readonly #slots = new SlotBatch(BATCH);
  readonly #addresses: ArenaAddress;

  constructor(spec: PortSpec, libc: Libc, fd: number, offloads: boolean, hasVnetHeader: boolean) {
    super(spec, offloads, hasVnetHeader);
    this.libc = libc;
    this.#addresses = new ArenaAddress(libc);
    this.fd = fd;
    this.#prefix = hasVnetHeader ? VNET_HEADER_LENGTH : 0;
    this.incoming = new MessageTable(libc, BATCH);
    this.#outgoing = new MessageTable(libc, BATCH);
    const overflow = libc.addressOf(this.#slots.overflow);
    for (let i = 0; i < BATCH; i++) this.incoming.setOverflow(i, overflow + i * OVERFLOW, OVERFLOW);
  }

  /** Before message `i` is received. */
  protected abstract arm(i: number): void;

  /** A frame has come as message `i`; answers false when it is none. */
  protected abstract accept(arena: FrameArena, handle: number, i: number): boolean;

  /** Reads the interface's state anew. */
  abstract refresh(): void;

  receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    if (this.state === PORT_GONE) return 0;
    const wanted = this.#arm(arena, limit);
    if (wanted === 0) return 0;
    const got = this.libc.recvmmsg(this.fd, this.incoming.address, wanted, MSG_DONTWAIT, null);
    if (got < 0) this.#noteReceiveError();
    else if (got > 0) this.state = PORT_UP;
    const messages = Math.max(got, 0);
    let count = 0;
    let bytes = 0;
    for (let i = 0; i < messages; i++) {
      const handle = this.#take(arena, i);
      if (handle < 0) continue;
      bytes += arena.length[handle];
      handles[at + count++] = handle;
    }
    for (let i = messages; i < wanted; i++) arena.free(this.#slots.slots[i]);
    this.#slots.expect(messages);
    this.counters[RECEIVED] += count;
    this.counters[RECEIVED_BYTES] += bytes;
    return count;
  }

  protected override transmit(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    let sent = 0;
    for (let done = 0; done < count; done += BATCH) {
      sent += this.#transmitBatch(arena, handles, at + done, Math.min(count - done, BATCH));
    }
    this.counters[SENT] += sent;
    return sent;
  }

  close(): void {
    if (this.fd >= 0) this.libc.close(this.fd);
    this.fd = -1;
    this.#addresses.release();
    this.state = PORT_GONE;
  }

  #arm(arena: FrameArena, limit: number): number {
    const address = this.#addresses.of(arena);
    const { incoming } = this;
    const prefix = this.#prefix;
    const armed = this.#slots.take(arena, limit);
    for (let i = 0; i < armed; i++) {
      const start = arena.start[this.#slots.slots[i]];
      incoming.setPart(i, address + start - prefix, prefix + SMALL_FRAME_LIMIT);
      this.arm(i);
    }
    if (armed === 0) this.counters[NO_SLOT]++;
    return armed;
  }

  /** Answers the slot of the frame that came as message `i`, or -1. */
  #take(arena: FrameArena, i: number): number {
    const { incoming } = this;
    const slot = this.#slots.slots[i];
    const headerAt = arena.start[slot] - VNET_HEADER_LENGTH;
    if ((incoming.flags(i) & MSG_TRUNC) !== 0) {
      this.counters[TRUNCATED]++;
      arena.free(slot);
      return -1;
    }
    const handle = this.#slots.keep(arena, i, incoming.length(i) - this.#prefix);
    if (handle < 0) {
      this.counters[TRUNCATED]++;
      return -1;
    }
    if (this.#prefix !== 0) takeVnetHeader(arena.bytes, headerAt, arena, handle, arena.length[handle]);
    if (this.accept(arena, handle, i)) return handle;
    arena.free(handle);
    return -1;
  }

  #transmitBatch(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    const address = this.#addresses.of(arena);
    const outgoing = this.#outgoing;
    for (let i = 0; i < count; i++) {
      const handle = handles[at + i];
      const from = address + arena.start[handle] - this.#prefix;
      outgoing.setPart(i, from, arena.length[handle] + this.#prefix);
    }
    let sent = 0;
    let bytes = 0;
    for (let i = 0; i < count; ) {
      const done = this.libc.sendmmsg(this.fd, outgoing.from(i), count - i, MSG_DONTWAIT);
      if (done <= 0) {
        const lost = this.#noteSendError(count - i);
        i += lost;
        continue;
      }
      for (const end = i + done; i < end; i++) bytes += arena.length[handles[at + i]];
      sent += done;
    }
    if (sent > 0) this.state = PORT_UP;
    this.counters[SENT_BYTES] += bytes;
    return sent;
  }

  #noteReceiveError(): void {
    const errno = this.libc.errno();
    if (errno === EBADF || errno === ECONNRESET) this.state = PORT_GONE;
    else if (errno === ENETDOWN) this.state = PORT_DOWN;
    // A frame whose offload the header cannot tell: it is lost.
    else if (errno === EINVAL) this.counters[KERNEL_DROPS]++;
    if (errno !== EAGAIN && errno !== EINTR && this.state !== PORT_GONE) this.refresh();
  }

  /** Counts what cannot be sent of `rest` frames: all of them, or the first where it is to blame. Answers how many. */
  #noteSendError(rest: number): number {
    const errno = this.libc.errno();
    const { counters } = this;
    switch (errno) {
      case EINTR:
        return 0;
      case EAGAIN:
      case ENOBUFS:
      case ENOMEM:
        counters[QUEUE_FULL] += rest;
        return rest;
      case ENETDOWN:
      case ENXIO:
      case ENODEV:
      case EBADF:
      case EPIPE:
      case ECONNRESET:
        counters[LINK_DOWN] += rest;
        this.state = errno === ENETDOWN ? PORT_DOWN : PORT_GONE;
        return rest;
      case EMSGSIZE:
        counters[OVERSIZE]++;
        return 1;
      default:
        counters[SEND_ERRORS]++;
        return 1;
    }
  }
}
