/** Security labels of a topology's identities, as the Cilium agent names them. */
import { formatAddress } from '../../engine/address-text.js';
import { reservedLabel } from '../../programs/tables/names.js';
import type { Plan, PlannedPod } from '../../topologies/plan.js';

/** Labels of an identity, sorted; null when the topology has none of this number. */
export function labelsOfIdentity(plan: Plan, identity: number): readonly string[] | null {
  const reserved = reservedLabel(identity);
  if (reserved !== null) return [reserved];
  for (const node of plan.nodes) {
    for (const pod of node.pods) if (pod.identity === identity) return podLabels(pod);
  }
  const outside = plan.outside.find((prefix) => prefix.identity === identity);
  if (outside === undefined) return null;
  const { address, length } = outside.prefix;
  return [`cidr:${formatAddress(address, 0, address.length)}/${length}`, 'reserved:world'];
}

/** Sorted. */
export function podLabels(pod: PlannedPod): string[] {
  return labelsOfPlan(pod.labels);
}

/** `k8s:app=client`; without a value `k8s:app`. Sorted. */
export function labelsOfPlan(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels)
    .map(([key, value]) => (value === '' ? `k8s:${key}` : `k8s:${key}=${value}`))
    .sort();
}
