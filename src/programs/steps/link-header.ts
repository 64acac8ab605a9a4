import type { PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { DROP_INVALID } from '../drop-reasons.js';

/**
 * Gives a packet of a device without link header (WireGuard) an Ethernet header with zero addresses, so that it can go
 * to a device that has one. Offsets of its headers stay. 0 or DROP_INVALID.
 */
export function addLinkHeader(packet: PacketContext): number {
  if (packet.layer3Device === 0) return 0;
  if (!packet.insertAt(0, ethernet.HEADER_LENGTH)) return DROP_INVALID;
  packet.bytes.fill(0, packet.start, packet.start + ethernet.HEADER_LENGTH);
  ethernet.putType(packet.bytes, packet.start, packet.protocol);
  packet.layer3Device = 0;
  return 0;
}
