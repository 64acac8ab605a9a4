/** `cilium-dbg bpf …`: a node's maps as Cilium 1.18 lists them. */
import { contains, parseAddress, parsePrefix } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import type { MapOfMaps } from '../../engine/maps/map-of-maps.js';
import type { Family } from '../../programs/family.js';
import { conntrackObjects, conntrackText } from '../../programs/tables/print-conntrack.js';
import { endpointRows, ipcacheRows } from '../../programs/tables/print-identities.js';
import * as lists from '../../programs/tables/print-lists.js';
import { metricsObjects, metricsText } from '../../programs/tables/print-metrics.js';
import { natObjects, natText } from '../../programs/tables/print-nat.js';
import * as services from '../../programs/tables/print-services.js';
import { type MapTableRow, mapTable, mapTableObject, plainTable } from '../../programs/tables/tab-writer.js';
import { isAtLeast, type Version } from '../../topologies/version.js';
import { UsageError } from '../exit-codes.js';
import { policyCommands } from './cilium-policy.js';
import type { Invocation, Output, Place, ShowCommand } from './command.js';
import { goJson } from './json-text.js';

const PINNED = '/sys/fs/bpf/tc/globals/';
const NO_ENTRIES: Output = { text: '', errors: 'No entries found.\n' };

function families({ node }: Place): Family[] {
  const { datapath } = node;
  return [
    ...(datapath.features.ipv4 ? [datapath.ipv4] : []),
    ...(datapath.features.ipv6 ? [datapath.ipv6] : []),
  ];
}

/** A map table, or its JSON. */
function table(
  { json }: Invocation,
  titles: readonly [string, string],
  rows: readonly MapTableRow[],
): Output {
  return { text: json ? goJson(mapTableObject(rows)) : mapTable(titles, rows) };
}

/** A small list, or its JSON. */
function list({ json }: Invocation, { titles, rows, objects }: lists.SmallList, emptyJson = '[]'): Output {
  if (json) return { text: objects.length === 0 ? `${emptyJson}\n\n` : goJson(objects) };
  return rows.length === 0 ? NO_ENTRIES : { text: plainTable(titles, rows) };
}

/** Before Cilium 1.12 the library that opens maps said so in other words. */
const LOADING_SINCE: Version = [1, 12];

function noSuchFile({ node }: Place, name: string, advice = ''): string {
  const path = `${PINNED}${name}`;
  const isOld = !isAtLeast(node.planned.ciliumVersion, LOADING_SINCE);
  const what = isOld ? 'Unable to get object' : 'loading pinned map';
  return `Unable to open ${path}: ${what} ${path}: no such file or directory${advice}. Skipping.\n`;
}

function conntrack(invocation: Invocation, maps: readonly BpfMap[]): Output {
  if (invocation.json) return { text: goJson(maps.flatMap(conntrackObjects)) };
  const now = invocation.has('-d', '--time-diff') ? invocation.place.built.clock.nowSeconds : null;
  const [, minor] = invocation.place.node.planned.ciliumVersion;
  return { text: maps.map((map) => conntrackText(map, now, minor)).join('') };
}

/** The inner map of a cluster; null when there is none. */
function ofCluster(outer: MapOfMaps, cluster: string): BpfMap | null {
  const offset = outer.lookup(Int32Array.of(Number(cluster)), 0);
  return offset < 0 ? null : outer.inner(offset);
}

function conntrackOfCluster(invocation: Invocation): Output {
  const [cluster] = invocation.args;
  const suffix = cluster.padStart(3, '0');
  const outers = families(invocation.place).flatMap((family) => [
    family.perClusterConntrackTcp,
    family.perClusterConntrackAny,
  ]);
  const maps = outers.map((outer) => ofCluster(outer, cluster));
  const there = maps.filter((map) => map !== null);
  const advice = ': please try using "cilium bpf ct list global"';
  const errors = outers.flatMap((outer, i) =>
    maps[i] === null ? [noSuchFile(invocation.place, `${outer.spec.name}_${suffix}`, advice)] : [],
  );
  return { ...conntrack(invocation, there), errors: errors.join('') };
}

/** The agent makes NAT maps where BPF masquerades or node ports are served, one per family. */
function nat(invocation: Invocation): Output {
  const { datapath } = invocation.place.node;
  const { features } = datapath;
  const isMade = features.nodePort || features.masqueradeIpv4 || features.masqueradeIpv6;
  const wanted: readonly (readonly [Family, boolean])[] = [
    [datapath.ipv4, isMade && features.ipv4],
    [datapath.ipv6, isMade && features.ipv6],
  ];
  const errors = wanted.flatMap(([family, made]) =>
    made ? [] : [noSuchFile(invocation.place, family.snat.spec.name)],
  );
  const maps = wanted.flatMap(([family, made]) => (made ? [family.snat] : []));
  return { ...natOutput(invocation, maps), errors: errors.join('') };
}

