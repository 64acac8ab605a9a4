/** Moving the outer VLAN tag between the frame and the packet's fields, as receive, transmit and tc programs do. */
import type { PacketContext } from './packet.js';
import * as ethernet from './wire/ethernet.js';
import * as vlan from './wire/vlan.js';

/** Length of the two MAC addresses, which stay in front of the tag. */
const MACS_LENGTH = 2 * ethernet.ADDRESS_LENGTH;

/** Takes the tag out of the frame (skb_vlan_untag). False when the frame ends before the inner type. */
export function takeVlanTag(packet: PacketContext): boolean {
  const { bytes, start, end } = packet;
  const tagAt = start + ethernet.HEADER_LENGTH;
  if (!vlan.fits(tagAt, end)) return false;
  packet.makeWritable();
  packet.vlanTci = vlan.controlInformation(bytes, tagAt);
  packet.vlanPresent = 1;
  packet.vlanProtocol = packet.protocol;
  packet.removeAt(MACS_LENGTH, vlan.HEADER_LENGTH);
  packet.protocol = ethernet.protocol(bytes, packet.start, end);
  return true;
}

/** Puts the tag back into the frame. False when the slot has no room. */
export function insertVlanTag(packet: PacketContext): boolean {
  packet.makeWritable();
  if (!packet.insertAt(MACS_LENGTH, vlan.HEADER_LENGTH)) return false;
  const { bytes, start } = packet;
  ethernet.putType(bytes, start, packet.vlanProtocol);
  vlan.putControlInformation(bytes, start + ethernet.HEADER_LENGTH, packet.vlanTci);
  packet.vlanPresent = 0;
  return true;
}
