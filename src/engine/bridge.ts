/**
 * A bridge: learns which MAC is behind which port, floods what it does not know (IEEE 802.1D). All ports forward;
 * entries do not age.
 */
import type { Device } from './device.js';
import * as ethernet from './wire/ethernet.js';

export class Bridge {
  /** The bridge's own device, by which its host's stack is reached. */
  readonly device: Device;
  #ports: readonly Device[] = [];
  readonly #learned = new Map<number, Device>();

  constructor(device: Device) {
    this.device = device;
    device.setBridge(this);
  }

  /** The newest first, as the kernel floods them. */
  get ports(): readonly Device[] {
    return this.#ports;
  }

  addPort(port: Device): void {
    this.#ports = [port, ...this.#ports];
    port.setBridge(this);
  }

  removePort(port: Device): void {
    this.#ports = this.#ports.filter((other) => other !== port);
    for (const [mac, learned] of this.#learned) if (learned === port) this.#learned.delete(mac);
    port.setBridge(null);
  }

  learn(port: Device, bytes: Uint8Array, frameAt: number): void {
    const macAt = ethernet.sourceAt(frameAt);
    if (!ethernet.isGroup(bytes, macAt)) this.#learned.set(macNumber(bytes, macAt), port);
  }

  /**
   * Where the frame goes: a port, the bridge's own device for its MACs and those of its ports, or null: everywhere.
   */
  destination(bytes: Uint8Array, frameAt: number): Device | null {
    const macAt = ethernet.destinationAt(frameAt);
    if (ethernet.isGroup(bytes, macAt)) return null;
    const mac = macNumber(bytes, macAt);
    if (mac === macNumber(this.device.mac, 0)) return this.device;
    if (this.#ports.some((port) => macNumber(port.mac, 0) === mac)) return this.device;
    return this.#learned.get(mac) ?? null;
  }

  /** The ports that a frame from `source` (null: from the host itself) is flooded to. */
  floodPorts(source: Device | null): Device[] {
    return this.#ports.filter((port) => port !== source && port.up);
  }
}

/** A MAC as one number of 48 bits. */
function macNumber(bytes: Uint8Array, macAt: number): number {
  return (ethernet.addressHead(bytes, macAt) >>> 0) * 0x10000 + ethernet.addressTail(bytes, macAt);
}
