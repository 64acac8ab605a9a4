/**
 * Walks one frame at a time through devices, hooks and stacks until it meets its fate. The steps are those of the
 * kernel's receive and transmit paths:
 *
 *   receive: XDP, VLAN tag out of the frame, tc ingress, stack
 *   stack:   for us? IP header, route, TTL, neighbour
 *   transmit: tc egress, then over to the peer, or out of the network
 *
 * A program's redirect leads back to one of them. Each step answers which comes next.
 */
import { type Device, PACKET_HOST, PACKET_OTHER_HOST } from './device.js';
import * as fate from './fate.js';
import type { FrameArena } from './frame-arena.js';
import { HOOK_XDP } from './hooks/chain.js';
import {
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  XDP_PASS,
  XDP_REDIRECT,
  XDP_TX,
} from './hooks/verdict.js';
import type { Namespace } from './namespace.js';
import type { Network } from './network.js';
import {
  BY_DECAPSULATION,
  BY_ENCAPSULATION,
  BY_LINK,
  BY_PEER,
  BY_REDIRECT,
  BY_REDIRECT_INGRESS,
  BY_REDIRECT_NEIGHBOUR,
  BY_REDIRECT_PEER,
  BY_ROUTE,
  BY_XDP,
  type WalkObserver,
} from './observer.js';
import { BPF_F_INGRESS, PacketContext, REDIRECT_NEIGHBOUR, REDIRECT_NONE, REDIRECT_PEER } from './packet.js';
import { StackPath, TO_LOCAL } from './stack/stack-path.js';
import { tunnelOf, tunnelUdpAt } from './stack/tunnel.js';
import { insertVlanTag, takeVlanTag } from './stack/vlan-tag.js';
import { WalkCounters } from './walk-counters.js';
import * as ethernet from './wire/ethernet.js';

/** Steps that a walk may take; the kernel bounds nested transmits at 8 and frames on their way by their TTL. */
const STEP_LIMIT = 64;

const RECEIVE = 0;
const INGRESS = 1;
const STACK = 2;
const TRANSMIT = 3;
const LEAVE = 4;
const DONE = 5;

export class Walker {
  readonly network: Network;
  readonly arena: FrameArena;
  readonly packet: PacketContext;
  readonly counters: WalkCounters;
  observer: WalkObserver | null = null;

  /** Outcome of the last walk: its fate, the drop reason (else 0), and the device where it ended. */
  fate = fate.DROPPED;
  reason = 0;
  device: Device;

  readonly #stack: StackPath;

  constructor(network: Network, arena: FrameArena) {
    this.network = network;
    this.arena = arena;
    this.packet = new PacketContext(arena.bytes);
    this.counters = new WalkCounters(network);
    this.#stack = new StackPath(this.packet);
    this.device = network.devices[0];
  }

  /** Walks the frame in a slot that arrives at a device: from outside, or from the pod at the device's other end. */
  receive(handle: number, device: Device): number {
    this.#load(handle, device);
    if (this.observer !== null) this.observer.started(this.packet, device.index, device.namespace.index);
    return this.#walk(handle, RECEIVE);
  }

  /** Walks a frame that somebody on the node puts on a device as it is (a packet socket): egress hooks, then out. */
  transmit(handle: number, device: Device): number {
    this.#load(handle, device);
    this.packet.protocol = ethernet.type(this.packet.bytes, this.packet.start);
    if (this.observer !== null) this.observer.started(this.packet, device.index, device.namespace.index);
    return this.#walk(handle, TRANSMIT);
  }

  /**
   * Walks an IP packet that a namespace's own stack sends, with `mark` on it. The slot holds it behind an Ethernet
   * header whose type is right; the link addresses are written here, by route and neighbour.
   */
  send(handle: number, namespace: Namespace, mark: number): number {
    this.#load(handle, namespace.devices[0]);
    const { packet } = this;
    packet.mark = mark;
    // A stack segments what it sends itself, at the latest at the device.
    packet.merged = 1;
    if (this.observer !== null) this.observer.started(packet, -1, namespace.index);
    packet.protocol = ethernet.type(packet.bytes, packet.start);
    const step = this.#takeStackResult(this.#stack.send(namespace), namespace, -1);
    return this.#walk(handle, step);
  }

