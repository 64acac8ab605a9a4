import type { PacketContext } from '../../engine/packet.js';

/** Reads a bit of tc_index and clears it: what it says is for the next step only. */
export function takeTcIndexBit(packet: PacketContext, bit: number): boolean {
  const isSet = (packet.tcIndex & bit) !== 0;
  packet.tcIndex &= ~bit;
  return isSet;
}
