import { type Flight, type Flights, LATE } from './flights.js';
import type { FrameArena, OwedFrame } from './frame-arena.js';
import { PacketContext } from './packet.js';

/** A packet that is kept outside of the arena, with all that is known of it, until it walks on. */
export class HeldPacket {
  readonly #context: PacketContext;
  readonly #arena: FrameArena;
  readonly #owed: OwedFrame | null;
  /** Where the packet began in the arena. */
  readonly #start: number;
  /** The walk that it began, while that is in hand; -1 for a copy. */
  readonly walkNumber: number;
  /** Row of the device that it came by, or -1, and how it goes on (BY_). */
  readonly fromIndex: number;
  readonly how: number;

  constructor(arena: FrameArena, packet: PacketContext, walkNumber: number, fromIndex: number, how: number) {
    this.#arena = arena;
    this.#owed = arena.owed(arena.handleAt(packet.headLimit));
    this.#start = packet.start;
    this.#context = new PacketContext(packet.bytes.slice(packet.start - packet.metaLength, packet.end));
    this.#context.takeFields(packet, packet.metaLength);
    this.walkNumber = walkNumber;
    this.fromIndex = fromIndex;
    this.how = how;
  }

  /** The packet in a slot again; null when none is free. */
  restore(flights: Flights): Flight | null {
    const flight = flights.make(this.#context.length);
    if (flight === null) return null;
    const { packet } = flight;
    const { bytes, metaLength } = this.#context;
    packet.takeFields(this.#context, packet.start);
    packet.bytes.set(bytes, packet.start - metaLength);
    if (this.#owed !== null) this.#arena.putOwed(flight.handle, this.#owed, packet.start - this.#start);
    if (this.walkNumber >= 0) flight.origin = LATE;
    return flight;
  }
}
