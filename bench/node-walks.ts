/**
 * Walks through the node's programs: NodePort at tc and XDP, what comes in for a pod, what leaves under the node's
 * address, the tunnel, IPv6, the host firewall, DSR, Maglev, the prefilter. Names are those of kernel-baseline.json.
 */
import * as fate from '../src/engine/fate.js';
import type { Features } from '../src/programs/features.js';
import { type End, FlowCase, type FlowWalk } from './flow-case.js';
import type { Benchmark, Case } from './harness.js';
import { addMaglevTable, IPV6_ENTRIES, PREFILTER_ENTRIES, TUNNEL_ENTRIES } from './walk-maps.js';
import { ipv6Address, NATIVE_MAC, TUNNEL_IFINDEX, TUNNEL_MAC, type WalkNode, word } from './walk-node.js';
import { cases, WALKS } from './walks.js';

const NODE = [192, 168, 0, 11];
const CLIENT = [192, 0, 2, 10];
const REMOTE_POD = [10, 245, 2, 10];
const LOCAL_NODEPORT: End = { address: NODE, port: 31000 };
const REMOTE_NODEPORT: End = { address: NODE, port: 31001 };
const LOCAL_BACKEND: End = { address: [10, 245, 1, 20], port: 8080 };
const REMOTE_BACKEND: End = { address: REMOTE_POD, port: 8080 };
/** Reverse NAT index (raw) and backend of the remote NodePort. */
const REMOTE_REV_NAT = 0x15;
const REMOTE_BACKEND_ID = 2;

/** SNAT has 32,768 ports per backend and node address, and keeps a client's port in that range. */
const NAT_FLOWS = { flows: [1, 1024, 20000], firstPort: 40000 };

const OUTSIDE = {
  source: CLIENT,
  sourceMac: [2, 0, 0, 0, 0, 0xfe],
  destinationMac: [...NATIVE_MAC],
  enters: (node: WalkNode) => node.native,
};
const POD = {
  source: [10, 245, 1, 10],
  sourceMac: [0x0a, 0, 0, 0, 1, 1],
  destinationMac: [0x0a, 0, 0, 0, 1, 0xfe],
  enters: (node: WalkNode) => node.lxc,
};
const TO_LOCAL_POD = { fate: fate.DELIVERED, ends: (node: WalkNode) => node.localPod.peer! };
const OUT_OF_NODE = { fate: fate.TRANSMITTED, ends: (node: WalkNode) => node.native };

const TUNNEL: Partial<Features> = { tunnelMode: true, encapIfindex: TUNNEL_IFINDEX };
const XDP: Partial<Features> = { nodePortAcceleration: true, prefilter: true };
const DUAL: Partial<Features> = { ipv6: true, ipv6Fragments: true };

const TC_REMOTE: FlowWalk = {
  ...OUTSIDE,
  ...OUT_OF_NODE,
  ...NAT_FLOWS,
  name: 'tc-nodeport-remote',
  node: { programs: ['from-netdev'] },
  destination: REMOTE_NODEPORT,
  translated: { source: NODE, destination: REMOTE_BACKEND },
  conntrackEntries: 2,
  natEntries: 2,
};

const NETDEV_TO_POD: FlowWalk = {
  ...OUTSIDE,
  ...TO_LOCAL_POD,
  name: 'netdev-to-pod',
  node: { programs: ['from-netdev'] },
  source: REMOTE_POD,
  destination: { address: [10, 245, 1, 20], port: 80 },
  conntrackEntries: 1,
};

const HOST: FlowWalk = {
  ...OUTSIDE,
  name: 'netdev-to-host',
  node: { programs: ['from-netdev'] },
  destination: { address: NODE, port: 22 },
  fate: fate.CONSUMED,
  ends: (node) => node.native,
  untouched: true,
  conntrackEntries: 0,
};

