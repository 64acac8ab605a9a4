/** The endpoints of a node as its Cilium agent knows them: its pods, and the host itself. */
import { formatAddress } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { IDENTITY_HOST } from '../../programs/constants.js';
import { u32le } from '../../programs/tables/names.js';
import { DENY, STATIC_PREFIX } from '../../programs/tables/policy.js';
import type { BuiltNode } from '../../topologies/built.js';
import { labelsOfPlan, podLabels } from './labels.js';

export interface Endpoint {
  readonly id: number;
  readonly name: string;
  readonly identity: number;
  readonly labels: readonly string[];
  /** Empty when there is none of the family; of the host both. */
  readonly ipv4: string;
  readonly ipv6: string;
  readonly policyMap: BpfMap;
}

/** By id. */
export function endpointsOf({ planned: node, pods, hostPolicyMap }: BuiltNode): Endpoint[] {
  const host: Endpoint = {
    id: node.hostEndpointId,
    name: `${node.name}, the host`,
    identity: IDENTITY_HOST,
    labels: [...labelsOfPlan(node.labels), 'reserved:host'],
    ipv4: '',
    ipv6: '',
    policyMap: hostPolicyMap,
  };
  const ofPods = pods.map(({ planned, policyMap }): Endpoint => {
    const text = (length: number): string => {
      const address = planned.addresses.find((one) => one.length === length);
      return address === undefined ? '' : formatAddress(address, 0, length);
    };
    return {
      id: planned.endpointId,
      name: planned.name,
      identity: planned.identity,
      labels: podLabels(planned),
      ipv4: text(4),
      ipv6: text(16),
      policyMap,
    };
  });
  return [host, ...ofPods].sort((a, b) => a.id - b.id);
}

/** Whether policy decides in a direction (DIRECTION_): where it does not, one entry allows everything. */
export function isEnforced({ policyMap }: Endpoint, direction: number): boolean {
  const entries = recordsOf(policyMap).filter(({ key }) => (key[8] & 1) === direction);
  const allowsAll = entries.some(
    ({ key, value }) =>
      u32le(key, 0) === STATIC_PREFIX && u32le(key, 4) === 0 && (u32le(value, 0) & DENY) === 0,
  );
  return entries.length > 0 && !allowsAll;
}
