import type { Device } from '../device.js';
import type { PacketContext } from '../packet.js';
import type { TcAction } from './program.js';

/** The tc action mirred: sends the packet, or with `mirror` a copy of it, to a device. */
export class MirredAction implements TcAction {
  readonly kind = 'mirred';
  readonly target: Device;
  readonly toIngress: boolean;
  readonly mirror: boolean;
  /** Number of the action among those of its kind, as tools show it. */
  readonly index: number;

  constructor(target: Device, toIngress: boolean, mirror: boolean, index = 1) {
    this.target = target;
    this.toIngress = toIngress;
    this.mirror = mirror;
    this.index = index;
  }

  run(packet: PacketContext, atIngress: boolean): number {
    return packet.host!.mirred(packet, this.target, atIngress, this.toIngress, this.mirror);
  }
}
