/** What a datapath thread and the one that started it say to each other: plain data. */
import type { TopologySpec } from '../topologies/spec.js';
import type { NumberedBinding } from './binding.js';
import type { SteeringRule, SteeringSetup } from './steering/steering.js';

export interface ThreadSetup {
  readonly topology: TopologySpec;
  readonly bindings: readonly NumberedBinding[];
  /** Memory of LiveStatistics, in which the bindings have their rows. */
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
  readonly bindings: readonly NumberedBinding[];
  /** By which several workers share the flows. */
  readonly rule: SteeringRule;
}

/** What a thread says when it is ready. To `change` it answers the numbers alone. */
export interface Running {
  readonly numbers: NumbersJson;
  /** Entries of a run before that were not whole. */
  readonly leftOut: number;
  /** Nanoseconds that the run's clock is ahead of CLOCK_MONOTONIC. */
  readonly aheadNs: number;
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

/** Records of walks, as walk-stream.ts writes them. */
export interface WalkBatch {
  readonly worker: number;
  /** How many changes of the topology came before. */
  readonly generation: number;
  /** All records of walks before this time are in this batch and those before it; nanoseconds of the run's clock. */
  readonly untilNs: number;
  readonly bytes: Uint8Array;
}

/** The thread runs; it cannot; a port's interface changed its state; what there was to see of walks. */
export type Notice =
  | ({ readonly kind: 'ready'; readonly wakeFd: number } & Running)
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number }
  | { readonly kind: 'port'; readonly device: string; readonly state: number; readonly isUp: boolean }
  | { readonly kind: 'walks'; readonly batch: WalkBatch };