export const NODE_WALKS: readonly FlowWalk[] = [
  TC_REMOTE,
  {
    ...OUTSIDE,
    ...TO_LOCAL_POD,
    name: 'tc-nodeport-local',
    node: { programs: ['from-netdev'] },
    destination: LOCAL_NODEPORT,
    translated: { destination: LOCAL_BACKEND },
    conntrackEntries: 3,
  },
  {
    ...TC_REMOTE,
    name: 'xdp-nodeport-remote',
    node: { programs: ['xdp'], features: XDP },
  },
  {
    ...OUTSIDE,
    ...TO_LOCAL_POD,
    name: 'xdp-nodeport-local',
    node: { programs: ['xdp', 'from-netdev'], features: XDP },
    destination: LOCAL_NODEPORT,
    translated: { destination: LOCAL_BACKEND },
    conntrackEntries: 3,
  },
  NETDEV_TO_POD,
  {
    ...POD,
    ...OUT_OF_NODE,
    ...NAT_FLOWS,
    name: 'pod-to-world-snat',
    node: {
      programs: ['to-netdev'],
      features: { masqueradeIpv4: true },
      constants: { ipv4MasqueradeExclusion: { address: word([10, 245, 0, 0]), prefixLength: 16 } },
    },
    destination: { address: [203, 0, 113, 80], port: 443 },
    translated: { source: NODE, destination: { address: [203, 0, 113, 80], port: 443 } },
    conntrackEntries: 1,
    natEntries: 2,
  },
  {
    ...POD,
    fate: fate.TRANSMITTED,
    ends: (node) => node.tunnel,
    name: 'overlay-out',
    node: { programs: ['overlay'], features: TUNNEL, entries: TUNNEL_ENTRIES },
    destination: { address: REMOTE_POD, port: 80 },
    untouched: true,
    conntrackEntries: 1,
  },
  {
    ...NETDEV_TO_POD,
    name: 'overlay-in',
    node: { programs: ['overlay'], features: TUNNEL, entries: TUNNEL_ENTRIES },
    destinationMac: [...TUNNEL_MAC],
    enters: (node) => node.tunnel,
  },
  {
    ...POD,
    ...TO_LOCAL_POD,
    name: 'pod-to-clusterip-local-ipv6',
    node: { features: DUAL, entries: IPV6_ENTRIES },
    source: [...ipv6Address(1, 0x10)],
    destination: { address: [0xfd, 0, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10], port: 80 },
    translated: { destination: { address: [...ipv6Address(1, 0x20)], port: 8080 } },
    conntrackEntries: 3,
  },
  {
    ...POD,
    ...OUT_OF_NODE,
    name: 'pod-to-clusterip-remote-ipv6',
    node: { features: DUAL, entries: IPV6_ENTRIES },
    source: [...ipv6Address(1, 0x10)],
    destination: { address: [0xfd, 0, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11], port: 80 },
    translated: { destination: { address: [...ipv6Address(2, 0x10)], port: 8080 } },
    conntrackEntries: 2,
  },
  {
    ...OUTSIDE,
    name: 'xdp-prefilter-drop',
    node: { programs: ['xdp'], features: XDP, entries: PREFILTER_ENTRIES },
    source: [203, 0, 113, 7],
    destination: LOCAL_NODEPORT,
    fate: fate.DROPPED,
    ends: (node) => node.native,
    untouched: true,
    conntrackEntries: 0,
  },
  HOST,
];

/** A walk beside another one: what a feature costs where it is used, and where it is not. */
interface Comparison {
  readonly walk: FlowWalk;
  readonly against: FlowWalk;
}

/** Everything that traffic between pods of one node does not meet. */
const UNUSED: Partial<Features> = {
  ...DUAL,
  dsr: true,
  backendSelection: 2,
  localRedirectPolicy: true,
  activeConnectionTracking: true,
  masqueradeIpv4: true,
  masqueradeIpv6: true,
  ipMasqAgentIpv4: true,
  egressGateway: false,
  nodePortAcceleration: true,
  prefilter: true,
  l2Announcements: true,
  healthCheck: true,
  tproxy: true,
};

const COMPARISONS: readonly Comparison[] = [
  { walk: { ...WALKS[0], name: 'unused-features-pod', node: { features: UNUSED } }, against: WALKS[0] },
  {
    walk: {
      ...NETDEV_TO_POD,
      name: 'unused-features-netdev',
      node: {
        programs: ['from-netdev'],
        features: { masqueradeIpv4: true, backendSelection: 2, l2Announcements: true },
      },
    },
    against: NETDEV_TO_POD,
  },
  {
    walk: {
      ...HOST,
      name: 'host-firewall',
      node: { programs: ['from-netdev'], features: { hostFirewall: true } },
      conntrackEntries: 1,
    },
    against: HOST,
  },
  {
    walk: {
      ...TC_REMOTE,
      name: 'tc-nodeport-remote-dsr',
      node: { programs: ['from-netdev'], features: { dsr: true } },
      translated: { source: CLIENT, destination: REMOTE_BACKEND },
      addedToFirst: 8,
      conntrackEntries: 1,
      natEntries: 0,
    },
    against: TC_REMOTE,
  },
  {
    walk: {
      ...TC_REMOTE,
      name: 'tc-nodeport-remote-maglev',
      node: { programs: ['from-netdev'], features: { backendSelection: 2 } },
      prepare: (node) => addMaglevTable(node.datapath, REMOTE_REV_NAT, REMOTE_BACKEND_ID),
    },
    against: TC_REMOTE,
  },
];

function* compared({ walk, against }: Comparison): Generator<Case> {
  for (const phase of ['established', 'new'] as const) {
    yield new FlowCase(walk, 1024, phase, new FlowCase(against, 1024, phase));
  }
}

export const nodeWalkBenchmarks: readonly Benchmark[] = [
  ...NODE_WALKS.map((walk) => ({ name: walk.name, prepare: () => cases(walk) })),
  ...COMPARISONS.map((comparison) => ({ name: comparison.walk.name, prepare: () => compared(comparison) })),
];
