/**
 * What packets have left in a topology, as plain data that goes from thread to thread: so that several workers' parts
 * can be looked at as one.
 */
import { BPF_ANY, type BpfMap } from '../engine/maps/map.js';
import { isPerCpu, recordsOf } from '../engine/maps/records.js';
import type { Neighbour } from '../engine/stack/neighbour.js';
import { NUD_PERMANENT } from '../engine/stack/neighbour.js';
import type { WalkCounters } from '../engine/walk-counters.js';
import { isWrittenByPackets } from '../programs/tables/map-specs.js';
import type { BuiltTopology } from '../topologies/built.js';
import { addNetfilter, type NetfilterSnapshot, takeNetfilter } from './netfilter-snapshot.js';

/** Keys, and values, of one map, one behind the other; of a per-CPU map the sums over its CPUs. */
interface MapSnapshot {
  readonly node: string;
  readonly map: string;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

export interface Snapshot {
  /** The run's clock. */
  readonly nowNs: number;
  readonly maps: readonly MapSnapshot[];
  /** By row of the network's namespaces: what was learned. */
  readonly neighbours: readonly (readonly Neighbour[])[];
  readonly counters: Partial<WalkCounters>;
  /** By row of the nodes; null where nothing is masqueraded by the kernel. */
  readonly netfilters: readonly (NetfilterSnapshot | null)[];
}

/** Columns by device or namespace that listings show. */
const COLUMNS = ['receivedPackets', 'receivedBytes', 'transmittedPackets', 'transmittedBytes'] as const;

export function takeSnapshot({ nodes, clock, network, walker }: BuiltTopology): Snapshot {
  return {
    nowNs: clock.nowNs,
    maps: nodes.flatMap(({ planned, datapath }) =>
      [...datapath.maps.values()].filter(isKept).map((map) => ({
        node: planned.name,
        map: map.spec.name,
        ...entriesOf(map),
      })),
    ),
    neighbours: network.namespaces.map(({ neighbours }) =>
      neighbours.entries(clock.nowNs).filter(({ state }) => state !== NUD_PERMANENT),
    ),
    counters: Object.fromEntries(COLUMNS.map((column) => [column, walker.counters[column]])),
    netfilters: nodes.map(({ netfilter }) => netfilter && takeNetfilter(netfilter)),
  };
}

function isKept({ spec, size }: BpfMap): boolean {
  return isWrittenByPackets(spec) && spec.type !== 'perf_event_array' && size > 0;
}

function entriesOf(map: BpfMap): { keys: Uint8Array; values: Uint8Array } {
  const { keySize, valueSize } = map.spec;
  const records = recordsOf(map);
  const keys = new Uint8Array(records.length * keySize);
  const values = new Uint8Array(records.length * valueSize);
  records.forEach(({ key, values: copies }, i) => {
    keys.set(key, i * keySize);
    const value = values.subarray(i * valueSize, (i + 1) * valueSize);
    value.set(copies[0]);
    for (const copy of copies.slice(1)) addCounters(value, copy);
  });
  return { keys, values };
}

/**
 * Puts several workers' snapshots into a topology that was just built, and which nothing walks through. A connection is
 * one worker's; counters are added up.
 */
export function showSnapshots(built: BuiltTopology, snapshots: readonly Snapshot[]): void {
  built.clock.set(Math.max(...snapshots.map(({ nowNs }) => nowNs)));
  const { counters } = built.walker;
  for (const column of COLUMNS) {
    counters[column].forEach((_, row) => {
      counters[column][row] = snapshots.reduce((sum, one) => sum + (one.counters[column]?.[row] ?? 0), 0);
    });
  }
  for (const { maps, neighbours, netfilters } of snapshots) {
    for (const one of maps) {
      const node = built.nodes.find(({ planned }) => planned.name === one.node);
      if (node !== undefined) addEntries(node.datapath.map(one.map), one);
    }
    netfilters.forEach((snapshot, row) => {
      const { netfilter } = built.nodes[row];
      if (netfilter !== null && snapshot !== null) addNetfilter(netfilter, snapshot);
    });
    neighbours.forEach((known, row) => {
      for (const neighbour of known) learn(built, row, neighbour);
    });
  }
}

function addEntries(map: BpfMap, { keys, values }: MapSnapshot): void {
  const { keySize, valueSize, name } = map.spec;
  const sums = isPerCpu(map) || name === 'cilium_ratelimit_metrics';
  const key = new Int32Array(map.keyWords);
  const keyBytes = new Uint8Array(key.buffer);
  for (let i = 0; i * keySize < keys.length; i++) {
    keyBytes.set(keys.subarray(i * keySize, (i + 1) * keySize));
    const value = values.slice(i * valueSize, (i + 1) * valueSize);
    const known = sums ? map.lookup(key, 0) : -1;
    if (known >= 0) addCounters(value, map.bytes.subarray(known, known + valueSize));
    map.update(key, 0, value, 0, BPF_ANY);
  }
}

/** Adds to each 64-bit counter of a value; to each of 32 bits where the value is no longer. */
function addCounters(value: Uint8Array, more: Uint8Array): void {
  const [to, from] = [value, more].map(
    (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  );
  if (value.length === 4) to.setUint32(0, to.getUint32(0, true) + from.getUint32(0, true), true);
  for (let at = 0; at + 8 <= value.length; at += 8) {
    to.setBigUint64(at, to.getBigUint64(at, true) + from.getBigUint64(at, true), true);
  }
}

function learn({ network, clock }: BuiltTopology, row: number, neighbour: Neighbour): void {
  const { ifindex, address, mac, state } = neighbour;
  network.namespaces[row].neighbours.learn(ifindex, address, 0, address.length, mac, 0, state, clock.nowNs);
}
