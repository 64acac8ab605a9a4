import type { TopologySpec } from '../../topologies/spec.js';

/** The topology for a recording, which puts each packet's events in words: those that aggregation would hide too. */
export function observedSpec(spec: TopologySpec): TopologySpec {
  const all = { 'monitor-aggregation': 'none' };
  return {
    ...spec,
    cilium: { ...spec.cilium, ...all },
    nodes: spec.nodes.map((node) => ({ ...node, cilium: { ...node.cilium, ...all } })),
  };
}
