/**
 * The pod's walks, timed per packet from a frame in its slot to its fate: device, hook chain, programs, redirect,
 * FIB, counters. The frames are 54-byte TCP segments, as the kernel's figures were taken.
 */
import * as fate from '../src/engine/fate.js';
import { type End, FlowCase, type FlowWalk } from './flow-case.js';
import type { Benchmark, Case } from './harness.js';
import type { WalkNode } from './walk-node.js';

const POD = {
  source: [10, 245, 1, 10],
  sourceMac: [0x0a, 0, 0, 0, 1, 1],
  destinationMac: [0x0a, 0, 0, 0, 1, 0xfe],
  enters: (node: WalkNode) => node.lxc,
};
const TO_LOCAL_POD = { fate: fate.DELIVERED, ends: (node: WalkNode) => node.localPod.peer! };
const OUT_OF_NODE = { fate: fate.TRANSMITTED, ends: (node: WalkNode) => node.native };
const LOCAL_BACKEND: End = { address: [10, 245, 1, 20], port: 8080 };
const REMOTE_BACKEND: End = { address: [10, 245, 2, 10], port: 8080 };

export const WALKS: readonly FlowWalk[] = [
  {
    ...POD,
    ...TO_LOCAL_POD,
    name: 'pod-to-pod-local',
    destination: { address: [10, 245, 1, 20], port: 80 },
    conntrackEntries: 2,
  },
  {
    ...POD,
    ...TO_LOCAL_POD,
    name: 'pod-to-clusterip-local',
    destination: { address: [10, 96, 0, 10], port: 80 },
    translated: { destination: LOCAL_BACKEND },
    conntrackEntries: 3,
  },
  {
    ...POD,
    ...OUT_OF_NODE,
    name: 'pod-to-clusterip-remote',
    destination: { address: [10, 96, 0, 11], port: 80 },
    translated: { destination: REMOTE_BACKEND },
    conntrackEntries: 2,
  },
  {
    ...POD,
    ...OUT_OF_NODE,
    name: 'pod-to-pod-remote',
    destination: { address: [10, 245, 2, 10], port: 80 },
    conntrackEntries: 1,
  },
];

export const DEFAULT_FLOWS: readonly number[] = [1, 1024, 65536];

/** Both phases of each number of flows. */
export function* cases(walk: FlowWalk): Generator<Case> {
  for (const flows of walk.flows ?? DEFAULT_FLOWS) {
    yield new FlowCase(walk, flows, 'established');
    yield new FlowCase(walk, flows, 'new');
  }
}

export const walkBenchmarks: readonly Benchmark[] = WALKS.map((walk) => ({
  name: walk.name,
  prepare: () => cases(walk),
}));
