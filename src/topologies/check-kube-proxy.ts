/** kube-proxy beside Cilium: its settings, and whether the two get in each other's way. */
import { readNetwork } from './check-text.js';
import type { FaultList, Path } from './faults.js';
import type { PlannedKubeProxy, PlannedNode } from './plan.js';
import type { TopologySpec } from './spec.js';

const PATH: Path = ['kubeProxy'];

export function checkKubeProxy(
  spec: TopologySpec['kubeProxy'],
  nodes: readonly PlannedNode[],
  faults: FaultList,
): PlannedKubeProxy | null {
  if (spec === undefined) return null;
  const replacing = nodes.find(({ config }) => config.features.nodePort);
  if (replacing !== undefined) {
    faults.warning(
      PATH,
      `Cilium replaces kube-proxy on ${replacing.name} (kube-proxy-replacement): its programs come first, and kube-proxy's rules see what they leave`,
    );
  }
  const { clusterCIDR, masqueradeAll = false } = spec;
  const texts = clusterCIDR === undefined ? [] : clusterCIDR.split(',');
  const at = [...PATH, 'clusterCIDR'];
  const clusterPrefixes = texts.flatMap((text) => readNetwork(text.trim(), at, faults) ?? []);
  if (new Set(clusterPrefixes.map(({ address }) => address.length)).size < clusterPrefixes.length) {
    faults.error(at, 'more than one prefix of a family; kube-proxy takes one of each');
  }
  return { clusterPrefixes, masqueradeAll };
}
