/** Programs of a user's own, beside Cilium's: attached to a built topology, and counted. */
import type { Clock } from '../engine/clock.js';
import type { Device } from '../engine/device.js';
import { HOOK_XDP } from '../engine/hooks/order.js';
import type { HookProgram } from '../engine/hooks/program.js';
import { TC_ACT_SHOT, XDP_DROP } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import type { RandomSource } from '../engine/random.js';
import type { BuiltNode, BuiltTopology } from './built.js';
import { OwnProgramError } from './own-program-error.js';

/** Before or after the programs that the hook has already. */
export type Place = 'before' | 'after';

/** A hook program that may have something to tell at the end of a run: numbers by name. */
export interface OwnProgram extends HookProgram {
  counts?(): Readonly<Record<string, number>>;
}

/** Where a program is about to run, and what it may use there. */
export interface ProgramContext {
  readonly topology: BuiltTopology;
  /** The node of the device; `node.datapath.map('cilium_ipcache_v2')` is one of Cilium's maps. */
  readonly node: BuiltNode;
  readonly device: Device;
  /** HOOK_XDP or another of the HOOK_ numbers. */
  readonly hook: number;
  /** Time and chance of the run; the same seed gives the same run. */
  readonly clock: Clock;
  readonly random: RandomSource;
  /** A number for `packet.dropReason`, under whose name drops are counted; without one the program's name is. */
  dropReason(name: string): number;
}

export type ProgramFactory = (context: ProgramContext) => OwnProgram;

/** An own program at its hook. */
export class AttachedProgram implements HookProgram {
  readonly name: string;
  readonly device: Device;
  readonly hook: number;
  readonly place: Place;
  runs = 0;
  drops = 0;
  readonly #program: OwnProgram;
  readonly #dropVerdict: number;
  readonly #reason: number;

  constructor(program: OwnProgram, context: ProgramContext, place: Place) {
    this.name = program.name;
    this.device = context.device;
    this.hook = context.hook;
    this.place = place;
    this.#program = program;
    this.#dropVerdict = context.hook === HOOK_XDP ? XDP_DROP : TC_ACT_SHOT;
    this.#reason = context.dropReason(program.name);
  }

  run(packet: PacketContext): number {
    this.runs++;
    const verdict = this.#verdict(packet);
    if (verdict === this.#dropVerdict) {
      this.drops++;
      if (packet.dropReason === 0) packet.dropReason = this.#reason;
    }
    return verdict;
  }

  counts(): Readonly<Record<string, number>> {
    return this.#program.counts?.() ?? {};
  }

  #verdict(packet: PacketContext): number {
    let verdict: unknown;
    try {
      verdict = this.#program.run(packet);
    } catch (error) {
      throw new OwnProgramError(`program ${this.name} failed in run ${this.runs}: ${errorText(error)}`, {
        cause: error,
      });
    }
    if (typeof verdict === 'number' && (verdict | 0) === verdict) return verdict;
    throw new OwnProgramError(
      `program ${this.name} answered ${String(verdict)} in run ${this.runs}: a verdict is a whole number such as TC_ACT_OK`,
    );
  }
}

/**
 * Attaches a program, or what a factory makes of the place, to a device's hook. Throws OwnProgramError when it is none.
 */
export function attachOwnProgram(
  topology: BuiltTopology,
  random: RandomSource,
  device: Device,
  hook: number,
  program: OwnProgram | ProgramFactory,
  place: Place = 'before',
): AttachedProgram {
  const context: ProgramContext = {
    topology,
    node: topology.nodeOf(device.namespace),
    device,
    hook,
    clock: topology.clock,
    random,
    dropReason: (name) => topology.ownReason(name),
  };
  const made: unknown = typeof program === 'function' ? program(context) : program;
  if (!isProgram(made)) {
    throw new OwnProgramError(
      'not a program: that is an object with a name and a function run(packet), or a function that makes one',
    );
  }
  const attached = new AttachedProgram(made, context, place);
  device.attach(hook, attached, place === 'before');
  return attached;
}

function isProgram(value: unknown): value is OwnProgram {
  if (typeof value !== 'object' || value === null) return false;
  const { name, run } = value as Partial<OwnProgram>;
  return typeof name === 'string' && name !== '' && typeof run === 'function';
}

/** The error, and the line of code that it comes from. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /\n\s+at (.*)/.exec(error.stack ?? '')?.[1];
  return place === undefined ? String(error) : `${error} at ${place}`;
}
