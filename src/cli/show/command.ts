/** What a listing is: a command in its tool's own words, and what the tool prints for it. */
import type { Namespace } from '../../engine/namespace.js';
import type { BuiltNode, BuiltPod, BuiltTopology } from '../../topologies/built.js';
import type { PlannedDevice } from '../../topologies/plan.js';
import type { Flow } from '../monitor/hubble/flow.js';

/** Where a command runs: a node's own namespace, that of a pod on it, or a router's. */
export interface Place {
  readonly built: BuiltTopology;
  /** Of the node, pod or router. */
  readonly name: string;
  /** The node, also of a pod. Of a router, asking for it throws a UsageError that says so. */
  readonly node: BuiltNode;
  readonly pod: BuiltPod | null;
  readonly namespace: Namespace;
  /** Declared devices of a node or router; a pod's own is not among them. */
  readonly devices: readonly PlannedDevice[];
  /** What Hubble saw of the run, oldest first; absent where nobody watched. */
  readonly flows?: readonly Flow[];
}

/** What the tool writes, and how it exits. */
export interface Output {
  readonly text: string;
  /** Standard error. */
  readonly errors?: string;
  readonly exitCode?: number;
}

export interface Invocation {
  readonly place: Place;
  /** The whole command as it was typed, short words expanded, for what reads it itself. */
  readonly line: string;
  /** Words behind the command's own, without options. */
  readonly args: readonly string[];
  has(...options: readonly string[]): boolean;
  /** Of an option that takes one; null when it is not there. */
  value(...options: readonly string[]): string | null;
  /** The tool's JSON is wanted. */
  readonly json: boolean;
}

export interface ShowCommand {
  /** `cilium-dbg bpf ct list global`: the words that name it. */
  readonly words: string;
  /** What may follow, for help: `[dev DEVICE]`. */
  readonly usage?: string;
  /** How many words may follow; default none. */
  readonly maximumArgs?: number;
  readonly options?: readonly string[];
  /** Options that take a value. */
  readonly valued?: readonly string[];
  run(invocation: Invocation): Output;
}

export interface Tool {
  /** First word, and other names of the program. */
  readonly names: readonly string[];
  /** Options of every command of the tool. */
  readonly options?: readonly string[];
  readonly valued?: readonly string[];
  /** Options of one letter may be written together: `-an`. */
  readonly bundles?: boolean;
  /** Whether these options, and the values of those that take one, ask for JSON; absent when the tool has none. */
  readonly json?: (has: Invocation['has'], value: Invocation['value']) => boolean;
  /** A full word for a short one: `a` for `addr`. */
  readonly expand?: (word: string, position: number) => string;
  readonly commands: readonly ShowCommand[];
  /** Reads its command line itself: the words behind its name. The commands are then for help alone. */
  readonly runWords?: (place: Place, words: readonly string[], json: boolean) => Output;
}
