/**
 * Frames that are under way besides the one in hand: copies that programs made, and frames that wait at a device's
 * receive path until the present one is finished. A walk without copies uses none of this.
 *
 * Waiting frames are taken as the kernel's softirq takes them (net_rx_action): source by source in the order in which
 * the sources got their first frame. All devices share the CPU's backlog as their source, but a veth with native XDP
 * is one of its own.
 */
import type { Device } from './device.js';
import type { FrameArena } from './frame-arena.js';
import type { Namespace } from './namespace.js';
import { PacketContext, type PacketHost } from './packet.js';

/**
 * What a flight is: a copy of another frame; one whose own walk was over while it waited; one that a stack made.
 */
const COPY = 0;
export const LATE = 1;
export const OWN = 2;

/** A frame that is not in hand, and where it goes on. */
export class Flight {
  readonly packet: PacketContext;
  /** Its slot; -1 for the frame that the walk began with, whose slot is the caller's. */
  handle = -1;
  device: Device | null = null;
  step = 0;
  /** The namespace whose stack sends it, for the step SEND. */
  sender: Namespace | null = null;
  /** The neighbour on `device` that it goes to, for the step SEND_TO_NEIGHBOUR. */
  nextHop: Uint8Array | null = null;
  /** Row of the device that it came by, or -1, and how it goes on, for the step RESUME. */
  fromIndex = -1;
  how = 0;
  /** COPY, LATE or OWN. */
  origin = COPY;

  constructor(packet: PacketContext) {
    this.packet = packet;
  }
}

/** Where frames wait: the backlog (null) or the ring of one veth. */
export interface Source {
  readonly device: Device | null;
  readonly waiting: Flight[];
}

export class Flights {
  /** Copies that have not ended. */
  alive = 0;
  readonly #arena: FrameArena;
  /** Of the copies' packets. */
  host: PacketHost | null = null;
  readonly #free: Flight[] = [];
  readonly #sources: Source[] = [];
  /** What stacks have sent meanwhile, see StackOutput; it goes before all that waits in a receive queue. */
  readonly outgoing: Flight[] = [];

  constructor(arena: FrameArena) {
    this.#arena = arena;
  }

  get areWaiting(): boolean {
    return this.#sources.length + this.outgoing.length > 0;
  }

  /** A copy of a packet in a slot of its own, or null when no slot is free. */
  copy(packet: PacketContext): Flight | null {
    const flight = this.#take(packet.length);
    if (flight === null) return null;
    const { handle } = flight;
    flight.packet.copyFrom(
      packet,
      this.#arena.start[handle],
      this.#arena.base(handle),
      this.#arena.limit(handle),
    );
    const from = this.#arena.handleAt(packet.headLimit);
    if (this.#arena.owes[from] !== 0) this.#arena.copyOwed(from, handle, flight.packet.start - packet.start);
    return flight;
  }

  /** An empty frame of `length` bytes, or null when no slot is free. */
  make(length: number): Flight | null {
    const flight = this.#take(length);
    if (flight === null) return null;
    const { handle, packet } = flight;
    const start = this.#arena.start[handle];
    packet.reset(start, start + length, this.#arena.base(handle), this.#arena.limit(handle));
    return flight;
  }

  /** A copy has ended. */
  release(flight: Flight): void {
    this.alive--;
    this.#arena.free(flight.handle);
    this.#free.push(flight);
  }

  /** Lets a frame wait at a device, whose own source it is for with `ownSource`. */
  wait(flight: Flight, device: Device, step: number, ownSource: boolean): void {
    flight.device = device;
    flight.step = step;
    const place = ownSource ? device : null;
    const source = this.#sources.find((one) => one.device === place);
    if (source !== undefined) source.waiting.push(flight);
    else this.#sources.push({ device: place, waiting: [flight] });
  }

  /** The source that is next; it stays the first until `finish`, so that what comes to it meanwhile goes with it. */
  next(): Source | null {
    return this.#sources[0] ?? null;
  }

  /** Puts a source that got new frames meanwhile at the end. */
  finish(source: Source): void {
    this.#sources.splice(this.#sources.indexOf(source), 1);
    if (source.waiting.length > 0) this.#sources.push(source);
  }

  #take(length: number): Flight | null {
    const handle = this.#arena.allocate(length);
    if (handle < 0) return null;
    const flight = this.#free.pop() ?? this.#newFlight();
    flight.handle = handle;
    flight.origin = COPY;
    this.alive++;
    return flight;
  }

  #newFlight(): Flight {
    const packet = new PacketContext(this.#arena.bytes);
    packet.host = this.host;
    return new Flight(packet);
  }
}
