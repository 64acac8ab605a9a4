/** Links with options, in a run where there is time: each direction of each link of its own. */
import type { Clock } from '../engine/clock.js';
import type { Device } from '../engine/device.js';
import { UNDER_WAY } from '../engine/fate.js';
import { LinkDirection, type LinkOptions } from '../engine/link.js';
import type { PacketContext } from '../engine/packet.js';
import type { RandomSource } from '../engine/random.js';
import type { LinkCarrier } from '../engine/segment.js';
import type { BuiltTopology } from './built.js';

/** Is handed a frame that arrives at a device later: it must be copied. */
export type Later = (timeNs: number, packet: PacketContext, from: Device, to: Device) => void;

export class LinkTimes {
  readonly #random: RandomSource;
  readonly #clock: Clock;
  readonly #later: Later;

  constructor(random: RandomSource, clock: Clock, later: Later) {
    this.#random = random;
    this.#clock = clock;
    this.#later = later;
  }

  install(built: BuiltTopology): void {
    for (const { devices, options } of built.plan.links) {
      if (options === null || devices.length === 0) continue;
      const [{ machine, device }] = devices;
      built.network.node(machine)!.host.deviceNamed(device)!.segment!.carrier = this.#carrier(options);
    }
  }

  #carrier(options: LinkOptions): LinkCarrier {
    const directions = new Map<Device, LinkDirection>();
    return {
      carry: (packet, from, to) => {
        let direction = directions.get(from);
        if (direction === undefined) {
          direction = new LinkDirection(options, this.#random);
          directions.set(from, direction);
        }
        const { nowNs } = this.#clock;
        const arrivalNs = direction.arrivalNs(nowNs, packet.length);
        if (arrivalNs < 0) return -arrivalNs;
        if (arrivalNs === nowNs) return 0;
        this.#later(arrivalNs, packet, from, to);
        return UNDER_WAY;
      },
    };
  }
}
