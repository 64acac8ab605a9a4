/** XDP at a device: runs its program on the frame in hand and does what the code asks for. */
import { type Device, HAS_NATIVE_XDP, PACKET_HOST } from './device.js';
import * as fate from './fate.js';
import { HOOK_XDP, HOOK_XDP_GENERIC } from './hooks/order.js';
import type { HookProgram } from './hooks/program.js';
import { XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX } from './hooks/verdict.js';
import { BY_XDP } from './observer.js';
import { REDIRECT_NONE } from './packet.js';
import { LEAVE_BARE, RISE, type WalkState } from './walk-state.js';
import * as ethernet from './wire/ethernet.js';

/** What GRO leaves in the control block of a frame that a veth hands up behind XDP: half a pointer, and a length. */
const GRO_POINTER = 0xffff;

export class XdpPath {
  readonly #walk: WalkState;

  constructor(walk: WalkState) {
    this.#walk = walk;
  }

  /** In the driver. Answers the next step, RISE when the program passes the frame. */
  runNative(device: Device, program: HookProgram): number {
    const walk = this.#walk;
    const { packet } = walk;
    const hasSkb = device.kind === 'veth' && packet.bareFrame === 0;
    const typeBefore = packet.packetType;
    if (packet.bareFrame === 0) packet.unshare();
    packet.bareFrame = 0;
    const verdict = this.#run(device, program, HOOK_XDP);
    if (verdict !== XDP_PASS) return this.#leave(device, verdict, true);
    packet.leaveXdp();
    packet.packetType = device.packetType(packet.bytes, packet.start);
    // eth_type_trans on an skb that had its type: it does not set HOST.
    if (hasSkb && packet.packetType === PACKET_HOST) packet.packetType = typeBefore;
    packet.protocol = ethernet.protocol(packet.bytes, packet.start, packet.end);
    if (device.kind === 'veth') {
      packet.tcClassid = GRO_POINTER;
      packet.cb0 = packet.length - ethernet.HEADER_LENGTH;
      packet.cb2 = 0;
    } else if (walk.inProcess) packet.redirectKind = REDIRECT_NONE;
    return RISE;
  }

  /** On the skb. Packet type and protocol change only where the program has changed what they are made of. */
  runGeneric(device: Device, program: HookProgram): number {
    const { packet } = this.#walk;
    const { bytes } = packet;
    const typeBefore = ethernet.type(bytes, packet.start);
    const isOursBefore = device.hasMac(bytes, ethernet.destinationAt(packet.start));
    const isGroupBefore = ethernet.isGroup(bytes, ethernet.destinationAt(packet.start));
    packet.unshare();
    const verdict = this.#run(device, program, HOOK_XDP_GENERIC);
    if (verdict !== XDP_PASS) return this.#leave(device, verdict, false);
    packet.leaveXdp();
    const { start } = packet;
    if (
      ethernet.type(bytes, start) !== typeBefore ||
      device.hasMac(bytes, ethernet.destinationAt(start)) !== isOursBefore ||
      ethernet.isGroup(bytes, ethernet.destinationAt(start)) !== isGroupBefore
    ) {
      packet.packetType = device.packetType(bytes, start);
      packet.protocol = ethernet.protocol(bytes, start, packet.end);
    }
    return RISE;
  }

  #run(device: Device, program: HookProgram, hook: number): number {
    const { packet, observer } = this.#walk;
    packet.ifindex = device.ifindex;
    packet.ingressIfindex = device.ifindex;
    packet.dropReason = 0;
    packet.enterXdp();
    if (observer !== null) observer.hookEntered(packet, device.index, hook, 0);
    const verdict = program.run(packet);
    if (observer !== null) observer.hookLeft(packet, device.index, hook, 0, verdict);
    return verdict;
  }

  #leave(device: Device, verdict: number, native: boolean): number {
    const walk = this.#walk;
    const { packet } = walk;
    if (native) walk.countReceived(device);
    if (verdict === XDP_TX) return this.#transmit(device, native);
    if (verdict === XDP_REDIRECT) {
      const kind = packet.redirectKind;
      packet.redirectKind = REDIRECT_NONE;
      const target = kind === REDIRECT_NONE ? null : device.namespace.device(packet.redirectIfindex);
      if (target === null) return walk.drop(fate.NO_REDIRECT_TARGET);
      if (!target.up) return walk.drop(fate.DEVICE_DOWN);
      if (packet.merged === 0 && packet.length > target.frameLimit) return walk.drop(fate.FRAME_OVER_MTU);
      return this.#transmit(target, native);
    }
    if (packet.dropReason !== 0) return walk.drop(packet.dropReason);
    return walk.drop(verdict === XDP_DROP ? fate.NO_REASON_GIVEN : fate.XDP_ABORT);
  }

  /** A frame without skb can go where the driver takes it; over a veth only to an end that has native XDP, too. */
  #transmit(device: Device, native: boolean): number {
    const walk = this.#walk;
    const { packet } = walk;
    if (native) {
      const { peer } = device;
      if (device.kind === 'veth' && (peer === null || (peer.features & HAS_NATIVE_XDP) === 0)) {
        return walk.drop(fate.XDP_NOT_ACCEPTED);
      }
      packet.becomeFrame();
      packet.bareFrame = 1;
    } else packet.metaLength = 0;
    return walk.goTo(device, BY_XDP, LEAVE_BARE);
  }
}
