/** Frames that the stacks of namespaces make, and packets that wait for neighbours: how they come into the walk. */
import type { CopyPath } from './copy-path.js';
import type { Device } from './device.js';
import * as fate from './fate.js';
import type { Flight } from './flights.js';
import type { Namespace } from './namespace.js';
import { NeighbourPath } from './neighbour-path.js';
import type { StackOutput } from './stack/local-delivery.js';
import { RESUME, SEND, SEND_AS_IT_IS, SEND_TO_NEIGHBOUR, TRANSMIT, type WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';

export class StackSender implements StackOutput {
  readonly neighbours: NeighbourPath;
  readonly #walk: WalkState;
  readonly #copies: CopyPath;

  constructor(walk: WalkState, copies: CopyPath) {
    this.#walk = walk;
    this.#copies = copies;
    this.neighbours = new NeighbourPath(walk, copies);
  }

  make(length: number): Flight | null {
    return this.#walk.flights.make(length);
  }

  sendLater(flight: Flight, namespace: Namespace, mark: number): void {
    flight.sender = namespace;
    flight.packet.mark = mark;
    this.#later(flight, namespace.devices[0], SEND);
  }

  transmitLater(flight: Flight, device: Device): void {
    this.#later(flight, device, SEND_AS_IT_IS);
  }

  sendToNeighbour(flight: Flight, device: Device, nextHop: Uint8Array): void {
    flight.sender = device.namespace;
    flight.nextHop = nextHop;
    this.#later(flight, device, SEND_TO_NEIGHBOUR);
  }

  neighbourFound(
    device: Device,
    bytes: Uint8Array,
    at: number,
    length: number,
    macs: Uint8Array,
    macAt: number,
  ): void {
    const pending = device.namespace.resolver?.found(device, bytes, at, length) ?? null;
    if (pending !== null) this.neighbours.release(pending, macs, macAt);
  }

  pollNeighbours(namespace: Namespace): void {
    this.neighbours.poll(namespace);
    this.walkWaiting();
  }

  walkWaiting(): void {
    if (this.#walk.flights.areWaiting) this.#copies.finish();
  }

  /** The first step of the flight in hand, which a stack has made or which has waited; answers the one that comes next. */
  begin(flight: Flight): number {
    const walk = this.#walk;
    const { packet, device } = walk;
    if (flight.step === RESUME) {
      walk.observer?.forwarded(packet, flight.fromIndex, device.index, flight.how);
      return TRANSMIT;
    }
    if (flight.step === SEND_AS_IT_IS) {
      walk.observer?.started(packet, device.index, device.namespace.index);
      return device.up ? TRANSMIT : walk.drop(fate.DEVICE_DOWN);
    }
    walk.observer?.started(packet, -1, flight.sender!.index);
    return flight.step === SEND ? walk.sendBy(flight.sender!) : walk.sendTo(device, flight.nextHop!);
  }

  #later(flight: Flight, device: Device, step: number): void {
    const { packet } = flight;
    flight.device = device;
    flight.step = step;
    packet.protocol = ethernet.type(packet.bytes, packet.start);
    this.#walk.counters.originated++;
    this.#walk.flights.outgoing.push(flight);
  }
}
