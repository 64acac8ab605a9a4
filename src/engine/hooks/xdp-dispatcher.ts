/**
 * Several XDP programs at one device, as libxdp's dispatcher runs them: by run priority, the lowest first; a program
 * whose answer is one of its chain call actions hands on to the next; any other answer is the verdict. Past the last
 * program the verdict is PASS.
 */
import type { PacketContext } from '../packet.js';
import type { HookProgram } from './program.js';
import { XDP_PASS } from './verdict.js';

/** Programs that a dispatcher has room for, and what libxdp assumes of a program that says nothing. */
const DISPATCHER_CAPACITY = 10;
const DEFAULT_RUN_PRIORITY = 50;
const DEFAULT_CHAIN_CALL_ACTIONS = 1 << XDP_PASS;
/** Actions are bits of a 32-bit mask; an answer outside of it ends the chain. */
const LAST_ACTION = 31;

export interface DispatchedProgram {
  readonly program: HookProgram;
  readonly runPriority?: number;
  /** Bit mask of XDP actions after which the next program runs. */
  readonly chainCallActions?: number;
}

export class XdpDispatcher implements HookProgram {
  readonly name = 'xdp_dispatcher';
  /** In the order in which they run. */
  readonly entries: readonly DispatchedProgram[];
  readonly programs: readonly HookProgram[];
  readonly #chainCallActions: Int32Array;

  /** A dispatcher of what runs (a dispatcher's programs, or one program) and another program before or behind that. */
  static join(current: HookProgram, program: HookProgram, first: boolean): XdpDispatcher {
    const entries = current instanceof XdpDispatcher ? current.entries : [{ program: current }];
    const runPriority = first ? priorityOf(entries[0]) - 1 : priorityOf(entries.at(-1)!) + 1;
    return new XdpDispatcher([...entries, { program, runPriority }]);
  }

  /** Throws a RangeError for more programs than a dispatcher has room for. */
  constructor(programs: readonly DispatchedProgram[]) {
    if (programs.length > DISPATCHER_CAPACITY) {
      throw new RangeError(`${programs.length} XDP programs: a dispatcher runs ${DISPATCHER_CAPACITY}`);
    }
    const sorted = [...programs].sort(
      (a, b) => priorityOf(a) - priorityOf(b) || compareNames(a.program.name, b.program.name),
    );
    this.entries = sorted;
    this.programs = sorted.map(({ program }) => program);
    this.#chainCallActions = Int32Array.from(
      sorted,
      ({ chainCallActions }) => chainCallActions ?? DEFAULT_CHAIN_CALL_ACTIONS,
    );
  }

  run(packet: PacketContext): number {
    const { programs } = this;
    for (let i = 0; i < programs.length; i++) {
      const verdict = programs[i].run(packet);
      if (verdict < 0 || verdict > LAST_ACTION || ((this.#chainCallActions[i] >>> verdict) & 1) === 0) {
        return verdict;
      }
    }
    return XDP_PASS;
  }
}

function priorityOf({ runPriority }: DispatchedProgram): number {
  return runPriority ?? DEFAULT_RUN_PRIORITY;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
