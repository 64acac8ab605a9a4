/** What NodePort notes on a packet: in tc in its mark, in XDP in four bytes of metadata for the tc program behind it. */
import type { PacketContext } from '../../engine/packet.js';
import { MARK_MAGIC_MASK, MARK_SNAT_DONE } from '../constants.js';
import type { ProgramInstance } from '../instance.js';

/** NodePort has seen the packet and has nothing more to do with it. */
export const TRANSFER_NO_SERVICE = 1;
/** The packet is translated: it must not be again. */
export const TRANSFER_SNAT_DONE = 4;

/** tc need not look the packet's service up. */
export function noteNoService(program: ProgramInstance, packet: PacketContext): void {
  if (program.isXdp) packet.xdpMeta |= TRANSFER_NO_SERVICE;
}

/** SNAT is done: in the mark, or where there is none in what XDP transfers. */
export function noteSnatDone(program: ProgramInstance, packet: PacketContext): void {
  if (program.isXdp) packet.xdpMeta |= TRANSFER_SNAT_DONE;
  else markSnatDone(packet);
}

/** SNAT is done: only the magic nibble of the mark says so. */
export function markSnatDone(packet: PacketContext): void {
  packet.mark = (packet.mark & ~MARK_MAGIC_MASK) | MARK_SNAT_DONE;
}