function natOfCluster(invocation: Invocation): Output {
  const [cluster] = invocation.args;
  const outers = families(invocation.place).map((family) => family.perClusterSnat);
  const maps = outers.map((outer) => ofCluster(outer, cluster));
  const errors = outers.flatMap((outer, i) =>
    maps[i] === null ? [noSuchFile(invocation.place, `${outer.spec.name}_${cluster.padStart(3, '0')}`)] : [],
  );
  const there = maps.filter((map) => map !== null);
  return { ...natOutput(invocation, there), errors: errors.join('') };
}

function natOutput({ json, place }: Invocation, maps: readonly BpfMap[]): Output {
  const { nowSeconds } = place.built.clock;
  return {
    text: json ? goJson(maps.flatMap(natObjects)) : maps.map((map) => natText(map, nowSeconds)).join(''),
  };
}

const BACKEND_TITLE = 'BACKEND ADDRESS (REVNAT_ID) (SLOT)';

function loadBalancer(invocation: Invocation): Output {
  const all = families(invocation.place);
  const rows = (of: (family: Family) => MapTableRow[]): MapTableRow[] => all.flatMap(of);
  if (invocation.has('--frontends')) {
    const frontends = rows((family) => services.frontendRows(family.services));
    return table(invocation, ['SERVICE ADDRESS', 'BACKEND ID'], frontends);
  }
  if (invocation.has('--backends')) {
    return table(
      invocation,
      ['ID', BACKEND_TITLE],
      rows((family) => services.backendRows(family.backends)),
    );
  }
  if (invocation.has('--revnat')) {
    const reverse = rows((family) => services.reverseNatRows(family.reverseNat));
    return table(invocation, ['ID', BACKEND_TITLE], reverse);
  }
  if (invocation.has('--source-ranges')) {
    const ranges = rows((family) => services.sourceRangeRows(family.sourceRange));
    return table(invocation, ['SOURCE RANGE (REVNAT_ID)', ''], ranges);
  }
  const all4and6 = rows((family) => services.serviceRows(family.services, family.backends));
  return table(invocation, ['SERVICE ADDRESS', BACKEND_TITLE], all4and6);
}

function maglevRows(place: Place): MapTableRow[] {
  return families(place).flatMap((family) => services.maglevRows(family.maglev, !family.isV6));
}

function maglevOf(invocation: Invocation): Output {
  const [id] = invocation.args;
  const rows = maglevRows(invocation.place).filter(([key]) => key.startsWith(`[${id}]/`));
  if (rows.length === 0)
    return { text: '', errors: `Error: No entry found for service ${id}\n`, exitCode: 1 };
  return table(invocation, ['SVC ID', 'LOOKUP TABLE'], rows);
}

function ipcache(invocation: Invocation): Output {
  const rows = ipcacheRows(invocation.place.node.datapath.ipcache);
  return rows.length === 0 ? NO_ENTRIES : table(invocation, ['IP PREFIX/ADDRESS', 'IDENTITY'], rows);
}

/** The entry with the longest prefix that the address is in, as packets find it. */
function ipcacheOf({ place, args: [text] }: Invocation): Output {
  const address = parseAddress(text);
  if (address === null) throw new UsageError(`cilium-dbg bpf ipcache get ${text}: not an address`);
  let [longest, value] = [-1, ''];
  for (const [key, identity] of ipcacheRows(place.node.datapath.ipcache)) {
    const prefix = parsePrefix(key);
    if (prefix === null || prefix.length <= longest || !contains(prefix, address)) continue;
    [longest, value] = [prefix.length, identity];
  }
  if (longest >= 0) return { text: `${text} maps to identity ${value}\n` };
  return { text: `${text} does not map to any identity\n`, exitCode: 1 };
}

function metrics({ place, json }: Invocation): Output {
  const { map } = place.node.datapath.metrics;
  if (json) {
    const objects = metricsObjects(map);
    return objects === null ? NO_ENTRIES : { text: goJson(objects) };
  }
  const text = metricsText(map);
  return text === null ? NO_ENTRIES : { text };
}

function egress(invocation: Invocation): Output {
  const { features } = invocation.place.node.datapath;
  if (!features.egressGateway) return { text: '', errors: 'Cannot find egress gateway bpf maps\n' };
  const maps = families(invocation.place).map((family) => family.egressPolicies);
  return list(invocation, lists.egressList(maps));
}

