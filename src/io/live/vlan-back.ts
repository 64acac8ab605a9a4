/** The VLAN tag of received frames, which the kernel hands over beside the frame. */
import type { FrameArena } from '../../engine/frame-arena.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as vlan from '../../engine/wire/vlan.js';

/** Puts the VLAN tag that the kernel took out of a received frame back where it was. */
export function putTagBack(arena: FrameArena, handle: number, tci: number, tpid: number): void {
  const { bytes } = arena;
  const start = arena.start[handle];
  const typeAt = start + ethernet.TYPE_OFFSET;
  bytes.copyWithin(start - vlan.HEADER_LENGTH, start, typeAt);
  arena.start[handle] = start - vlan.HEADER_LENGTH;
  arena.length[handle] += vlan.HEADER_LENGTH;
  ethernet.putType(bytes, arena.start[handle], tpid);
  vlan.putControlInformation(bytes, arena.start[handle] + ethernet.HEADER_LENGTH, tci);
}