  /** Counts a frame that cannot be walked as dropped at `device`. */
  refuse(device: Device, reason: number): number {
    this.packet.reset(0, 0, 0, 0);
    this.device = device;
    this.counters.walked++;
    if (this.observer !== null) this.observer.started(this.packet, device.index, device.namespace.index);
    this.#drop(reason);
    return this.fate;
  }

  #load(handle: number, device: Device): void {
    const { packet, arena } = this;
    const start = arena.start[handle];
    packet.reset(start, start + arena.length[handle], arena.base(handle), arena.limit(handle));
    packet.merged = arena.length[handle] > device.mtu + ethernet.HEADER_LENGTH + 4 ? 1 : 0;
    this.device = device;
    this.reason = 0;
    this.counters.walked++;
  }

  #walk(handle: number, firstStep: number): number {
    let step = firstStep;
    if (step !== DONE && this.packet.length < ethernet.HEADER_LENGTH) step = this.#drop(fate.FRAME_TOO_SHORT);
    for (let taken = 0; step !== DONE; taken++) {
      if (taken === STEP_LIMIT) step = this.#drop(fate.LOOP);
      else if (step === RECEIVE) step = this.#receive();
      else if (step === INGRESS) step = this.#ingress();
      else if (step === STACK) step = this.#enterStack();
      else if (step === TRANSMIT) step = this.#transmit();
      else step = this.#leave();
    }
    this.arena.start[handle] = this.packet.start;
    this.arena.length[handle] = this.packet.length;
    return this.fate;
  }

  #receive(): number {
    const { packet, device } = this;
    if (!device.up) return this.#drop(fate.DEVICE_DOWN);
    packet.packetType = device.packetType(packet.bytes, packet.start);
    packet.protocol = ethernet.type(packet.bytes, packet.start);
    packet.ingressIfindex = device.ifindex;
    packet.metaLength = 0;
    packet.xdpMeta = 0;
    if (device.xdp !== null) {
      const next = this.#runXdp(device);
      if (next !== INGRESS) return next;
    }
    return INGRESS;
  }

  #runXdp(device: Device): number {
    const { packet } = this;
    const program = device.xdp!;
    packet.ifindex = device.ifindex;
    packet.redirectKind = REDIRECT_NONE;
    packet.dropReason = 0;
    if (this.observer !== null) this.observer.hookEntered(packet, device.index, HOOK_XDP, 0);
    const verdict = program.run(packet);
    if (this.observer !== null) this.observer.hookLeft(packet, device.index, HOOK_XDP, 0, verdict);
    if (verdict === XDP_PASS) {
      packet.packetType = device.packetType(packet.bytes, packet.start);
      packet.protocol = ethernet.type(packet.bytes, packet.start);
      return INGRESS;
    }
    this.#count(device, true);
    if (verdict === XDP_TX) return this.#forward(device, BY_XDP, LEAVE);
    if (verdict === XDP_REDIRECT) {
      const target = packet.redirectKind === REDIRECT_NONE ? null : this.#target();
      return target === null ? this.#drop(fate.NO_REDIRECT_TARGET) : this.#forward(target, BY_XDP, LEAVE);
    }
    if (packet.dropReason !== 0) return this.#drop(packet.dropReason);
    return this.#drop(verdict === 1 ? fate.NO_REASON_GIVEN : fate.XDP_ABORT);
  }

  /** tc ingress; also where a redirect_peer comes in, with packet type and protocol as they are. */
  #ingress(): number {
    const { packet, device } = this;
    this.#count(device, true);
    packet.ifindex = device.ifindex;
    packet.ingressIfindex = device.ifindex;
    if (packet.protocol === ethernet.TYPE_VLAN || packet.protocol === ethernet.TYPE_QINQ) {
      if (!takeVlanTag(packet)) return this.#drop(fate.FRAME_TOO_SHORT);
    }
    const verdict = device.ingress.run(packet, device.index, this.observer);
    return verdict <= 0 ? STACK : this.#decided(verdict, true);
  }

  #transmit(): number {
    const { packet, device } = this;
    if (!device.up) return this.#drop(fate.DEVICE_DOWN);
    packet.ifindex = device.ifindex;
    const verdict = device.egress.run(packet, device.index, this.observer);
    return verdict <= 0 ? LEAVE : this.#decided(verdict, false);
  }

  /** Past the egress hooks: over to the peer, or out. Fields of the packet live on as test vectors show. */
  #leave(): number {
    const { packet, device } = this;
    if (!device.up) return this.#drop(fate.DEVICE_DOWN);
    packet.queueMapping = 0;
    if (packet.vlanPresent !== 0 && device.kind !== 'veth') {
      if (!insertVlanTag(packet)) return this.#drop(fate.FRAME_TOO_LONG);
    }
    this.#count(device, false);
    if (device.tunnel !== null) return this.#encapsulate(device);
    if (device.segment !== null) {
      const receiver = device.segment.receiver(device, packet.bytes, packet.start);
      if (receiver !== null) return this.#cross(receiver);
    }
    const { peer } = device;
    if (peer === null) {
      return device.kind === 'dummy' ? this.#drop(fate.DEVICE_DISCARDS) : this.#end(fate.TRANSMITTED);
    }
    if (!this.#isForwardable(peer)) return this.#drop(fate.FRAME_OVER_MTU);
    if (peer.namespace !== device.namespace) packet.mark = 0;
    packet.priority = 0;
    return this.#forward(peer, BY_PEER, RECEIVE);
  }

  /** To another machine: nothing but the frame arrives there. */
  #cross(receiver: Device): number {
    const { packet } = this;
    if (!this.#isForwardable(receiver)) return this.#drop(fate.FRAME_OVER_MTU);
    const { merged } = packet;
    packet.reset(packet.start, packet.end, packet.headLimit, packet.tailLimit);
    packet.merged = merged;
    return this.#forward(receiver, BY_LINK, RECEIVE);
  }

  /** The outer packet is the node's own; the mark stays. */
  #encapsulate(device: Device): number {
    const { packet } = this;
    const reason = device.tunnel!.encapsulate(packet, device);
    if (reason !== 0) return this.#drop(reason);
    packet.clearControlBlock();
    packet.vlanPresent = 0;
    return this.#takeStackResult(
      this.#stack.send(device.namespace),
      device.namespace,
      device.index,
      BY_ENCAPSULATION,
    );
  }

  /** is_skb_forwardable: MTU, Ethernet header and one VLAN tag. */
  #isForwardable(device: Device): boolean {
    return this.packet.merged !== 0 || this.packet.length <= device.mtu + ethernet.HEADER_LENGTH + 4;
  }

  #decided(verdict: number, atIngress: boolean): number {
    if (verdict === TC_ACT_REDIRECT) return this.#redirect(atIngress);
    if (verdict === TC_ACT_STOLEN || verdict === TC_ACT_TRAP) return this.#drop(fate.TAKEN_BY_PROGRAM);
    const { dropReason } = this.packet;
    if (verdict !== TC_ACT_SHOT) throw new Error(`hook chain answered ${verdict}`);
    return this.#drop(dropReason === 0 ? fate.NO_REASON_GIVEN : dropReason);
  }

  #target(): Device | null {
    return this.device.namespace.device(this.packet.redirectIfindex);
  }

  #redirect(atIngress: boolean): number {
    const { packet } = this;
    const kind = packet.redirectKind;
    packet.redirectKind = REDIRECT_NONE;
    if (kind === REDIRECT_NONE) return this.#drop(fate.NO_REDIRECT_TARGET);
    const target = this.#target();
    if (target === null) return this.#drop(fate.NO_DEVICE);
    if (kind === REDIRECT_PEER) {
      const { peer } = target;
      if (!atIngress || peer === null || peer.namespace === target.namespace) return this.#drop(fate.NO_PEER);
      if (!peer.up) return this.#drop(fate.DEVICE_DOWN);
      if (!this.#isForwardable(peer)) return this.#drop(fate.FRAME_OVER_MTU);
      return this.#forward(peer, BY_REDIRECT_PEER, INGRESS);
    }
    if (kind === REDIRECT_NEIGHBOUR) {
      if (!this.#stack.resolveRedirect(target)) return this.#drop(fate.NO_NEIGHBOUR);
      return this.#forward(target, BY_REDIRECT_NEIGHBOUR, TRANSMIT);
    }
    if ((packet.redirectFlags & BPF_F_INGRESS) === 0) return this.#forward(target, BY_REDIRECT, TRANSMIT);
    packet.priority = 0;
    return this.#forward(target, BY_REDIRECT_INGRESS, RECEIVE);
  }

  #enterStack(): number {
    const { packet, device } = this;
    packet.clearControlBlock();
    packet.tcClassid = 0;
    if (packet.vlanPresent !== 0 && (packet.vlanTci & 0xfff) !== 0) return this.#drop(fate.NO_VLAN_DEVICE);
    if (packet.packetType === PACKET_OTHER_HOST) return this.#drop(fate.OTHER_HOST);
    if (packet.protocol === ethernet.TYPE_ARP) return this.#deliver(device.namespace);
    return this.#takeStackResult(this.#stack.input(device), device.namespace, device.index);
  }

  #takeStackResult(result: number, namespace: Namespace, fromIndex: number, how = BY_ROUTE): number {
    if (result > 0) return this.#drop(result);
    if (result === TO_LOCAL) {
      return namespace.tunnels.length === 0 ? this.#deliver(namespace) : this.#decapsulate(namespace);
    }
    const out = this.#stack.out!;
    this.packet.packetType = PACKET_HOST;
    if (this.observer !== null) this.observer.forwarded(this.packet, fromIndex, out.index, how);
    this.device = out;
    return TRANSMIT;
  }

  /** A local packet: for one of the namespace's tunnels, which its inner frame then comes out of, or for a socket. */
  #decapsulate(namespace: Namespace): number {
    const { packet } = this;
    const udpAt = tunnelUdpAt(packet);
    const device = udpAt < 0 ? null : tunnelOf(namespace, packet, udpAt);
    if (device === null) return this.#deliver(namespace);
    const reason = device.tunnel!.decapsulate(packet, udpAt);
    return reason === 0 ? this.#forward(device, BY_DECAPSULATION, RECEIVE) : this.#drop(reason);
  }

  #forward(to: Device, how: number, step: number): number {
    if (this.observer !== null) this.observer.forwarded(this.packet, this.device.index, to.index, how);
    this.device = to;
    return step;
  }

  #deliver(namespace: Namespace): number {
    if (namespace.isHost) {
      this.counters.consumed[namespace.index]++;
      return this.#end(fate.CONSUMED);
    }
    this.counters.delivered[namespace.index]++;
    return this.#end(fate.DELIVERED);
  }

  #drop(reason: number): number {
    this.reason = reason;
    this.counters.dropped[reason]++;
    return this.#end(fate.DROPPED);
  }

  #end(kind: number): number {
    this.fate = kind;
    this.counters.fates[kind]++;
    if (kind === fate.TRANSMITTED) this.counters.left[this.device.index]++;
    if (this.observer !== null) this.observer.ended(this.packet, kind, this.device.index, this.reason);
    return DONE;
  }

  #count(device: Device, received: boolean): void {
    const { counters, packet } = this;
    if (received) {
      counters.receivedPackets[device.index]++;
      counters.receivedBytes[device.index] += packet.length;
    } else {
      counters.transmittedPackets[device.index]++;
      counters.transmittedBytes[device.index] += packet.length;
    }
  }
}