function masquerade(invocation: Invocation): Output {
  const maps = families(invocation.place).map((family) => family.ipMasqueradeAgent);
  const prefixes = lists.prefixTexts(maps);
  if (invocation.json) return { text: goJson(prefixes) };
  if (prefixes.length === 0) return NO_ENTRIES;
  const rows = prefixes.map((prefix) => [prefix, ''] as const);
  return table(invocation, ['IP PREFIX/ADDRESS', ''], rows);
}

function vtep(invocation: Invocation): Output {
  const rows = lists.vtepRows(invocation.place.node.datapath.vtep);
  return rows.length === 0 ? NO_ENTRIES : table(invocation, ['IP PREFIX/ADDRESS', 'VTEP'], rows);
}

function mapsOf(place: Place, choose: (family: Family) => BpfMap): BpfMap[] {
  return families(place).map(choose);
}

const CLUSTER_ARGUMENT = { usage: 'CLUSTER', maximumArgs: 1 } as const;

function clusterChecked(run: (invocation: Invocation) => Output): (invocation: Invocation) => Output {
  return (invocation) => {
    if (!/^\d{1,3}$/.test(invocation.args[0])) {
      throw new UsageError(`cluster ${invocation.args[0]}: not a cluster id (1 to 255)`);
    }
    return run(invocation);
  };
}

export const bpfCommands: readonly ShowCommand[] = [
  {
    words: 'cilium-dbg bpf ct list global',
    options: ['-d', '--time-diff'],
    run: (invocation) =>
      conntrack(
        invocation,
        families(invocation.place).flatMap((family) => [family.conntrackTcp, family.conntrackAny]),
      ),
  },
  {
    words: 'cilium-dbg bpf ct list cluster',
    ...CLUSTER_ARGUMENT,
    options: ['-d', '--time-diff'],
    run: clusterChecked(conntrackOfCluster),
  },
  { words: 'cilium-dbg bpf nat list', run: nat },
  { words: 'cilium-dbg bpf nat list cluster', ...CLUSTER_ARGUMENT, run: clusterChecked(natOfCluster) },
  {
    words: 'cilium-dbg bpf lb list',
    options: ['--frontends', '--backends', '--revnat', '--source-ranges'],
    run: loadBalancer,
  },
  {
    words: 'cilium-dbg bpf lb maglev list',
    run: (invocation) => table(invocation, ['SVC ID', 'LOOKUP TABLE'], maglevRows(invocation.place)),
  },
  { words: 'cilium-dbg bpf lb maglev get', usage: 'SERVICE-ID', maximumArgs: 1, run: maglevOf },
  { words: 'cilium-dbg bpf ipcache list', run: ipcache },
  { words: 'cilium-dbg bpf ipcache get', usage: 'ADDRESS', maximumArgs: 1, run: ipcacheOf },
  {
    words: 'cilium-dbg bpf endpoint list',
    run: (invocation) =>
      table(
        invocation,
        ['IP ADDRESS', 'LOCAL ENDPOINT INFO'],
        endpointRows(invocation.place.node.datapath.endpoints),
      ),
  },
  ...policyCommands,
  { words: 'cilium-dbg bpf metrics list', run: metrics },
  { words: 'cilium-dbg bpf egress list', run: egress },
  { words: 'cilium-dbg bpf ipmasq list', run: masquerade },
  {
    words: 'cilium-dbg bpf frag list',
    run: (invocation) =>
      list(invocation, lists.fragmentList(mapsOf(invocation.place, (family) => family.fragments)), 'null'),
  },
  { words: 'cilium-dbg bpf vtep list', run: vtep },
  {
    words: 'cilium-dbg bpf nodeid list',
    run: (invocation) => list(invocation, lists.nodeList(invocation.place.node.datapath.nodes)),
  },
  {
    words: 'cilium-dbg bpf auth list',
    run: (invocation) =>
      list(invocation, lists.authList(invocation.place.node.datapath.authentication), 'null'),
  },
  {
    words: 'cilium-dbg bpf srv6 policy',
    run: (invocation) =>
      list(invocation, lists.srv6PolicyList(mapsOf(invocation.place, (family) => family.srv6Policy))),
  },
  {
    words: 'cilium-dbg bpf srv6 sid',
    run: (invocation) => list(invocation, lists.srv6SegmentList(invocation.place.node.datapath.srv6Segments)),
  },
  {
    words: 'cilium-dbg bpf srv6 vrf',
    run: (invocation) =>
      list(invocation, lists.srv6VrfList(mapsOf(invocation.place, (family) => family.srv6Vrf))),
  },
  {
    words: 'cilium-dbg bpf config list',
    run: (invocation) => list(invocation, lists.configList(invocation.place.node.datapath.runtimeConfig)),
  },
];
