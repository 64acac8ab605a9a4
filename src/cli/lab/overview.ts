/** What a running topology's maps hold, for the live view: sizes, and the flows that have moved the most. */
import type { BpfMap } from '../../engine/maps/map.js';
import * as ct from '../../programs/tables/conntrack.js';
import { isWrittenByPackets } from '../../programs/tables/map-specs.js';
import { protocolName, u64le } from '../../programs/tables/names.js';
import { conntrackTuple } from '../../programs/tables/print-conntrack.js';
import type { BuiltTopology } from '../../topologies/built.js';

export interface FlowOverview {
  /** `10.0.1.10:40000 -> 10.0.2.10:80 TCP`. */
  readonly flow: string;
  readonly packets: number;
  readonly bytes: number;
}

export interface Overview {
  readonly flows: readonly FlowOverview[];
  /** `NODE/MAP`, entries and room; of the maps that packets write and that are not empty. */
  readonly maps: readonly { readonly name: string; readonly size: number; readonly room: number }[];
}

const CONNTRACK = [
  'cilium_ct4_global',
  'cilium_ct_any4_global',
  'cilium_ct6_global',
  'cilium_ct_any6_global',
];
/** Entries of a map that are looked at: a walk through all of a large one would hold packets up. */
const SCAN_LIMIT = 4096;

export function overviewOf(built: BuiltTopology, flowCount: number): Overview {
  const flows = new Map<string, FlowOverview>();
  for (const { datapath } of built.nodes) {
    for (const name of CONNTRACK) noteFlows(datapath.map(name), flows);
  }
  const maps = built.nodes.flatMap(({ planned, datapath }) =>
    [...datapath.maps.values()]
      .filter(({ spec, size }) => isWrittenByPackets(spec) && size > 0 && spec.type.includes('hash'))
      .map(({ spec, size }) => ({ name: `${planned.name}/${spec.name}`, size, room: spec.maxEntries })),
  );
  return { flows: [...flows.values()].sort((a, b) => b.bytes - a.bytes).slice(0, flowCount), maps };
}

/** What several workers' maps hold. */
export function mergeOverviews(all: readonly Overview[], flowCount: number): Overview {
  if (all.length === 1) return all[0];
  const maps = new Map<string, Overview['maps'][number]>();
  for (const map of all.flatMap((one) => one.maps)) {
    maps.set(map.name, { ...map, size: map.size + (maps.get(map.name)?.size ?? 0) });
  }
  const flows = all.flatMap((one) => one.flows).sort((a, b) => b.bytes - a.bytes);
  return { flows: flows.slice(0, flowCount), maps: [...maps.values()] };
}

/** A connection is in the tables of both its nodes, and there once more for its service. */
function noteFlows(map: BpfMap, flows: Map<string, FlowOverview>): void {
  const keySize = map.spec.keySize;
  let scanned = 0;
  for (let cursor = map.next(-1); cursor >= 0 && scanned < SCAN_LIMIT; cursor = map.next(cursor), scanned++) {
    const keyAt = map.keyAt(cursor);
    const key = map.bytes.subarray(keyAt, keyAt + keySize);
    const flags = key[keySize - 1];
    if ((flags & (ct.TUPLE_SERVICE | ct.TUPLE_RELATED)) !== 0) continue;
    const [, , from, , to] = conntrackTuple(key).split(' ');
    const flow = `${from} -> ${to} ${protocolName(key[keySize - 2])}`;
    const valueAt = map.valueAt(cursor);
    const value = map.bytes.subarray(valueAt, valueAt + map.spec.valueSize);
    const packets = Number(u64le(value, 4 * ct.PACKETS));
    const bytes = Number(u64le(value, 4 * ct.BYTES));
    if ((flows.get(flow)?.bytes ?? -1) < bytes) flows.set(flow, { flow, packets, bytes });
  }
}
