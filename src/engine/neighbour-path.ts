/**
 * Packets whose next hop has no link address yet: they wait, and it is asked for. A packet may wait beyond the walk
 * that it began, so it is kept outside of the arena; when it goes on within that walk, it does so in its own slot.
 */
import type { CopyPath } from './copy-path.js';
import type { Device } from './device.js';
import * as fate from './fate.js';
import { OWN } from './flights.js';
import { HeldPacket } from './held-packet.js';
import type { Namespace } from './namespace.js';
import { BY_REDIRECT_NEIGHBOUR } from './observer.js';
import { isOwnAddress } from './stack/addresses.js';
import { questionLength, writeQuestion } from './stack/neighbour-message.js';
import type { Pending } from './stack/resolver.js';
import { RESUME, type WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';
import * as ipv4 from './wire/ipv4.js';
import * as ipv6 from './wire/ipv6.js';

/** Packets that wait for one neighbour at most; then the oldest goes (unres_qlen). */
const QUEUE_LIMIT = 101;

export class NeighbourPath {
  readonly #walk: WalkState;
  readonly #copies: CopyPath;

  constructor(walk: WalkState, copies: CopyPath) {
    this.#walk = walk;
    this.#copies = copies;
  }

  /**
   * The frame in hand is for a next hop at `address[at]`, behind `device`, that has no link address. Where nobody asks
   * for those it is dropped. `fromIndex` and `how` are what an observer is told when it goes on.
   */
  hold(
    device: Device,
    address: Uint8Array,
    at: number,
    length: number,
    fromIndex: number,
    how: number,
  ): number {
    const walk = this.#walk;
    const { packet } = walk;
    const { resolver } = device.namespace;
    const pending = resolver === null ? null : resolver.want(device, address, at, length);
    if (resolver === null || pending === null) return walk.drop(fate.NO_NEIGHBOUR);
    const number = walk.flight === walk.original ? walk.number : -1;
    pending.queue.push(new HeldPacket(walk.arena, packet, number, fromIndex, how));
    if (resolver.asks(pending)) this.#ask(pending, this.#ownSource(device, length));
    if (pending.queue.length > QUEUE_LIMIT)
      this.#drop(pending.queue.shift()!, device, fate.NEIGHBOUR_QUEUE_FULL);
    return walk.pause();
  }

  /** Link addresses are known: what waited for them goes on, after the frame in hand. */
  release(pending: Pending, mac: Uint8Array, macAt: number): void {
    const { device, queue } = pending;
    for (const held of queue) this.#resume(held, device, mac, macAt);
  }

  /** To be called as the clock moves, between walks: asks again, and gives up. */
  poll(namespace: Namespace): void {
    const { resolver } = namespace;
    if (resolver === null) return;
    for (const pending of [...resolver.pending]) {
      if (resolver.asks(pending)) this.#ask(pending, null);
      else if (resolver.givesUp(pending)) this.#fail(pending);
    }
  }

  /** Drops all that waits: the run is over. */
  abandon(namespace: Namespace): void {
    for (const pending of namespace.resolver?.pending ?? []) {
      for (const held of pending.queue.splice(0)) this.#drop(held, pending.device, fate.NO_NEIGHBOUR);
    }
  }

  #resume(held: HeldPacket, device: Device, mac: Uint8Array, macAt: number): void {
    const walk = this.#walk;
    const flight = held.walkNumber === walk.number ? walk.original : held.restore(walk.flights);
    if (flight === null) {
      walk.counters.dropped[fate.NO_FREE_SLOT]++;
      walk.counters.fates[fate.DROPPED]++;
      return;
    }
    const { packet } = flight;
    ethernet.putDestination(packet.bytes, packet.start, mac, macAt);
    ethernet.putSource(packet.bytes, packet.start, device.mac, 0);
    if (held.how === BY_REDIRECT_NEIGHBOUR) {
      packet.redirected = 1;
      packet.skipNetfilterEgress = 1;
    }
    flight.device = device;
    flight.fromIndex = held.fromIndex;
    flight.how = held.how;
    flight.step = RESUME;
    walk.flights.outgoing.push(flight);
  }

  /** Whoever sent what waits is told (arp_error_report). */
  #fail(pending: Pending): void {
    const { device, queue } = pending;
    for (const held of queue.splice(0)) {
      const flight = held.restore(this.#walk.flights);
      if (flight === null) continue;
      device.namespace.errors?.refuse(flight.packet, fate.NO_NEIGHBOUR, 0);
      this.#copies.discard(flight, device, fate.NO_NEIGHBOUR);
    }
  }

  #drop(held: HeldPacket, device: Device, reason: number): void {
    const flight = held.restore(this.#walk.flights);
    if (flight !== null) this.#copies.discard(flight, device, reason);
  }

  #ask(pending: Pending, source: Uint8Array | null): void {
    const walk = this.#walk;
    const { device, address } = pending;
    const question = walk.flights.make(questionLength(address.length));
    if (question === null) return;
    const { bytes, start } = question.packet;
    question.origin = OWN;
    writeQuestion(bytes, start, device, address, source);
    question.packet.protocol = ethernet.type(bytes, start);
    walk.counters.originated++;
    this.#copies.transmitOwn(question, device);
  }

  /** The source of the packet in hand, where it is one of the namespace's own (arp_solicit, ndisc_solicit). */
  #ownSource(device: Device, length: number): Uint8Array | null {
    const { bytes, start, protocol } = this.#walk.packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    const isIpv4 = protocol === ethernet.TYPE_IPV4;
    if (isIpv4 !== (length === ipv4.ADDRESS_LENGTH)) return null;
    const at = isIpv4 ? ipv4.sourceAt(ipAt) : ipv6.sourceAt(ipAt);
    return isOwnAddress(device.namespace, device, bytes, at, length) ? bytes.slice(at, at + length) : null;
  }
}
