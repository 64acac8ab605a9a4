import type { PacketContext } from '../../engine/packet.js';
import type { ProgramInstance } from '../instance.js';
import { DEBUG_SKIP_PROXY } from './debug.js';
import { debug } from './notify.js';

/** Reads a bit of tc_index and clears it: what it says is for the next step only. */
export function takeTcIndexBit(packet: PacketContext, bit: number): boolean {
  const isSet = (packet.tcIndex & bit) !== 0;
  packet.tcIndex &= ~bit;
  return isSet;
}

/** Tests one of the proxy bits of tc_index; debug builds tell of each that is set. */
export function isFromProxy(program: ProgramInstance, packet: PacketContext, bit: number): boolean {
  if ((packet.tcIndex & bit) === 0) return false;
  if (program.features.debug) debug(program, packet, DEBUG_SKIP_PROXY, packet.tcIndex, 0, 0);
  return true;
}
