import type { TopologySpec } from '../../topologies/spec.js';

/** The topology with other values for some keys of the Cilium ConfigMap, on every node. */
export function withConfig(spec: TopologySpec, config: Readonly<Record<string, string>>): TopologySpec {
  if (Object.keys(config).length === 0) return spec;
  return {
    ...spec,
    cilium: { ...spec.cilium, ...config },
    nodes: spec.nodes.map((node) => ({ ...node, cilium: { ...node.cilium, ...config } })),
  };
}

/**
 * The topology for a recording, which puts each packet's events in words, those that aggregation would hide too, unless
 * `config` says otherwise.
 */
export function observedSpec(
  spec: TopologySpec,
  config: Readonly<Record<string, string>> = {},
): TopologySpec {
  return withConfig(spec, { 'monitor-aggregation': 'none', ...config });
}
