/** The frame in hand and what every step of a walk may do with it. */
import { type Device, HAS_NATIVE_XDP } from './device.js';
import * as fate from './fate.js';
import { Flight, Flights } from './flights.js';
import type { FrameArena } from './frame-arena.js';
import type { Namespace } from './namespace.js';
import type { Network } from './network.js';
import type { WalkObserver } from './observer.js';
import { PacketContext, type PacketHost, REDIRECT_NONE } from './packet.js';
import { WalkCounters } from './walk-counters.js';
import * as ethernet from './wire/ethernet.js';

/** The steps of a walk, see walker.ts. LEAVE_BARE passes packet sockets by, as XDP does. */
export const RECEIVE = 0;
export const RISE = 1;
export const STACK = 2;
export const TRANSMIT = 3;
export const LEAVE = 4;
export const LEAVE_BARE = 5;
/** The frame has met its fate, or waits its turn. */
export const DONE = 6;
const WAITING = 7;
/** How a frame that a stack has made begins: routed by a namespace, or out of a device. */
export const SEND = 8;
export const SEND_AS_IT_IS = 9;
/** A packet goes on that has waited for its neighbour. */
export const RESUME = 10;
export const SEND_TO_NEIGHBOUR = 11;
/** The step that comes anyway. */
export const GO_ON = -1;

/**
 * Is told how each frame ended that is not the one that a walk began with; it is `bytes[start .. start + length)` for
 * that moment. `origin` says what it is: COPY, LATE (its walk was over, UNDER_WAY) or OWN.
 */
export type CopyListener = (
  packet: PacketContext,
  fateOfCopy: number,
  device: Device,
  reason: number,
  origin: number,
) => void;

/** Makes a packet one that `target` is about to receive, sent there by a program (dev_forward_skb). */
export function forwardUp(packet: PacketContext, target: Device): void {
  packet.priority = 0;
  packet.packetType = target.packetType(packet.bytes, packet.start);
  packet.protocol = ethernet.protocol(packet.bytes, packet.start, packet.end);
}

export abstract class WalkState {
  readonly network: Network;
  readonly arena: FrameArena;
  readonly counters: WalkCounters;
  observer: WalkObserver | null = null;
  copyEnded: CopyListener | null = null;

  /** The frame in hand; between walks that of the last one. */
  packet: PacketContext;
  /** Outcome of the last walk: its fate, the drop reason (else 0), and the device where it ended. */
  fate = fate.DROPPED;
  reason = 0;
  device: Device;

  readonly flights: Flights;
  /** The frame in hand as it may wait or be a copy; `original` is the one that the walk began with. */
  flight: Flight;
  readonly original: Flight;
  /** Counts the walks. */
  number = 0;
  /** Transmits that run inside of one another, through redirects to egress. */
  depth = 0;
  /** Whether a process sends the frame, rather than a driver's interrupt: redirect state ends with it. */
  inProcess = false;

  constructor(network: Network, arena: FrameArena) {
    this.network = network;
    this.arena = arena;
    this.counters = new WalkCounters(network);
    this.device = network.devices[0];
    this.packet = new PacketContext(arena.bytes);
    this.flights = new Flights(arena);
    this.original = new Flight(this.packet);
    this.flight = this.original;
  }

  /** Who does what helpers ask for, of this frame and of its copies. */
  protected setHost(host: PacketHost): void {
    this.packet.host = host;
    this.flights.host = host;
  }

  /** Takes the frame in hand from one step to the next; answers DONE or WAITING. */
  abstract run(firstStep: number): number;

  /** The step RECEIVE alone; answers the one that comes next. */
  abstract receiveFromDriver(): number;

  /** From RISE on; answers STACK when the frame has come there, else DONE or WAITING. */
  abstract runToStack(): number;

  /** The first step of the flight in hand, which a stack has made; answers the one that comes next. */
  abstract begin(flight: Flight): number;

  /** The frame in hand is an IP packet that a namespace's stack sends, by route or to a neighbour. The next step. */
  abstract sendBy(namespace: Namespace): number;
  abstract sendTo(device: Device, nextHop: Uint8Array): number;

  /** The frame in hand goes over its device's link to another machine. The next step. */
  abstract cross(receiver: Device): number;

  /** On to a device at once. */
  goTo(to: Device, how: number, step: number): number {
    if (this.observer !== null) this.observer.forwarded(this.packet, this.device.index, to.index, how);
    this.device = to;
    return step;
  }

  /** Onto a device's receive path: at once, or when other frames are under way, after them. */
  arrive(to: Device, how: number, step: number): number {
    if (this.observer !== null) this.observer.forwarded(this.packet, this.device.index, to.index, how);
    this.device = to;
    this.depth = 0;
    return this.flights.alive !== 0 || this.inProcess ? this.#arriveAmongOthers(step) : step;
  }

  #arriveAmongOthers(step: number): number {
    const { device } = this;
    if (this.flights.alive !== 0) {
      this.flights.wait(
        this.flight,
        device,
        step,
        step === RECEIVE && (device.features & HAS_NATIVE_XDP) !== 0,
      );
      return WAITING;
    }
    this.inProcess = false;
    this.packet.redirectKind = REDIRECT_NONE;
    return step;
  }

  drop(reason: number): number {
    this.reason = reason;
    this.counters.dropped[reason]++;
    return this.end(fate.DROPPED);
  }

  end(kind: number): number {
    this.fate = kind;
    this.counters.fates[kind]++;
    if (kind === fate.TRANSMITTED) this.counters.left[this.device.index]++;
    if (this.observer !== null) this.observer.ended(this.packet, kind, this.device.index, this.reason);
    return DONE;
  }

  /** The frame in hand waits; who keeps it lets it walk on. */
  pause(): number {
    this.fate = fate.UNDER_WAY;
    return DONE;
  }

  countReceived(device: Device): void {
    this.counters.receivedPackets[device.index]++;
    this.counters.receivedBytes[device.index] += this.packet.length;
  }

  countTransmitted(device: Device): void {
    this.counters.transmittedPackets[device.index]++;
    this.counters.transmittedBytes[device.index] += this.packet.length;
  }
}
