import type { TopologySpec } from '../../topologies/spec.js';

interface ObserveOptions {
  /** File that walks are recorded to, or null. */
  readonly out: string | null;
  /** Keys of the Cilium ConfigMap to change. */
  readonly config: Readonly<Record<string, string>>;
}

/**
 * The topology with other values for some keys of the Cilium ConfigMap, on every node. A recording puts each packet's
 * events in words, those that aggregation would hide too.
 */
export function observedSpec(spec: TopologySpec, { out, config }: ObserveOptions): TopologySpec {
  const all = out === null ? config : { 'monitor-aggregation': 'none', ...config };
  if (Object.keys(all).length === 0) return spec;
  return {
    ...spec,
    cilium: { ...spec.cilium, ...all },
    nodes: spec.nodes.map((node) => ({ ...node, cilium: { ...node.cilium, ...all } })),
  };
}
