/** What stands in the maps of the node that walks are timed on. Keys and values in hex, as bpftool dumps them. */
import { readFileSync } from 'node:fs';
import { createMap } from '../src/engine/maps/create-map.js';
import type { BpfMap } from '../src/engine/maps/map.js';
import type { MapOfMaps } from '../src/engine/maps/map-of-maps.js';
import type { Datapath } from '../src/programs/datapath.js';
import { POLICY_MAP_SPEC } from '../src/programs/tables/map-specs.js';
import { setHex } from '../test/support/map-hex.js';

const STATE = new URL('../../bench/walk-state.json', import.meta.url);

export type Entries = Readonly<Record<string, readonly (readonly [string, string])[]>>;

/** Fills the datapath's maps with set A's state and answers the policy maps by their names there. */
export function fillMaps(datapath: Datapath): Map<string, BpfMap> {
  const policies = new Map<string, BpfMap>();
  const { maps } = JSON.parse(readFileSync(STATE, 'utf8')) as { maps: Entries };
  for (const [name, entries] of Object.entries(maps)) {
    const map = name.startsWith('policy_') ? createMap(POLICY_MAP_SPEC) : datapath.map(name);
    if (name.startsWith('policy_')) policies.set(name, map);
    for (const [key, value] of entries) setHex(map, key, value);
  }
  return policies;
}

export function addEntries(datapath: Datapath, entries: Entries): void {
  for (const [name, rows] of Object.entries(entries)) {
    for (const [key, value] of rows) setHex(datapath.map(name), key, value);
  }
}

/** Remote pods behind a tunnel to 192.168.0.12 instead of a route. */
export const TUNNEL_ENTRIES: Entries = {
  cilium_ipcache_v2: [
    ['40000000000000010af5020a000000000000000000000000', 'd1070000c0a8000c00000000000000000000000000000002'],
  ],
};

/** Pods 1 and 2 and a remote pod, and the ClusterIPs fd00:96::10 (backend: pod 2) and fd00:96::11 (the remote pod). */
export const IPV6_ENTRIES: Entries = {
  cilium_ipcache_v2: [
    ['a000000000000002fd000010000100000000000000000010', 'e90300000000000000000000000000000000000000000000'],
    ['a000000000000002fd000010000100000000000000000020', 'ea0300000000000000000000000000000000000000000000'],
    ['a000000000000002fd000010000200000000000000000010', 'd10700000000000000000000000000000000000000000000'],
  ],
  cilium_lxc: [
    [
      'fd00001000010000000000000000001002000000',
      '150000000000650000000000000000000a000000010100000a00000001fe0000e9030000000000000000000000000000',
    ],
    [
      'fd00001000010000000000000000002002000000',
      '160000000000660000000000000000000a000000020100000a00000002fe0000ea030000000000000000000000000000',
    ],
  ],
  cilium_lb6_services_v2: [
    ['fd0000960000000000000000000000100050000000000000', '000000000100e90300000000'],
    ['fd0000960000000000000000000000100050010000000000', '0e0000000000e90300000000'],
    ['fd0000960000000000000000000000110050000000000000', '000000000100ea0300000000'],
    ['fd0000960000000000000000000000110050010000000000', '0f0000000000ea0300000000'],
  ],
  cilium_lb6_backends_v3: [
    ['0e000000', 'fd0000100001000000000000000000201f90000000000000'],
    ['0f000000', 'fd0000100002000000000000000000101f90000000000000'],
  ],
  cilium_lb6_reverse_nat: [
    ['e903', 'fd0000960000000000000000000000100050'],
    ['ea03', 'fd0000960000000000000000000000110050'],
  ],
};

/** The prefilter drops 203.0.113.0/24 (key: prefix length, address). */
export const PREFILTER_ENTRIES: Entries = { cilium_cidr_v4_dyn: [['18000000cb007100', '00']] };

/** Maglev's table of one service, every slot the same backend. `revNat` is raw. */
export function addMaglevTable(datapath: Datapath, revNat: number, backendId: number): void {
  const outer = datapath.map('cilium_lb4_maglev') as MapOfMaps;
  const { inner } = outer.spec;
  if (inner === undefined) throw new Error('cilium_lb4_maglev has no inner map');
  const table = createMap(inner);
  table.words.fill(backendId, 0, inner.valueSize >> 2);
  outer.adopt(1, table);
  const inserted = outer.insert(Int32Array.of(revNat), 0, 0);
  outer.words[inserted >> 2] = 1;
}
