import type { Device } from '../device.js';
import type { Flight } from '../flights.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';

/** What takes the packets that a namespace's stack delivers locally (`Namespace.localDelivery`). */
export interface LocalDelivery {
  /**
   * A packet for the namespace itself: ARP, or IP whose header has been checked (the frame ends where the packet does).
   * It starts at its Ethernet header, `device` received it. Afterwards it is another's; whoever answers makes frames of
   * its own by a StackOutput.
   */
  receive(packet: PacketContext, device: Device): void;
}

/**
 * Sends what a stack says on its own account; the walker. Such frames walk after the one in hand, before any that wait
 * in a receive queue; outside of a walk (a timer, an application) `walkWaiting` lets them go. Each has a fate of its own,
 * which `WalkState.copyEnded` tells.
 */
export interface StackOutput {
  /** An empty frame of `length` bytes, content undefined, in a slot of its own; null when no slot is free. */
  make(length: number): Flight | null;
  /**
   * An IP packet behind an Ethernet header whose type is right: routed, and given link addresses, by the namespace. One
   * that is longer than the MTU is fragmented unless it is TCP, which a device segments.
   */
  sendLater(flight: Flight, namespace: Namespace, mark: number): void;
  /** A whole frame: out of the device through its egress hooks. */
  transmitLater(flight: Flight, device: Device): void;
  /** An IP packet as with `sendLater`, but to a neighbour on the device's link whatever the routes say. */
  sendToNeighbour(flight: Flight, device: Device, nextHop: Uint8Array): void;
  /** The MAC at `macs[macAt]` is that of the neighbour with the address at `bytes[at]`: what waited for it goes on. */
  neighbourFound(
    device: Device,
    bytes: Uint8Array,
    at: number,
    length: number,
    macs: Uint8Array,
    macAt: number,
  ): void;
  /** Asks again for neighbours that have not answered in time, or gives them up; when no frame is in hand. */
  pollNeighbours(namespace: Namespace): void;
  /** Drops what waits for neighbours; when no frame is in hand. */
  abandonWaiting(namespace: Namespace): void;
  /** Walks what waits; to be called when no frame is in hand. */
  walkWaiting(): void;
}
