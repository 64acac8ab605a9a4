/**
 * What a node's agent does while its programs run: it collects connections and NAT mappings whose time is over, at
 * its intervals and when the programs signal that they ran out of room. It goes by the run's clock alone, so that the
 * same run collects the same entries at the same points.
 */
import type { Clock } from '../engine/clock.js';
import type { Datapath } from '../programs/datapath.js';
import { GarbageCollector } from '../programs/garbage-collection.js';
import { asksForCollection } from '../programs/tables/events.js';

/** Something else that goes by the run's clock: a kernel's timers. */
export interface Timed {
  poll(): void;
}

/** What a node's agent has collected so far. */
export interface Collected {
  runs: number;
  connections: number;
  mappings: number;
}

export class Agent {
  /** Off: nothing expires, as between two runs of an agent that never come. Signals are read all the same. */
  collects = true;
  /** By row of the datapaths. */
  readonly collected: readonly Collected[];

  readonly #clock: Clock;
  readonly #datapaths: readonly Datapath[];
  readonly #collectors: readonly GarbageCollector[];
  readonly #timed: readonly Timed[];
  #second: number;

  /** `timed` are polled once a second, too. */
  constructor(clock: Clock, datapaths: readonly Datapath[], timed: readonly Timed[] = []) {
    this.#clock = clock;
    this.#datapaths = datapaths;
    this.#collectors = datapaths.map((datapath) => new GarbageCollector(datapath));
    this.collected = datapaths.map(() => ({ runs: 0, connections: 0, mappings: 0 }));
    this.#timed = timed;
    this.#second = clock.nowSeconds;
  }

  /**
   * To be called whenever the clock may have moved, before the next frames. Costs a comparison but once a second of the
   * run's time, so a map that stays full is gone through once a second, not with every packet that finds it so.
   */
  poll(): void {
    const now = this.#clock.nowSeconds;
    if (now === this.#second) return;
    this.#second = now;
    for (const one of this.#timed) one.poll();
    for (let i = 0; i < this.#datapaths.length; i++) {
      const collector = this.#collectors[i];
      if (hasSignal(this.#datapaths[i])) collector.request();
      if (!this.collects) continue;
      const done = collector.poll();
      if (done === null) continue;
      const collected = this.collected[i];
      collected.runs++;
      collected.connections += done.connectionsDeleted;
      collected.mappings += done.mappingsDeleted + done.orphansDeleted;
    }
  }
}

/** Reads the datapath's signals; whether one of them says that a map is full. */
function hasSignal({ signals }: Datapath): boolean {
  let found = false;
  for (let at = signals.read(); at >= 0; at = signals.read()) {
    if (asksForCollection(signals.bytes, at)) found = true;
  }
  return found;
}
