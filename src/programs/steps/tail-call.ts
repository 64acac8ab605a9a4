import type { ProgArray } from '../../engine/maps/prog-array.js';
import type { PacketContext } from '../../engine/packet.js';
import type { Datapath } from '../datapath.js';

/** Answer of `tailCall` when the slot is empty; no verdict and no drop reason has this value. */
export const TAIL_CALL_FAILED = -1000;

/** Goes on in the program at `index` of a program array, on the same packet. Its verdict, or TAIL_CALL_FAILED. */
export function tailCall(datapath: Datapath, array: ProgArray, packet: PacketContext, index: number): number {
  if (packet.recorder !== null) packet.recorder.tailCall(array.spec.name, index);
  const id = array.programAt(index);
  if (id < 0) return TAIL_CALL_FAILED;
  return datapath.programs[id].run(packet);
}
