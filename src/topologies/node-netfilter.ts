/** A node's netfilter: the tables that the agent and kube-proxy fill, where they do. */
import type { Clock } from '../engine/clock.js';
import type { Namespace } from '../engine/namespace.js';
import type { TableName } from '../engine/netfilter/iptables.js';
import { type Family, Netfilter } from '../engine/netfilter/netfilter.js';
import type { RandomSource } from '../engine/random.js';
import { ciliumRules, nodeSetName } from './cilium-iptables.js';
import { kubeProxyRules } from './kube-proxy.js';
import type { Plan, PlannedNode } from './plan.js';
import { isInPart, type PortPart } from './port-part.js';

type Lines = ReadonlyMap<TableName, readonly string[]>;

/** Gives the node's kernel its iptables; null when neither masquerading nor kube-proxy asks for them. */
export function installNetfilter(
  plan: Plan,
  node: PlannedNode,
  host: Namespace,
  options: { readonly clock: Clock; readonly random: RandomSource; readonly natPorts?: PortPart | undefined },
): Netfilter | null {
  const families = ([4, 6] as const).filter((family) => usesIptables(plan, node, family));
  if (families.length === 0) return null;
  const { clock, random, natPorts } = options;
  const givesPort = natPorts && ((port: number) => isInPart(port, natPorts));
  const netfilter = new Netfilter(host, { clock, random, givesPort });
  for (const family of families) {
    const nodes = plan.nodes.flatMap(({ internalAddresses }) => internalAddresses);
    const length = family === 4 ? 4 : 16;
    netfilter.addSet(
      nodeSetName(family),
      nodes.filter((address) => address.length === length),
    );
    // The agent puts its rules in front of those that are there.
    const sources: Lines[] = [];
    if (node.config.iptablesMasquerade[family]) sources.push(ciliumRules(node, family));
    if (plan.kubeProxy !== null) sources.push(kubeProxyRules(plan, node, plan.kubeProxy, family));
    for (const table of new Set(sources.flatMap((lines) => [...lines.keys()]))) {
      const lines = sources.flatMap((source) => source.get(table) ?? []);
      netfilter.addTable(family, table, lines);
    }
  }
  netfilter.install();
  return netfilter;
}

function usesIptables({ kubeProxy }: Plan, { config }: PlannedNode, family: Family): boolean {
  const hasFamily = family === 4 ? config.features.ipv4 : config.features.ipv6;
  return config.iptablesMasquerade[family] || (kubeProxy !== null && hasFamily);
}
