import type { Device } from './device.js';
import type { PacketContext } from './packet.js';

/** For a packet socket that sees every frame, sent ones included (ETH_P_ALL). */
export const ALL_PROTOCOLS = 3;

/**
 * A packet socket bound to a device: what tcpdump opens. One for all protocols sees frames before the tc hooks when
 * they are received and behind them when they are sent; one for a protocol sees what reaches the stack.
 */
export interface PacketSocket {
  /** EtherType in host order, or ALL_PROTOCOLS. */
  readonly protocol: number;
  /** The packet must not be changed and is another frame's afterwards. */
  receive(packet: PacketContext, device: Device): void;
}
