/**
 * The agent's garbage collector of connections and NAT mappings. The programs never look at a lifetime: an entry
 * lives until the collector comes by after its end. It runs on the datapath's clock, more often the more it finds.
 */
import type { BpfMap } from '../engine/maps/map.js';
import type { MapOfMaps } from '../engine/maps/map-of-maps.js';
import { PROTOCOL_TCP } from '../engine/wire/ipv4.js';
import type { Datapath } from './datapath.js';
import type { Family } from './family.js';
import * as ct from './tables/conntrack.js';
import * as nat from './tables/nat.js';

/** Seconds between two runs: at first, at least, at most (with LRU maps). */
const STARTING_INTERVAL = 300;
const MINIMUM_INTERVAL = 10;
const MAXIMUM_INTERVAL = 12 * 3600;

/** Shares of a map's capacity: above the first runs come sooner, below the second later. */
const MANY_DELETED = 0.25;
const FEW_DELETED = 0.05;
/** A run that deletes more than this counts as this much. */
const MOST_DELETED = 0.9;
const SLOWER = 1.5;

/** What one run did. */
export interface Collection {
  /** Entries that were deleted and that stay. */
  readonly connectionsDeleted: number;
  readonly connectionsAlive: number;
  /** Mappings that went with their connection, and those without any. */
  readonly mappingsDeleted: number;
  readonly orphansDeleted: number;
}

/** The maps in which a connection and what was made of its addresses are found: a node's, or of a remote cluster. */
interface MapSet {
  readonly family: Family;
  readonly tcp: BpfMap;
  readonly any: BpfMap;
  readonly snat: BpfMap | null;
}

/** The next interval in seconds, from the last one and the largest share of a map that was deleted. */
export function nextInterval(interval: number, deletedShare: number): number {
  if (deletedShare > MANY_DELETED) {
    const shorter = Math.round(interval * (1 - Math.min(deletedShare, MOST_DELETED)));
    return Math.max(shorter, MINIMUM_INTERVAL);
  }
  if (deletedShare > 0 && deletedShare < FEW_DELETED) {
    return Math.min(Math.round(interval * SLOWER), MAXIMUM_INTERVAL);
  }
  return interval;
}

export class GarbageCollector {
  readonly #datapath: Datapath;
  readonly #fixedInterval: number;
  readonly #key = new Int32Array(10);
  readonly #other = new Int32Array(10);
  #interval: number;
  #lastSeconds: number;
  #requested = false;

  /** With `intervalSeconds` the interval stays (the agent's --conntrack-gc-interval); 0 adapts it. */
  constructor(datapath: Datapath, intervalSeconds = 0) {
    this.#datapath = datapath;
    this.#fixedInterval = intervalSeconds;
    this.#interval = intervalSeconds === 0 ? STARTING_INTERVAL : intervalSeconds;
    this.#lastSeconds = datapath.clock.nowSeconds;
  }

  /** Monotonic second of the next run. */
  get dueSeconds(): number {
    return this.#requested ? this.#datapath.clock.nowSeconds : this.#lastSeconds + this.#interval;
  }

  /** A map is full or NAT ports are hard to find (`cilium_signals`): the next `poll` runs, and looks for orphans. */
  request(): void {
    this.#requested = true;
  }

  /** Runs when it is time; null when it is not. */
  poll(): Collection | null {
    return this.#datapath.clock.nowSeconds < this.dueSeconds ? null : this.run();
  }

