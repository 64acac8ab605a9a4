/** Packets that come to devices without link header, and from there to where one is needed. */
import type { PacketContext } from './packet.js';
import * as ethernet from './wire/ethernet.js';

/** Takes the link header off for a device that has none. Voids offsets. */
export function removeLinkHeader(packet: PacketContext): void {
  packet.removeAt(0, ethernet.HEADER_LENGTH);
  packet.layer3Device = 1;
}

/** Puts a link header in front, addresses zero, for those who look behind one. False when there is no room. */
export function addLinkHeader(packet: PacketContext): boolean {
  if (!packet.insertAt(0, ethernet.HEADER_LENGTH)) return false;
  const { bytes, start } = packet;
  bytes.fill(0, start, start + ethernet.HEADER_LENGTH);
  ethernet.putType(bytes, start, packet.protocol);
  packet.layer3Device = 0;
  return true;
}
