/** Frames that the stacks of namespaces make, and packets that wait for neighbours: how they come into the walk. */
import type { CopyPath } from './copy-path.js';
import type { Device } from './device.js';
import * as fate from './fate.js';
import { type Flight, OWN } from './flights.js';
import type { Namespace } from './namespace.js';
import { NeighbourPath } from './neighbour-path.js';
import type { PacketContext } from './packet.js';
import { fragmentFrame } from './stack/fragment.js';
import type { StackOutput } from './stack/local-delivery.js';
import { RESUME, SEND, SEND_AS_IT_IS, SEND_TO_NEIGHBOUR, TRANSMIT, type WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';
import * as ipv4 from './wire/ipv4.js';

export class StackSender implements StackOutput {
  readonly neighbours: NeighbourPath;
  readonly #walk: WalkState;
  readonly #copies: CopyPath;
  /** Of IPv6 packets that were fragmented. */
  #identification = 0;

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
    flight.packet.mark = mark === 0 ? namespace.ownMark : mark;
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

  abandonWaiting(namespace: Namespace): void {
    this.neighbours.abandon(namespace);
  }

  walkWaiting(): void {
    if (this.#walk.flights.areWaiting) this.#copies.finish();
  }

  /** The first step of the flight in hand, which a stack has made or which has waited; answers the one that comes next. */
  begin(flight: Flight): number {
    const walk = this.#walk;
    const { packet, device } = walk;
    if (flight.step === RESUME) {
      if (isFragmentable(packet, device))
        return this.fragment(device, device.mtu, flight.fromIndex, flight.how);
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

  /**
   * The frame in hand, whose headers are ready, goes out of a device in fragments: it is the first, the others walk after
   * it. Answers the next step.
   */
  fragment(device: Device, mtu: number, fromIndex: number, how: number): number {
    const walk = this.#walk;
    const { packet, flights, counters } = walk;
    const frames = fragmentFrame(packet.bytes.slice(packet.start, packet.end), mtu, ++this.#identification);
    const others = frames.slice(1).map((frame) => flights.make(frame.length));
    if (others.includes(null)) {
      for (const other of others) if (other !== null) flights.release(other);
      return walk.drop(fate.NO_FREE_SLOT);
    }
    others.forEach((other, i) => {
      const part = other!.packet;
      part.takeFields(packet, part.start);
      part.end = part.start + frames[i + 1].length;
      part.metaLength = 0;
      part.bytes.set(frames[i + 1], part.start);
      other!.device = device;
      other!.step = RESUME;
      other!.fromIndex = fromIndex;
      other!.how = how;
      counters.copies++;
      walk.observer?.copied?.(packet, part, walk.device.index);
      flights.outgoing.push(other!);
    });
    packet.end = packet.start + frames[0].length;
    packet.bytes.set(frames[0], packet.start);
    walk.observer?.forwarded(packet, fromIndex, device.index, how);
    walk.device = device;
    return TRANSMIT;
  }

  #later(flight: Flight, device: Device, step: number): void {
    const { packet } = flight;
    flight.origin = OWN;
    flight.device = device;
    flight.step = step;
    packet.protocol = ethernet.type(packet.bytes, packet.start);
    this.#walk.counters.originated++;
    this.#walk.flights.outgoing.push(flight);
  }
}

/** Whether a packet that has waited is one to be fragmented: who may not be did not get so far. */
function isFragmentable({ bytes, start, end, merged, protocol }: PacketContext, device: Device): boolean {
  const ipAt = start + ethernet.HEADER_LENGTH;
  if (merged !== 0 || end - ipAt <= device.mtu || protocol !== ethernet.TYPE_IPV4) return false;
  return (ipv4.fragmentField(bytes, ipAt) & ipv4.DONT_FRAGMENT) === 0;
}
