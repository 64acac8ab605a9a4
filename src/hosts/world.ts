/** What the hosts of a run share: its time, its chance, and the network that their packets go into. */
import type { Timer } from '../engine/event-queue.js';
import type { Namespace } from '../engine/namespace.js';
import type { RandomSource } from '../engine/random.js';

export interface HostWorld {
  readonly nowNs: number;
  readonly random: RandomSource;
  /** Calls later, by the run's time. What is sent then counts as sent by whoever scheduled it (see `Simulation`). */
  after(delayNs: number, call: () => void): Timer;
  cancel(timer: Timer): void;
  /** Sends an IP packet: a frame whose link addresses are still to be written (see `Walker.send`). */
  send(namespace: Namespace, frame: Uint8Array, mark: number): void;
}

export const MILLISECOND_NS = 1e6;
export const SECOND_NS = 1e9;
