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
/** Frames that nodes' own stacks sent. */
export const ORIGINATED = 7;
/** Frames that were handed over to other workers, and those that were lost on the way. */
export const HANDED_OVER = 8;
export const HANDOVER_LOST = 9;
/** Walks of frames that walked in another worker as well. */
export const SHARED_WALKS = 10;
/** UDP datagrams that were walked in the frame of another. */
export const MERGED = 11;
const LOOP_ROWS = 12;
const FIRST_PORT_ROW = LOOP_ROWS + FATE_COUNT + REASON_COUNT;

export class LiveStatistics {
  readonly memory: SharedArrayBuffer;
  readonly loop: Float64Array;
  readonly fates: Float64Array;
  /** By drop reason. */
  readonly dropped: Float64Array;
  /** What topologies before the present one counted: walked, copies, own, then as the rows of `fates` and `dropped`. */
  readonly #before = { walked: 0, copies: 0, originated: 0 };
  readonly #fatesBefore = new Float64Array(FATE_COUNT);
  readonly #droppedBefore = new Float64Array(REASON_COUNT);
  readonly ports: number;

  /** For a number of ports; or what another's `memory` is, in another thread. */
  constructor(from: number | SharedArrayBuffer) {
    const size = (ports: number): number => 8 * (FIRST_PORT_ROW + ports * PORT_COUNTERS);
    this.memory = typeof from === 'number' ? new SharedArrayBuffer(size(from)) : from;
    this.ports = (this.memory.byteLength - size(0)) / (8 * PORT_COUNTERS);
    this.loop = this.#row(0, LOOP_ROWS);
    this.fates = this.#row(LOOP_ROWS, FATE_COUNT);
    this.dropped = this.#row(LOOP_ROWS + FATE_COUNT, REASON_COUNT);
  }

  /** The counters of one port, as live-port.ts has their rows. */
  port(row: number): Float64Array {
    return this.#row(FIRST_PORT_ROW + row * PORT_COUNTERS, PORT_COUNTERS);
  }

  /** Takes over what a topology has counted so far. */
  note({ walker: { counters, arena } }: BuiltTopology): void {
    this.loop[WALKED] = this.#before.walked + counters.walked;
    this.loop[COPIES] = this.#before.copies + counters.copies;
    this.loop[ORIGINATED] = this.#before.originated + counters.originated;
    this.loop[NO_SLOTS] = arena.exhausted;
    for (let i = 0; i < FATE_COUNT; i++) this.fates[i] = this.#fatesBefore[i] + counters.fates[i];
    for (let i = 0; i < REASON_COUNT; i++) this.dropped[i] = this.#droppedBefore[i] + counters.dropped[i];
  }

  /** The topology is about to be replaced by one that counts from zero. */
  carry(built: BuiltTopology): void {
    this.note(built);
    this.#before.walked = this.loop[WALKED];
    this.#before.copies = this.loop[COPIES];
    this.#before.originated = this.loop[ORIGINATED];
    this.#fatesBefore.set(this.fates);
    this.#droppedBefore.set(this.dropped);
  }

  #row(at: number, count: number): Float64Array {
    return new Float64Array(this.memory, 8 * at, count);
  }
}
