import type { PacketContext } from '../packet.js';

/** A program at a hook: looks at and changes the packet, answers a verdict code of its hook (tc or XDP). */
export interface HookProgram {
  /** The name users meet in `bpftool net`, for example `cil_from_container`. */
  readonly name: string;
  run(packet: PacketContext): number;
}
