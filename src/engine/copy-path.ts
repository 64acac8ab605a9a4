/**
 * What makes more than one frame of one: copies that programs, mirred, netfilter and bridges send, packet sockets that
 * want the frame as it was, what stacks send. And the order in which all of them walk.
 */
import { type Device, PACKET_HOST } from './device.js';
import * as fate from './fate.js';
import type { Flight, Source } from './flights.js';
import { EINVAL, ENETDOWN, ENOMEM } from './hooks/errno.js';
import { NF_ACCEPT, NF_STOLEN, TC_ACT_PIPE, TC_ACT_REDIRECT, TC_ACT_SHOT } from './hooks/verdict.js';
import { BY_BRIDGE, BY_MIRRED, BY_NETFILTER, BY_REDIRECT, BY_REDIRECT_INGRESS } from './observer.js';
import { BPF_F_INGRESS, type PacketContext, type PacketHost, REDIRECT_NONE } from './packet.js';
import type { Segment } from './segment.js';
import { DONE, forwardUp, RISE, SEND, STACK, TRANSMIT, type WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';

/** Transmits inside of one another that the kernel lets through (XMIT_RECURSION_LIMIT). */
export const NESTING_LIMIT = 8;
/** Mirred actions inside of one another (MIRRED_NEST_LIMIT). */
const MIRRED_LIMIT = 4;
/** Frames that one walk may make wait; the kernel would go round for ever. */
const WAITING_LIMIT = 1024;
/** Frames that a poll hands to GRO before they go up together (gro_normal_batch). */
const GRO_BATCH = 8;
const NET_XMIT_DROP = 1;

export class CopyPath implements PacketHost {
  readonly #walk: WalkState;
  /** Where mirred or netfilter's fwd want the frame in hand to go, for the step that asked. */
  #target: Device | null = null;
  toIngress = false;
  #mirredDepth = 0;
  /** How the frame that the walk began with has ended. */
  #end: { fate: number; reason: number; device: Device };
  #runs = 0;

  constructor(walk: WalkState) {
    this.#walk = walk;
    this.#end = { fate: walk.fate, reason: walk.reason, device: walk.device };
  }

  takeTarget(): Device | null {
    const target = this.#target;
    this.#target = null;
    return target;
  }

  cloneRedirect(packet: PacketContext, ifindex: number, flags: number): number {
    const walk = this.#walk;
    const target = walk.device.namespace.device(ifindex);
    if ((flags & ~BPF_F_INGRESS) !== 0 || target === null) return -EINVAL;
    const copy = this.#copy(packet);
    if (copy === null) return -ENOMEM;
    // The kernel gives the original bytes of its own at once, so that the program may go on writing.
    packet.unshare();
    if ((flags & BPF_F_INGRESS) !== 0) return this.#sendUp(copy, target);
    return this.transmitCopy(copy, target, BY_REDIRECT, true);
  }

  mirred(
    packet: PacketContext,
    target: Device,
    atIngress: boolean,
    toIngress: boolean,
    mirror: boolean,
  ): number {
    const walk = this.#walk;
    if (!target.up || this.#mirredDepth >= MIRRED_LIMIT) return TC_ACT_SHOT;
    if (!mirror) {
      packet.redirectKind = REDIRECT_NONE;
      this.#target = target;
      this.toIngress = toIngress;
      return TC_ACT_REDIRECT;
    }
    const copy = this.#copy(packet);
    if (copy === null) return TC_ACT_SHOT;
    packet.cloned = 1;
    copy.packet.cloned = 1;
    copy.packet.ingressIfindex = walk.device.ifindex;
    this.#mirredDepth++;
    if (!toIngress) this.transmitCopy(copy, target, BY_MIRRED, true);
    else if (atIngress) this.#runInside(copy, () => walk.goTo(target, BY_MIRRED, RISE));
    else this.#letWait(copy, target, BY_MIRRED);
    this.#mirredDepth--;
    return TC_ACT_PIPE;
  }

  forward(packet: PacketContext, ifindex: number, duplicate: boolean): number {
    const walk = this.#walk;
    const target = walk.device.namespace.device(ifindex);
    if (!duplicate) {
      this.#target = target;
      return NF_STOLEN;
    }
    const copy = target === null ? null : this.#copy(packet);
    if (copy === null || target === null) return NF_ACCEPT;
    packet.cloned = 1;
    copy.packet.cloned = 1;
    this.transmitCopy(copy, target, BY_NETFILTER, false);
    return NF_ACCEPT;
  }

  /** A copy goes down through a device's egress hooks, now. 0, or an error number or code of the transmit. */
  transmitCopy(copy: Flight, target: Device, how: number, byRedirect: boolean): number {
    const walk = this.#walk;
    if (byRedirect) {
      if (walk.depth > NESTING_LIMIT) {
        this.discard(copy, walk.device, fate.LOOP);
        return -ENETDOWN;
      }
      copy.packet.redirected = 1;
      copy.packet.skipNetfilterEgress = 1;
    }
    const dropped = this.#runInside(copy, () => walk.goTo(target, how, TRANSMIT), byRedirect ? 1 : 0);
    return dropped ? NET_XMIT_DROP : 0;
  }

  /** Runs the stack with the frame in hand by `stack`, then shows it, as it was before, to the device's sockets. */
  showSockets(protocol: number, stack: () => number): number {
    const walk = this.#walk;
    const { device } = walk;
    const snapshot = this.#copy(walk.packet);
    const step = walk.run(stack());
    if (snapshot === null) return step;
    for (const socket of device.sockets) {
      if (socket.protocol === protocol) socket.receive(snapshot.packet, device);
    }
    walk.flights.release(snapshot);
    return step;
  }

  /** The frame in hand came in at a port of a bridge (`source`), or goes out of the bridge's own device (null). */
  bridge(source: Device | null): number {
    const walk = this.#walk;
    const { packet, device } = walk;
    const bridge = device.bridge!;
    const { bytes, start } = packet;
    if (source !== null) bridge.learn(source, bytes, start);
    const to = bridge.destination(bytes, start);
    if (to !== null) {
      if (to === source || (source === null && to === bridge.device)) return walk.drop(fate.NO_BRIDGE_PORT);
      if (to === bridge.device && device.hasMac(bytes, ethernet.destinationAt(start)))
        packet.packetType = PACKET_HOST;
      return walk.goTo(to, BY_BRIDGE, to === bridge.device ? RISE : TRANSMIT);
    }
    const ports = bridge.floodPorts(source);
    const alsoUp = source !== null && ethernet.isGroup(bytes, ethernet.destinationAt(start));
    const last = alsoUp ? bridge.device : ports.pop();
    for (const port of ports) {
      const copy = this.#copy(packet);
      if (copy !== null) this.transmitCopy(copy, port, BY_BRIDGE, false);
    }
    if (last === undefined) return walk.drop(fate.NO_BRIDGE_PORT);
    return walk.goTo(last, BY_BRIDGE, alsoUp ? RISE : TRANSMIT);
  }

  /** A frame that a stack made goes out of a device, now. */
  transmitOwn(flight: Flight, device: Device): void {
    this.#walk.observer?.started(flight.packet, device.index, device.namespace.index);
    this.#runInside(flight, () => {
      this.#walk.device = device;
      return TRANSMIT;
    });
  }

  /** Drops a frame that is not in hand, at a device. */
  discard(copy: Flight, device: Device, reason: number): void {
    this.#runInside(copy, () => {
      this.#walk.device = device;
      return this.#walk.drop(reason);
    });
  }

  /** Walks all that waits, then puts the walk back to where the frame that it began with ended. */
  finish(): void {
    const walk = this.#walk;
    const { flights, original } = walk;
    this.#end = { fate: walk.fate, reason: walk.reason, device: walk.device };
    this.#runs = 0;
    this.#walkOutgoing();
    for (let source = flights.next(); source !== null; source = flights.next()) {
      if (walk.inProcess) {
        walk.inProcess = false;
        walk.packet.redirectKind = REDIRECT_NONE;
      }
      if (source.device === null) this.#walkBacklog(source);
      else this.#pollRing(source);
      flights.finish(source);
    }
    walk.flight = original;
    walk.packet = original.packet;
    walk.fate = this.#end.fate;
    walk.reason = this.#end.reason;
    walk.device = this.#end.device;
  }

  /** What stacks have sent, until nothing is left; what it meets on its way waits. */
  #walkOutgoing(): void {
    const walk = this.#walk;
    const { outgoing } = walk.flights;
    for (let flight = outgoing.shift(); flight !== undefined; flight = outgoing.shift()) {
      this.#take(flight);
      this.#runOn(flight.step >= SEND ? walk.begin(flight) : flight.step);
    }
  }

  /** One after the other, also those that come meanwhile (process_backlog). */
  #walkBacklog(source: Source): void {
    for (let flight = source.waiting.shift(); flight !== undefined; flight = source.waiting.shift()) {
      this.#goOn(flight);
    }
  }

  /**
   * XDP sees all frames that wait before the first goes up (veth_poll); what XDP redirects goes before those, what it
   * sends back after them.
   */
  #pollRing(source: Source): void {
    const walk = this.#walk;
    const up: Flight[] = [];
    const redirected: Flight[] = [];
    const back: Flight[] = [];
    for (const flight of source.waiting.splice(0)) {
      this.#take(flight);
      const step = walk.receiveFromDriver();
      flight.step = step;
      flight.device = walk.device;
      if (step === DONE) this.#noteEnd(step);
      else if (step !== RISE) (walk.device === source.device ? back : redirected).push(flight);
      else if (up.push(flight) === GRO_BATCH) this.#goUp(up.splice(0));
    }
    for (const flight of redirected) this.#goOn(flight);
    this.#goUp(up);
    for (const flight of back) this.#goOn(flight);
  }

  #goOn(flight: Flight): void {
    this.#take(flight);
    this.#runOn(flight.step);
    if (this.#walk.flights.outgoing.length > 0) this.#walkOutgoing();
  }

  /** Lets the frame in hand walk, unless there have been too many. */
  #runOn(step: number): void {
    const isLost = step < DONE && this.#runs++ > WAITING_LIMIT;
    this.#noteEnd(isLost ? this.#walk.drop(fate.LOOP) : this.#walk.run(step));
  }

  /** Together up to the stack, and then into it (netif_receive_skb_list). */
  #goUp(flights: readonly Flight[]): void {
    const walk = this.#walk;
    const arrived: Flight[] = [];
    for (const flight of flights) {
      this.#take(flight);
      flight.step = walk.runToStack();
      flight.device = walk.device;
      if (flight.step === STACK) arrived.push(flight);
      else this.#noteEnd(flight.step);
    }
    for (const flight of arrived) this.#goOn(flight);
  }

  /** Takes a frame in hand that has waited. */
  #take(flight: Flight): void {
    const walk = this.#walk;
    if (flight.packet !== walk.packet) flight.packet.takeRedirect(walk.packet);
    walk.flight = flight;
    walk.packet = flight.packet;
    walk.device = flight.device!;
    walk.reason = 0;
    walk.depth = 0;
  }

  #noteEnd(step: number): void {
    const walk = this.#walk;
    if (step !== DONE) return;
    if (walk.flight === walk.original) {
      this.#end = { fate: walk.fate, reason: walk.reason, device: walk.device };
    } else this.#release(walk.flight);
  }

  #copy(packet: PacketContext): Flight | null {
    const copy = this.#walk.flights.copy(packet);
    if (copy !== null) this.#noteCopy(packet, copy);
    return copy;
  }

  #noteCopy(packet: PacketContext, copy: Flight): void {
    const walk = this.#walk;
    walk.counters.copies++;
    walk.observer?.copied?.(packet, copy.packet, walk.device.index);
  }

  #sendUp(copy: Flight, target: Device): number {
    if (!target.up) {
      this.discard(copy, this.#walk.device, fate.DEVICE_DOWN);
      return NET_XMIT_DROP;
    }
    forwardUp(copy.packet, target);
    this.#letWait(copy, target, BY_REDIRECT_INGRESS);
    return 0;
  }

  #letWait(copy: Flight, target: Device, how: number): void {
    const walk = this.#walk;
    walk.observer?.forwarded(copy.packet, walk.device.index, target.index, how);
    walk.flights.wait(copy, target, RISE, false);
  }

  /** The frame in hand is for all on its device's link: copies of it cross to the others. */
  flood(segment: Segment): void {
    const walk = this.#walk;
    const { device, packet } = walk;
    for (const other of segment.devices) {
      const copy = other === device ? null : this.#copy(packet);
      if (copy !== null) this.#runInside(copy, () => walk.cross(other));
    }
  }

  /**
   * Walks a copy in the middle of another frame's walk, from the step that `begin` answers on; answers whether it was
   * dropped before it had to wait.
   */
  #runInside(copy: Flight, begin: () => number, nesting = 0): boolean {
    const walk = this.#walk;
    const { packet, device, flight, depth, fate: fateBefore, reason: reasonBefore } = walk;
    const targetBefore = this.#target;
    copy.packet.takeRedirect(packet);
    walk.packet = copy.packet;
    walk.flight = copy;
    walk.depth = depth + nesting;
    walk.reason = 0;
    const result = walk.run(begin());
    packet.takeRedirect(copy.packet);
    const dropped = result === DONE && walk.fate === fate.DROPPED;
    if (result === DONE) this.#release(copy);
    walk.packet = packet;
    walk.device = device;
    walk.flight = flight;
    walk.depth = depth;
    walk.fate = fateBefore;
    walk.reason = reasonBefore;
    this.#target = targetBefore;
    return dropped;
  }

  #release(copy: Flight): void {
    const walk = this.#walk;
    if (walk.fate !== fate.UNDER_WAY) {
      walk.copyEnded?.(copy.packet, walk.fate, walk.device, walk.reason, copy.origin);
    }
    walk.flights.release(copy);
  }
}
