import type { Device } from './device.js';
import type { PacketContext } from './packet.js';
import * as ethernet from './wire/ethernet.js';

/** Carries the frames of a segment that is more than a wire. */
export interface LinkCarrier {
  /**
   * Takes a frame from one device for another: 0 when it is there at once, UNDER_WAY when the carrier has copied it
   * and brings it later (`Walker.resume`), else the drop reason.
   */
  carry(packet: PacketContext, from: Device, to: Device): number;
}

/**
 * A link that joins devices (a switch, a wire): a frame goes to the device that has its destination MAC. What is for
 * nobody here leaves the network where it was sent. A frame to a group reaches the other one on a wire of two devices; on
 * a larger segment copies reach all others, and it leaves the network itself.
 */
export class Segment {
  readonly name: string;
  readonly devices: Device[] = [];
  /** The link goes on outside of the network: frames to groups leave it, whoever brings them on shows them to all. */
  hasOutlet = false;
  /** Null for a wire, which costs nothing. */
  carrier: LinkCarrier | null = null;

  constructor(name: string) {
    this.name = name;
  }

  add(device: Device): void {
    if (device.segment !== null || device.peer !== null) throw new Error(`${device.name} is joined already`);
    this.devices.push(device);
    device.segment = this;
  }

  /** The device is on another link from now on: what it sends leaves the network. */
  remove(device: Device): void {
    this.devices.splice(this.devices.indexOf(device), 1);
    device.segment = null;
  }

  /** Whether the frame at `bytes[at]`, which has no one receiver, is for all devices here. */
  floods(bytes: Uint8Array, at: number): boolean {
    return !this.hasOutlet && this.devices.length > 2 && ethernet.isGroup(bytes, ethernet.destinationAt(at));
  }

  /** The device that takes the frame at `bytes[at]`, sent by `from`; null when it leaves the network. */
  receiver(from: Device, bytes: Uint8Array, at: number): Device | null {
    const { devices } = this;
    const macAt = ethernet.destinationAt(at);
    if (ethernet.isGroup(bytes, macAt)) {
      if (devices.length !== 2 || this.hasOutlet) return null;
      return devices[0] === from ? devices[1] : devices[0];
    }
    for (let i = 0; i < devices.length; i++) {
      if (devices[i] !== from && devices[i].hasMac(bytes, macAt)) return devices[i];
    }
    return null;
  }
}