  /** Deletes every connection whose lifetime has ended, with its mapping; after `request` also stray mappings. */
  run(): Collection {
    const now = this.#datapath.clock.nowSeconds;
    const totals = { connectionsDeleted: 0, connectionsAlive: 0, mappingsDeleted: 0, orphansDeleted: 0 };
    let share = 0;
    for (const set of this.#mapSets()) {
      for (const map of [set.tcp, set.any]) {
        const deleted = this.#expire(set, map, now, totals);
        share = Math.max(share, deleted / map.spec.maxEntries);
      }
      if (this.#requested) totals.orphansDeleted += this.#deleteOrphans(set);
    }
    this.#requested = false;
    this.#adapt(now, share);
    return totals;
  }

  #adapt(now: number, share: number): void {
    const passed = now - this.#lastSeconds;
    this.#lastSeconds = now;
    if (this.#fixedInterval !== 0) return;
    // A run ahead of time had less time to find something.
    const early = passed > 0 && passed < this.#interval;
    this.#interval = nextInterval(this.#interval, early ? (share * this.#interval) / passed : share);
  }

  *#mapSets(): Generator<MapSet> {
    for (const family of [this.#datapath.ipv4, this.#datapath.ipv6]) {
      yield { family, tcp: family.conntrackTcp, any: family.conntrackAny, snat: family.snat };
      const clusters = family.perClusterConntrackTcp.spec.maxEntries;
      for (let cluster = 1; cluster < clusters; cluster++) {
        const tcp = this.#inner(family.perClusterConntrackTcp, cluster);
        const any = this.#inner(family.perClusterConntrackAny, cluster);
        if (tcp === null || any === null) continue;
        yield { family, tcp, any, snat: this.#inner(family.perClusterSnat, cluster) };
      }
    }
  }

  #inner(outer: MapOfMaps, cluster: number): BpfMap | null {
    this.#key[0] = cluster;
    const at = outer.lookup(this.#key, 0);
    return at < 0 ? null : outer.inner(at);
  }

  #expire(
    set: MapSet,
    map: BpfMap,
    now: number,
    totals: { connectionsDeleted: number; connectionsAlive: number; mappingsDeleted: number },
  ): number {
    let deleted = 0;
    for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
      const valueWord = map.valueAt(cursor) >> 2;
      if (map.words[valueWord + ct.LIFETIME] >>> 0 >= now) {
        totals.connectionsAlive++;
        continue;
      }
      const flags = map.words[valueWord + ct.FLAGS];
      this.#copyKey(map, cursor);
      map.delete(this.#key, 0);
      deleted++;
      if (set.snat !== null && this.#deleteMapping(set.family, set.snat, flags)) totals.mappingsDeleted++;
    }
    totals.connectionsDeleted += deleted;
    return deleted;
  }

  #copyKey(map: BpfMap, cursor: number): void {
    const word = map.keyAt(cursor) >> 2;
    for (let i = 0; i < map.keyWords; i++) this.#key[i] = map.words[word + i];
  }

  /**
   * Deletes the mapping of the connection at `#key`, if it is one that was sent from here. An entry that a DSR
   * request made belongs to the reply, which goes the other way, and has no partner.
   */
  #deleteMapping(family: Family, snat: BpfMap, flags: number): boolean {
    const key = this.#key;
    if (((key[family.metaWord] >> 8) & 0xff) !== ct.TUPLE_OUT) return false;
    if ((flags & ct.FLAG_DSR_INTERNAL) !== 0) {
      swapPorts(key, family);
      return snat.delete(key, 0) === 0;
    }
    swapAddresses(key, family);
    const at = snat.lookup(key, 0);
    if (at < 0) return false;
    const n = family.addressWords;
    const valueWord = (at >> 2) + nat.ADDRESS;
    const partner = this.#other;
    for (let i = 0; i < n; i++) {
      partner[i] = snat.words[valueWord + i];
      partner[n + i] = key[i];
    }
    const port = snat.words[valueWord + n] & 0xffff;
    partner[family.portsWord] = port | (key[family.portsWord] << 16);
    partner[family.metaWord] = (key[family.metaWord] & 0xff) | (nat.TUPLE_IN << 8);
    snat.delete(key, 0);
    snat.delete(partner, 0);
    return true;
  }

  /** Mappings whose connection is gone without the collector's doing: evicted, or made into another one. */
  #deleteOrphans(set: MapSet): number {
    const { snat, family } = set;
    if (snat === null) return 0;
    let deleted = 0;
    for (let cursor = snat.next(-1); cursor >= 0; cursor = snat.next(cursor)) {
      this.#copyKey(snat, cursor);
      const connections = (this.#key[family.metaWord] & 0xff) === PROTOCOL_TCP ? set.tcp : set.any;
      if (this.#hasConnection(family, connections, snat, cursor)) continue;
      this.#copyKey(snat, cursor);
      snat.delete(this.#key, 0);
      deleted++;
    }
    return deleted;
  }

  /** Whether the mapping at `#key` has its connection. The key is used up. */
  #hasConnection(family: Family, connections: BpfMap, snat: BpfMap, cursor: number): boolean {
    const key = this.#key;
    const n = family.addressWords;
    const incoming = ((key[family.metaWord] >> 8) & 0xff) === nat.TUPLE_IN;
    key[family.metaWord] = (key[family.metaWord] & 0xff) | (ct.TUPLE_OUT << 8);
    if (!incoming) {
      swapAddresses(key, family);
      if (connections.lookup(key, 0) >= 0) return true;
      swapAddresses(key, family);
      swapPorts(key, family);
      const at = connections.lookup(key, 0);
      return at >= 0 && (connections.words[(at >> 2) + ct.FLAGS] & ct.FLAG_DSR_INTERNAL) !== 0;
    }
    // What comes back from (saddr, sport) was sent by what the entry's value says.
    const valueWord = (snat.valueAt(cursor) >> 2) + nat.ADDRESS;
    for (let i = 0; i < n; i++) key[i] = snat.words[valueWord + i];
    const port = snat.words[valueWord + n] & 0xffff;
    key[family.portsWord] = (key[family.portsWord] >>> 16) | (port << 16);
    return connections.lookup(key, 0) >= 0;
  }
}

function swapAddresses(key: Int32Array, family: Family): void {
  const n = family.addressWords;
  for (let i = 0; i < n; i++) {
    const word = key[i];
    key[i] = key[n + i];
    key[n + i] = word;
  }
}

function swapPorts(key: Int32Array, family: Family): void {
  const ports = key[family.portsWord];
  key[family.portsWord] = (ports << 16) | (ports >>> 16);
}
