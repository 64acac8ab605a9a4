import type { PacketContext } from '../packet.js';

/** A program at a hook: looks at and changes the packet, answers a verdict code of its hook (tc or XDP). */
export interface HookProgram {
  /** The name users meet in `bpftool net`, for example `cil_from_container`. */
  readonly name: string;
  run(packet: PacketContext): number;
}

/** What a filter does with a packet that it matches: answers a TC_ACT_ code, of which PIPE asks the next action. */
export interface TcAction {
  readonly kind: string;
  run(packet: PacketContext, atIngress: boolean): number;
}
