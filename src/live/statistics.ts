/**
 * What a datapath thread has counted, in shared memory: the thread writes it now and then, others read it at any time.
 * Float64 throughout, exact to 2^53; a number may be of the moment before another's.
 */
import { FATE_COUNT, REASON_COUNT } from '../engine/fate.js';
import { PORT_COUNTERS } from '../io/live/live-port.js';
import type { BuiltTopology } from '../topologies/built.js';

/** Rows of `LiveStatistics.loop`. */
export const WALKED = 0;
export const COPIES = 1;
/** Times that the thread woke up, and nanoseconds that it was not asleep. */
export const ROUNDS = 2;
export const BUSY_NS = 3;
export const UNBOUND = 4;
export const STRANGERS = 5;
/** Times that no frame slot was free. */
export const NO_SLOTS = 6;
const LOOP_ROWS = 7;

export class LiveStatistics {
  readonly memory: SharedArrayBuffer;
  readonly loop: Float64Array;
  readonly fates: Float64Array;
  /** By drop reason. */
  readonly dropped: Float64Array;
  readonly #memory: SharedArrayBuffer;
  readonly #ports: number;

  /** For `ports` ports; `memory` is what another's `memory` is, in another thread. */
  constructor(ports: number, memory?: SharedArrayBuffer) {
    this.#ports = ports;
    const numbers = LOOP_ROWS + FATE_COUNT + REASON_COUNT + ports * PORT_COUNTERS;
    this.#memory = memory ?? new SharedArrayBuffer(numbers * Float64Array.BYTES_PER_ELEMENT);
    this.memory = this.#memory;
    this.loop = this.#row(0, LOOP_ROWS);
    this.fates = this.#row(LOOP_ROWS, FATE_COUNT);
    this.dropped = this.#row(LOOP_ROWS + FATE_COUNT, REASON_COUNT);
  }

  get ports(): number {
    return this.#ports;
  }

  /** The counters of one port, as live-port.ts has their rows. */
  port(row: number): Float64Array {
    return this.#row(LOOP_ROWS + FATE_COUNT + REASON_COUNT + row * PORT_COUNTERS, PORT_COUNTERS);
  }

  /** Takes over what a topology has counted so far. */
  note({ walker }: BuiltTopology): void {
    this.loop[WALKED] = walker.counters.walked;
    this.loop[COPIES] = walker.counters.copies;
    this.loop[NO_SLOTS] = walker.arena.exhausted;
    this.fates.set(walker.counters.fates);
    this.dropped.set(walker.counters.dropped);
  }

  #row(at: number, count: number): Float64Array {
    return new Float64Array(this.#memory, at * Float64Array.BYTES_PER_ELEMENT, count);
  }
}
