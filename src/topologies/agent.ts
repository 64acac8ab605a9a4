/**
 * What a node's agent does while its programs run: it collects connections and NAT mappings whose time is over, at
 * its intervals and when the programs signal that they ran out of room; it authenticates whom a policy wants
 * authenticated; it says that it is alive. It goes by the run's clock alone, so that the same run does the same at the
 * same points.
 */
import type { Clock } from '../engine/clock.js';
import type { Datapath } from '../programs/datapath.js';
import { GarbageCollector } from '../programs/garbage-collection.js';
import { TYPE_SPIRE, typeOf, writeAuthentication } from '../programs/tables/authentication.js';
import { asksForAuthentication, asksForCollection, SIGNAL_BODY } from '../programs/tables/events.js';
import { writeAgentLiveness } from '../programs/tables/node-state.js';
import type { CiliumConfig } from './cilium-config.js';

/** How long a handshake holds: the lifetime of SPIRE's certificates. */
const AUTHENTICATED_NS = 3600e9;

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

/** A node that has an agent. */
export interface AgentNode {
  readonly datapath: Datapath;
  readonly config: Pick<CiliumConfig, 'mutualAuthentication' | 'collectionIntervalSeconds'>;
}

export class Agent {
  /** Off: nothing expires, as between two runs of an agent that never come. Signals are read all the same. */
  collects = true;
  /** By row of the nodes. */
  readonly collected: readonly Collected[];

  readonly #clock: Clock;
  readonly #nodes: readonly AgentNode[];
  readonly #collectors: readonly GarbageCollector[];
  readonly #timed: readonly Timed[];
  #second: number;

  /** `timed` are polled once a second, too. */
  constructor(clock: Clock, nodes: readonly AgentNode[], timed: readonly Timed[] = []) {
    this.#clock = clock;
    this.#nodes = nodes;
    this.#timed = timed;
    this.#collectors = nodes.map(
      ({ datapath, config }) => new GarbageCollector(datapath, config.collectionIntervalSeconds),
    );
    this.collected = nodes.map(() => ({ runs: 0, connections: 0, mappings: 0 }));
    this.#second = clock.nowSeconds;
    for (const { datapath } of nodes) this.#sayAlive(datapath);
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
    for (let i = 0; i < this.#nodes.length; i++) {
      const collector = this.#collectors[i];
      this.#sayAlive(this.#nodes[i].datapath);
      if (this.#readSignals(this.#nodes[i])) collector.request();
      if (!this.collects) continue;
      const done = collector.poll();
      if (done === null) continue;
      const collected = this.collected[i];
      collected.runs++;
      collected.connections += done.connectionsDeleted;
      collected.mappings += done.mappingsDeleted + done.orphansDeleted;
    }
  }

  /** Announcements hold while their agent is alive. */
  #sayAlive({ features, runtimeConfig }: Datapath): void {
    // Time 0 would say that there is no agent.
    if (features.l2Announcements) writeAgentLiveness(runtimeConfig, Math.max(this.#clock.nowNs, 1));
  }

  /** Answers handshakes that are asked for; whether a map is full. */
  #readSignals({ datapath, config }: AgentNode): boolean {
    const { signals, authentication } = datapath;
    let full = false;
    for (let at = signals.read(); at >= 0; at = signals.read()) {
      if (asksForCollection(signals.bytes, at)) full = true;
      if (!config.mutualAuthentication || !asksForAuthentication(signals.bytes, at)) continue;
      const keyAt = at + SIGNAL_BODY;
      if (typeOf(signals.bytes, keyAt) !== TYPE_SPIRE) continue;
      writeAuthentication(authentication, signals.bytes, keyAt, this.#clock.nowNs + AUTHENTICATED_NS);
    }
    return full;
  }
}
