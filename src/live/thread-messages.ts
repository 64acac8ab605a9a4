/** What a datapath thread and the one that started it say to each other: plain data. */
import type { TopologySpec } from '../topologies/spec.js';
import type { Binding } from './binding.js';

export interface ThreadSetup {
  readonly topology: TopologySpec;
  readonly bindings: readonly Binding[];
  /** Memory of LiveStatistics for as many ports as there are bindings. */
  readonly statistics: SharedArrayBuffer;
  readonly seed: number;
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
  | { readonly kind: 'ready'; readonly wakeFd: number; readonly macs: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number }
  | { readonly kind: 'port'; readonly device: string; readonly state: number; readonly isUp: boolean }
  | { readonly kind: 'lines'; readonly text: string };
