/**
 * Walks one frame at a time through devices, hooks and stacks until it meets its fate. The steps are those of the
 * kernel's receive and transmit paths; hooks/order.ts says which hook is where:
 *
 *   receive    a driver has the frame: native XDP
 *   rise       up to the stack: generic XDP, VLAN tag out of the frame, tc ingress, netfilter ingress
 *   stack      for us? IP header, route, TTL, neighbour
 *   transmit   netfilter egress, tc egress
 *   leave      over to the peer, or out of the network
 *
 * A program's redirect leads back to one of them. Each step answers which comes next. Programs may make copies; these
 * walk after the frame or, towards a device's egress, in the middle of its walk (see copy-path.ts), and each has a
 * fate of its own.
 */
import { CopyPath, NESTING_LIMIT } from './copy-path.js';
import { type Device, IS_LAYER3, PACKET_HOST, PACKET_OTHER_HOST, RECORDS_QUEUE } from './device.js';
import { DeviceExtras } from './device-extras.js';
import * as fate from './fate.js';
import type { Flight } from './flights.js';
import { type FrameArena, OWES_SEGMENTS } from './frame-arena.js';
import { TC_ACT_QUEUED, TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_STOLEN, TC_ACT_TRAP } from './hooks/verdict.js';
import { addLinkHeader } from './link-header.js';
import type { Namespace } from './namespace.js';
import type { Network } from './network.js';
import {
  BY_DECAPSULATION,
  BY_ENCAPSULATION,
  BY_LINK,
  BY_MIRRED,
  BY_PEER,
  BY_REDIRECT,
  BY_REDIRECT_INGRESS,
  BY_REDIRECT_NEIGHBOUR,
  BY_REDIRECT_PEER,
  BY_ROUTE,
} from './observer.js';
import { BPF_F_INGRESS, REDIRECT_NEIGHBOUR, REDIRECT_NONE, REDIRECT_PEER } from './packet.js';
import { LEFT_TO_STACK, outerUdpAt, receiverOf } from './stack/encapsulation.js';
import { StackPath, TO_LOCAL, TO_TRANSPARENT } from './stack/stack-path.js';
import { StackSender } from './stack-sender.js';
import { insertVlanTag, takeVlanTag } from './vlan-tag.js';
import { DONE, forwardUp, GO_ON, LEAVE, RECEIVE, RISE, STACK, TRANSMIT, WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';
import * as vlan from './wire/vlan.js';

/** Steps that a frame may take in a row; longer ways are ended by the TTL, or by the kernel's limits on nesting. */
const STEP_LIMIT = 64;

export class Walker extends WalkState {
  readonly #stack = new StackPath(this.packet);
  readonly #copies = new CopyPath(this);
  readonly #extras = new DeviceExtras(this, this.#copies);
  /** Takes what stacks send, and what waits for neighbours. */
  readonly output = new StackSender(this, this.#copies);

  constructor(network: Network, arena: FrameArena) {
    super(network, arena);
    this.setHost(this.#copies);
  }

  /** Walks the frame in a slot that arrives at a device: from outside, or from the pod at the device's other end. */
  receive(handle: number, device: Device): number {
    this.#load(handle, device);
    this.counters.walked++;
    this.inProcess = (device.features & RECORDS_QUEUE) !== 0;
    if (this.observer !== null) this.observer.started(this.packet, device.index, device.namespace.index);
    return this.#walk(handle, RECEIVE);
  }

  /** Walks a frame that somebody on the node puts on a device as it is (a packet socket): egress hooks, then out. */
  transmit(handle: number, device: Device): number {
    this.#load(handle, device);
    this.counters.walked++;
    this.inProcess = true;
    this.packet.protocol = ethernet.type(this.packet.bytes, this.packet.start);
    if (this.observer !== null) this.observer.started(this.packet, device.index, device.namespace.index);
    return this.#walk(handle, device.up ? TRANSMIT : this.drop(fate.DEVICE_DOWN));
  }

  /**
   * Walks an IP packet that a namespace's own stack sends, with `mark` on it. The slot holds it behind an Ethernet
   * header whose type is right; the link addresses are written here, by route and neighbour. A stack segments what it
   * sends itself, at the latest at the device; one that has done so sends with `merged` 0.
   */
  send(handle: number, namespace: Namespace, mark: number, merged = 1): number {
    this.#load(handle, namespace.devices[0]);
    this.counters.walked++;
    this.inProcess = true;
    const { packet } = this;
    packet.mark = mark;
    packet.merged = merged;
    if (this.observer !== null) this.observer.started(packet, -1, namespace.index);
    packet.protocol = ethernet.type(packet.bytes, packet.start);
    return this.#walk(handle, this.sendBy(namespace));
  }

  /** Walks on with the frame in a slot, which a link's carrier has brought from one device to another. */
  resume(handle: number, from: Device, to: Device): number {
    this.#load(handle, from);
    return this.#walk(handle, this.arrive(to, BY_LINK, RECEIVE));
  }

  override begin(flight: Flight): number {
    return this.output.begin(flight);
  }

  override sendBy(namespace: Namespace): number {
    this.#stack.packet = this.packet;
    return this.#takeStackResult(this.#stack.fitOwn(this.#stack.send(namespace)), namespace, -1);
  }

  override sendTo(device: Device, nextHop: Uint8Array): number {
    this.#stack.packet = this.packet;
    if (!this.#stack.resolve(device, nextHop)) return this.#missNeighbour(-1, BY_ROUTE);
    return this.goTo(device, BY_ROUTE, TRANSMIT);
  }

  /** Counts a frame that cannot be walked as dropped at `device`. */
  refuse(device: Device, reason: number): number {
    this.packet.reset(0, 0, 0, 0);
    this.device = device;
    this.counters.walked++;
    if (this.observer !== null) this.observer.started(this.packet, device.index, device.namespace.index);
    this.drop(reason);
    return this.fate;
  }

  #load(handle: number, device: Device): void {
    const { packet, arena } = this;
    const start = arena.start[handle];
    packet.reset(start, start + arena.length[handle], arena.base(handle), arena.limit(handle));
    const isMerged = arena.length[handle] > device.frameLimit || (arena.owes[handle] & OWES_SEGMENTS) !== 0;
    packet.merged = isMerged ? 1 : 0;
    this.device = device;
    this.reason = 0;
    this.depth = 0;
    this.inProcess = false;
    this.number++;
  }

  #walk(handle: number, firstStep: number): number {
    let step = firstStep;
    if (step !== DONE && this.packet.length < ethernet.HEADER_LENGTH) step = this.drop(fate.FRAME_TOO_SHORT);
    step = this.run(step);
    if (this.flights.areWaiting) this.#copies.finish();
    this.arena.start[handle] = this.packet.start;
    this.arena.length[handle] = this.packet.length;
    return this.fate;
  }

  override run(firstStep: number): number {
    let step = firstStep;
    for (let taken = 0; step < DONE; taken++) {
      if (taken === STEP_LIMIT) step = this.drop(fate.LOOP);
      else if (step === RECEIVE) step = this.receiveFromDriver();
      else if (step === RISE) step = this.#rise();
      else if (step === STACK) step = this.#enterStack();
      else if (step === TRANSMIT) step = this.#transmit();
      else step = this.#leave(step);
    }
    return step;
  }

  override runToStack(): number {
    const step = this.#rise();
    return step === STACK ? step : this.run(step);
  }

  override receiveFromDriver(): number {
    const { packet, device } = this;
    if (!device.up) return this.drop(fate.DEVICE_DOWN);
    packet.packetType = device.packetType(packet.bytes, packet.start);
    packet.protocol = ethernet.protocol(packet.bytes, packet.start, packet.end);
    return device.features === 0 ? RISE : this.#extras.inDriver(device);
  }

  /** netif_receive_skb; packet type and protocol are as the driver, or whoever sent the frame here, found them. */
  #rise(): number {
    const { packet, device } = this;
    this.countReceived(device);
    packet.ifindex = device.ifindex;
    packet.ingressIfindex = device.ifindex;
    if (device.features !== 0) {
      const next = this.#extras.beforeIngress(device);
      if (next !== GO_ON) return next;
    }
    if (ethernet.isTag(packet.protocol) && !this.#untag()) return this.drop(fate.FRAME_TOO_SHORT);
    const verdict = device.ingress.run(packet, device.index, this.observer);
    return verdict <= 0 && device.features === 0 ? STACK : this.#decided(verdict, true);
  }

  #untag(): boolean {
    return this.packet.vlanPresent !== 0 || takeVlanTag(this.packet);
  }

  #transmit(): number {
    const { packet, device } = this;
    packet.ifindex = device.ifindex;
    if (device.features !== 0) {
      const next = this.#extras.beforeEgress(device);
      if (next !== GO_ON) return next;
    }
    const verdict = device.egress.run(packet, device.index, this.observer);
    return verdict <= 0 ? LEAVE : this.#decided(verdict, false);
  }

  /** Past the egress hooks: over to the peer, or out. Fields of the packet live on as a veth lets them. */
  #leave(step: number): number {
    const { packet, device } = this;
    if (!device.up) return this.drop(fate.DEVICE_DOWN);
    packet.queueMapping = 0;
    if (device.features !== 0 && step === LEAVE) this.#extras.afterEgress(device);
    if (packet.vlanPresent !== 0 && device.kind !== 'veth') {
      if (!insertVlanTag(packet)) return this.drop(fate.FRAME_TOO_LONG);
    }
    this.countTransmitted(device);
    const { peer } = device;
    if (peer === null) return this.#leaveWithoutPeer(device);
    if (packet.merged === 0 && packet.length > peer.frameLimit) return this.drop(fate.FRAME_OVER_MTU);
    if (device.kind !== 'veth') packet.becomeFrame();
    else {
      if (peer.namespace !== device.namespace) packet.mark = 0;
      packet.priority = 0;
    }
    return this.arrive(peer, BY_PEER, RECEIVE);
  }

  #leaveWithoutPeer(device: Device): number {
    if (device.tunnel !== null) return this.#encapsulate(device);
    if (device.segment !== null) {
      const { packet } = this;
      const receiver = device.segment.receiver(device, packet.bytes, packet.start);
      if (receiver !== null) return this.cross(receiver);
      if (device.segment.floods(packet.bytes, packet.start)) this.#copies.flood(device.segment);
    }
    if (device.kind === 'loopback') return this.arrive(device, BY_PEER, RECEIVE);
    if (device.kind === 'dummy') return this.drop(fate.DEVICE_DISCARDS);
    if (device.kind === 'bridge') return this.#copies.bridge(null);
    return this.end(fate.TRANSMITTED);
  }

  /** To another machine: nothing but the frame arrives there. */
  override cross(receiver: Device): number {
    const { packet } = this;
    if (packet.merged === 0 && packet.length > receiver.frameLimit) return this.drop(fate.FRAME_OVER_MTU);
    const { carrier } = this.device.segment!;
    if (carrier !== null) {
      const answer = carrier.carry(packet, this.device, receiver);
      if (answer !== 0) return answer === fate.UNDER_WAY ? this.pause() : this.drop(answer);
    }
    packet.becomeFrame();
    return this.arrive(receiver, BY_LINK, RECEIVE);
  }

  /** The outer packet is the node's own; the mark stays. */
  #encapsulate(device: Device): number {
    const { packet } = this;
    const { namespace } = device;
    const reason = device.tunnel!.encapsulate(packet, device);
    if (reason !== 0) return this.drop(reason);
    packet.clearControlBlock();
    packet.vlanPresent = 0;
    this.#stack.packet = packet;
    return this.#takeStackResult(this.#stack.send(namespace), namespace, device.index, BY_ENCAPSULATION);
  }

  /** What a tc verdict asks for; codes that mean nothing to a device let the frame pass. */
  #decided(verdict: number, atIngress: boolean): number {
    switch (verdict) {
      case TC_ACT_REDIRECT:
        return this.#redirect(atIngress);
      case TC_ACT_SHOT:
        return this.drop(this.packet.dropReason === 0 ? fate.NO_REASON_GIVEN : this.packet.dropReason);
      case TC_ACT_STOLEN:
      case TC_ACT_QUEUED:
      case TC_ACT_TRAP:
        return this.drop(fate.TAKEN_BY_PROGRAM);
      default:
        return atIngress ? this.#extras.afterIngress(this.device) : LEAVE;
    }
  }

  #redirect(atIngress: boolean): number {
    const { packet } = this;
    const kind = packet.redirectKind;
    packet.redirectKind = REDIRECT_NONE;
    if (kind === REDIRECT_NONE) return this.#redirectByMirred(atIngress);
    const target = this.device.namespace.device(packet.redirectIfindex);
    if (target === null) return this.drop(fate.NO_DEVICE);
    if (packet.layer3Device !== 0 && (target.features & IS_LAYER3) === 0)
      return this.drop(fate.NO_LINK_HEADER);
    if (kind === REDIRECT_PEER) {
      const { peer } = target;
      if (!atIngress || peer === null || peer.namespace === target.namespace) return this.drop(fate.NO_PEER);
      if (!peer.up) return this.drop(fate.DEVICE_DOWN);
      // skb_scrub_packet: the frame is for whoever is behind the peer.
      packet.packetType = PACKET_HOST;
      return this.goTo(peer, BY_REDIRECT_PEER, RISE);
    }
    if (kind === REDIRECT_NEIGHBOUR) {
      if (ethernet.isGroup(packet.bytes, ethernet.destinationAt(packet.start)))
        return this.drop(fate.NO_NEIGHBOUR);
      this.#stack.packet = packet;
      if (!this.#stack.resolveRedirect(target)) {
        return this.#missNeighbour(this.device.index, BY_REDIRECT_NEIGHBOUR);
      }
      return this.#redirectDown(target, BY_REDIRECT_NEIGHBOUR);
    }
    if ((packet.redirectFlags & BPF_F_INGRESS) === 0) return this.#redirectDown(target, BY_REDIRECT);
    if (!target.up) return this.drop(fate.DEVICE_DOWN);
    forwardUp(packet, target);
    return this.arrive(target, BY_REDIRECT_INGRESS, RISE);
  }

  #redirectDown(target: Device, how: number): number {
    if (this.depth > NESTING_LIMIT) return this.drop(fate.LOOP);
    this.depth++;
    this.packet.redirected = 1;
    this.packet.skipNetfilterEgress = 1;
    return this.goTo(target, how, TRANSMIT);
  }

  /** No program has said where to: then mirred has, or nobody. */
  #redirectByMirred(atIngress: boolean): number {
    const target = this.#copies.takeTarget();
    if (target === null) return this.drop(fate.NO_REDIRECT_TARGET);
    this.packet.ingressIfindex = this.device.ifindex;
    if (!this.#copies.toIngress) return this.#redirectDown(target, BY_MIRRED);
    this.packet.redirected = 1;
    return atIngress ? this.goTo(target, BY_MIRRED, RISE) : this.arrive(target, BY_MIRRED, RISE);
  }

  #enterStack(): number {
    const { packet, device } = this;
    packet.redirected = 0;
    if (packet.vlanPresent !== 0 || device.features !== 0) return this.#enterStackSlowly(device);
    return this.#giveToStack(device);
  }

  /** Tags that no VLAN device takes go off; packet sockets see what the stack gets. */
  #enterStackSlowly(device: Device): number {
    const { packet } = this;
    let tagged = false;
    if (packet.layer3Device !== 0 && !addLinkHeader(packet)) return this.drop(fate.FRAME_TOO_LONG);
    while (packet.vlanPresent !== 0) {
      packet.vlanPresent = 0;
      if ((packet.vlanTci & vlan.IDENTIFIER_MASK) !== 0) {
        packet.packetType = PACKET_OTHER_HOST;
        tagged = true;
      } else if (ethernet.isTag(packet.protocol) && !takeVlanTag(packet))
        return this.drop(fate.FRAME_TOO_SHORT);
    }
    const { protocol } = packet;
    const hasSocket = device.sockets.some((socket) => socket.protocol === protocol);
    const give = (): number => {
      if (hasSocket && !isStackProtocol(protocol)) return this.#deliver(device.namespace);
      return tagged ? this.drop(fate.NO_VLAN_DEVICE) : this.#giveToStack(device);
    };
    return hasSocket ? this.#copies.showSockets(protocol, give) : give();
  }

  #giveToStack(device: Device): number {
    const { packet } = this;
    packet.clearControlBlock();
    packet.tcClassid = 0;
    if (packet.packetType === PACKET_OTHER_HOST) return this.drop(fate.OTHER_HOST);
    if (packet.protocol === ethernet.TYPE_ARP) return this.#deliver(device.namespace);
    this.#stack.packet = packet;
    return this.#takeStackResult(this.#stack.input(device), device.namespace, device.index);
  }

  #takeStackResult(decision: number, namespace: Namespace, fromIndex: number, how = BY_ROUTE): number {
    let result = decision;
    if (namespace.netfilter !== null) {
      const isForwarded = fromIndex >= 0 && how === BY_ROUTE;
      result = this.#stack.filter(namespace, namespace.netfilter, result, isForwarded);
    }
    if (result > 0) return this.#dropInStack(result, namespace, fromIndex, how);
    if (result < 0) return this.#takeRareResult(result, namespace, fromIndex, how);
    const out = this.#stack.out!;
    this.packet.packetType = PACKET_HOST;
    if (this.observer !== null) this.observer.forwarded(this.packet, fromIndex, out.index, how);
    this.device = out;
    return TRANSMIT;
  }

  /** Delivered locally, or in fragments. */
  #takeRareResult(result: number, namespace: Namespace, fromIndex: number, how: number): number {
    if (result === TO_TRANSPARENT) {
      this.counters.transparent[namespace.index]++;
      return this.#deliver(namespace, namespace.transparent);
    }
    if (result === TO_LOCAL) {
      if (fromIndex < 0 && namespace.loopback !== null) return this.#loopBack(namespace.loopback);
      return namespace.tunnels.length === 0 ? this.#deliver(namespace) : this.#decapsulate(namespace);
    }
    this.packet.packetType = PACKET_HOST;
    return this.output.fragment(this.#stack.out!, this.#stack.mtu, fromIndex, how);
  }

  /** A local packet: for one of the namespace's tunnels, which its inner frame then comes out of, or for a socket. */
  #decapsulate(namespace: Namespace): number {
    const { packet } = this;
    const udpAt = outerUdpAt(packet);
    const device = udpAt < 0 ? null : receiverOf(namespace, packet, udpAt);
    const reason = device === null ? LEFT_TO_STACK : device.tunnel!.decapsulate(packet, udpAt);
    if (device === null || reason === LEFT_TO_STACK) return this.#deliver(namespace);
    if (reason !== 0) return this.drop(reason);
    return this.arrive(device, BY_DECAPSULATION, (device.features & IS_LAYER3) === 0 ? RECEIVE : RISE);
  }

  #dropInStack(reason: number, namespace: Namespace, fromIndex: number, how: number): number {
    if (reason === fate.NO_NEIGHBOUR) return this.#missNeighbour(fromIndex, how);
    if (namespace.errors !== null && fromIndex >= 0 && how === BY_ROUTE) {
      namespace.errors.refuse(this.packet, reason, this.#stack.mtu);
    }
    return this.drop(reason);
  }

  #missNeighbour(fromIndex: number, how: number): number {
    const { unknown, unknownAddress, unknownAt, unknownLength } = this.#stack;
    if (unknown === null) return this.drop(fate.NO_NEIGHBOUR);
    const { neighbours } = this.output;
    return neighbours.hold(unknown, unknownAddress, unknownAt, unknownLength, fromIndex, how);
  }

  /** What a namespace sends to itself leaves by its loopback, and comes in there again. */
  #loopBack(device: Device): number {
    const { packet } = this;
    ethernet.putDestination(packet.bytes, packet.start, device.mac, 0);
    ethernet.putSource(packet.bytes, packet.start, device.mac, 0);
    return this.goTo(device, BY_ROUTE, TRANSMIT);
  }

  #deliver(namespace: Namespace, to = namespace.localDelivery): number {
    const { counters } = this;
    const isConsumed = namespace.isHost;
    (isConsumed ? counters.consumed : counters.delivered)[namespace.index]++;
    const step = this.end(isConsumed ? fate.CONSUMED : fate.DELIVERED);
    if (to !== null) to.receive(this.packet, this.device);
    return step;
  }
}

function isStackProtocol(protocol: number): boolean {
  return protocol === ethernet.TYPE_IPV4 || protocol === ethernet.TYPE_IPV6 || protocol === ethernet.TYPE_ARP;
}
