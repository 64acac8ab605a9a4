import type { PacketContext } from '../../engine/packet.js';
import * as arp from '../../engine/wire/arp.js';
import { copy, standsAt } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';

/** Offset of the ARP packet in the frame. */
export function arpAt(packet: PacketContext): number {
  return packet.start + ethernet.HEADER_LENGTH;
}

/** An ARP request over Ethernet, long enough to be answered. Protocol type and lengths are not looked at. */
export function isRequest(packet: PacketContext): boolean {
  const at = arpAt(packet);
  return (
    arp.fits(at, packet.end) &&
    arp.operation(packet.bytes, at) === arp.OPERATION_REQUEST &&
    arp.hardwareType(packet.bytes, at) === arp.HARDWARE_ETHERNET
  );
}

/** As `isRequest`, sent to everybody. */
export function isBroadcastRequest(packet: PacketContext): boolean {
  return isRequest(packet) && ethernet.isBroadcast(packet.bytes, packet.start);
}

/** The frame is addressed to this MAC. */
export function isFor(packet: PacketContext, mac: Uint8Array): boolean {
  return standsAt(packet.bytes, ethernet.destinationAt(packet.start), mac, ethernet.ADDRESS_LENGTH);
}

/** Turns the request into its own answer: the asked address is at `mac`. The asker is who sent the frame. */
export function answer(packet: PacketContext, mac: Uint8Array): void {
  const bytes = packet.bytes;
  const at = arpAt(packet);
  const asked = arp.targetAddress(bytes, at);
  const asker = arp.senderAddress(bytes, at);
  copy(bytes, ethernet.destinationAt(packet.start), bytes, ethernet.sourceAt(packet.start), 6);
  ethernet.putSource(bytes, packet.start, mac, 0);
  arp.putOperation(bytes, at, arp.OPERATION_REPLY);
  arp.putSenderMac(bytes, at, mac, 0);
  arp.putSenderAddress(bytes, at, asked);
  arp.putTargetMac(bytes, at, bytes, ethernet.destinationAt(packet.start));
  arp.putTargetAddress(bytes, at, asker);
}
