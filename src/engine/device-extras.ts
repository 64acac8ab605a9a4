/**
 * What some devices have besides their tc programs (`Device.features`): XDP, packet sockets, netfilter chains, a
 * bridge. Kept apart from the walker's own steps, so that a frame pays for them only where there are any.
 */
import type { CopyPath } from './copy-path.js';
import {
  type Device,
  HAS_GENERIC_XDP,
  HAS_NATIVE_XDP,
  HAS_NETFILTER_EGRESS,
  HAS_NETFILTER_INGRESS,
  HAS_TAPS,
  IS_BRIDGE_PORT,
  IS_LAYER3,
  PACKET_OUTGOING,
  RECORDS_QUEUE,
} from './device.js';
import * as fate from './fate.js';
import type { NetfilterHook } from './hooks/netfilter.js';
import { HOOK_NETFILTER_EGRESS, HOOK_NETFILTER_INGRESS } from './hooks/order.js';
import { NF_ACCEPT, NF_DROP } from './hooks/verdict.js';
import { removeLinkHeader } from './link-header.js';
import { BY_NETFILTER } from './observer.js';
import { takeVlanTag } from './vlan-tag.js';
import { GO_ON, RISE, STACK, TRANSMIT, type WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';
import { XdpPath } from './xdp-path.js';

/** Half of a pointer, which a bridge keeps where tc has its class. */
const BRIDGE_POINTER = 0xffff;

export class DeviceExtras {
  readonly #walk: WalkState;
  readonly #copies: CopyPath;
  readonly #xdp: XdpPath;

  constructor(walk: WalkState, copies: CopyPath) {
    this.#walk = walk;
    this.#copies = copies;
    this.#xdp = new XdpPath(walk);
  }

  /** In the driver: the queue's number, native XDP. Answers the next step. */
  inDriver(device: Device): number {
    const { features } = device;
    if ((features & RECORDS_QUEUE) !== 0) this.#walk.packet.queueMapping = 1;
    if ((features & HAS_NATIVE_XDP) === 0) return RISE;
    return this.#xdp.runNative(device, device.hooks.xdp.native!.program);
  }

  /** Generic XDP, then packet sockets, who see the frame without its outer tag. */
  beforeIngress(device: Device): number {
    const walk = this.#walk;
    const { packet } = walk;
    const { features } = device;
    if ((features & HAS_GENERIC_XDP) !== 0 && packet.redirected === 0) {
      const next = this.#xdp.runGeneric(device, device.hooks.xdp.generic!.program);
      if (next !== RISE) return next;
    }
    if ((features & HAS_TAPS) === 0) return GO_ON;
    if (packet.vlanPresent === 0 && ethernet.isTag(packet.protocol) && !takeVlanTag(packet)) {
      return walk.drop(fate.FRAME_TOO_SHORT);
    }
    this.#showTaps(device);
    return GO_ON;
  }

  /** Netfilter ingress, then the bridge. Answers the next step. */
  afterIngress(device: Device): number {
    const { features } = device;
    if ((features & HAS_NETFILTER_INGRESS) !== 0) {
      const next = this.#filter(device, device.hooks.netfilterIngress, HOOK_NETFILTER_INGRESS);
      if (next !== GO_ON) return next;
    }
    if ((features & IS_BRIDGE_PORT) === 0) return STACK;
    const { packet } = this.#walk;
    packet.redirected = 0;
    packet.clearControlBlock();
    packet.tcClassid = BRIDGE_POINTER;
    return this.#copies.bridge(device);
  }

  /** The link header goes where the device has none; netfilter egress, which a frame that tc redirects does not see. */
  beforeEgress(device: Device): number {
    const { packet } = this.#walk;
    if ((device.features & IS_LAYER3) !== 0 && packet.layer3Device === 0) removeLinkHeader(packet);
    const skips = packet.skipNetfilterEgress !== 0;
    packet.skipNetfilterEgress = 0;
    if (skips || (device.features & HAS_NETFILTER_EGRESS) === 0) return GO_ON;
    return this.#filter(device, device.hooks.netfilterEgress, HOOK_NETFILTER_EGRESS);
  }

  /** Packet sockets see what is sent. */
  afterEgress(device: Device): void {
    if ((device.features & HAS_TAPS) === 0) return;
    const { packet } = this.#walk;
    const { packetType } = packet;
    packet.packetType = PACKET_OUTGOING;
    this.#showTaps(device);
    packet.packetType = packetType;
  }

  #showTaps(device: Device): void {
    const { packet } = this.#walk;
    for (const tap of device.taps) tap.receive(packet, device);
    packet.cloned = 1;
  }

  #filter(device: Device, hook: NetfilterHook, hookNumber: number): number {
    const walk = this.#walk;
    const { packet, observer } = walk;
    if (observer !== null) observer.hookEntered(packet, device.index, hookNumber, 0);
    const verdict = hook.run(packet);
    if (observer !== null) observer.hookLeft(packet, device.index, hookNumber, 0, verdict);
    if (verdict === NF_ACCEPT) return GO_ON;
    if (verdict === NF_DROP) return walk.drop(fate.NETFILTER_DROP);
    const target = this.#copies.takeTarget();
    if (target === null) return walk.drop(fate.TAKEN_BY_PROGRAM);
    packet.ingressIfindex = device.ifindex;
    packet.redirected = 1;
    return walk.goTo(target, BY_NETFILTER, TRANSMIT);
  }
}
