/** What a datapath thread and the one that started it say to each other: plain data. */
import type { TopologySpec } from '../topologies/spec.js';
import type { Binding } from './binding.js';
import type { SteeringSetup } from './steering/steering.js';

export interface ThreadSetup {
  readonly topology: TopologySpec;
  readonly bindings: readonly Binding[];
  /** Memory of LiveStatistics for as many ports as there are bindings. */
  readonly statistics: SharedArrayBuffer;
  readonly seed: number;
  /** Numbers that the topology's parts had before, as KeptNumbers tells them. */
  readonly numbers?: NumbersJson | undefined;
  /** One of several workers: its number, and what they share. */
  readonly worker?: { readonly number: number; readonly steering: SteeringSetup } | undefined;
  /** Directory that the maps live in; default memory of the process. */
  readonly state?: string | undefined;
}

/** What KeptNumbers is made of. */
export type NumbersJson = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Another topology for a thread that runs, and what its ports are from then on. */
export interface Change {
  readonly topology: TopologySpec;
  readonly bindings: readonly Binding[];
}

/** What a thread answers to `change`, and says when it is ready. */
export interface Running {
  readonly numbers: NumbersJson;
  /** By binding: its row in the statistics. */
  readonly rows: readonly number[];
  /** Entries of a run before that were not whole. */
  readonly leftOut: number;
}

export interface Request {
  readonly id: number;
  readonly kind: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly exitCode?: number;
}

/** The thread runs; a port's interface changed its state; lines for whoever watches. */
export type Notice =
  | ({ readonly kind: 'ready'; readonly wakeFd: number } & Running)
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number }
  | { readonly kind: 'port'; readonly device: string; readonly state: number; readonly isUp: boolean }
  | { readonly kind: 'lines' | 'talk'; readonly text: string };
