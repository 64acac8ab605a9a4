/**
 * Checks a topology beyond its schema and fills in what it leaves out. All faults are found at once: a part that is
 * wrong is left out of what follows instead of ending the check.
 */
import { checkDevices } from './check-devices.js';
import { checkPods } from './check-pods.js';
import { checkPolicies } from './check-policies.js';
import { checkRoutes } from './check-routes.js';
import { ServiceCheck } from './check-services.js';
import { Register, readNetwork } from './check-text.js';
import { readCiliumConfig } from './cilium-config.js';
import { FaultList, type Locate, TopologyError } from './faults.js';
import { Identities } from './identities.js';
import { hasTcx, readKernelVersion } from './kernel-version.js';
import { type ClusterDraft, NodeDraft } from './node-draft.js';
import type { Plan, PlannedNode } from './plan.js';
import type { TopologySpec } from './spec.js';

export interface CheckedTopology {
  /** Only to be built when there is no error among the faults. */
  readonly plan: Plan;
  readonly faults: FaultList;
}

export function checkTopology(spec: TopologySpec, locate?: Locate): CheckedTopology {
  const faults = new FaultList(locate);
  const identities = new Identities(faults);
  const cluster: ClusterDraft = {
    faults,
    identities,
    addresses: new Register('the address'),
    podNames: new Register('the name'),
  };
  const nodeNames = new Register('the name');
  for (const pod of spec.nodes.flatMap((node) => node.pods ?? [])) {
    if (pod.identity !== undefined) identities.reserve(pod.identity);
  }
  spec.outside?.forEach((outside, i) => {
    const prefix = readNetwork(outside.cidr, ['outside', i, 'cidr'], faults);
    if (prefix !== null) identities.ofPrefix(prefix, outside.identity);
  });
  readCiliumConfig([{ config: spec.cilium ?? {}, path: ['cilium'] }], faults);
  const nodes = spec.nodes.map((node, i) => {
    nodeNames.take(node.name, 'another node', ['nodes', i, 'name'], faults);
    return planNode(spec, i, cluster);
  });
  const pods = nodes.flatMap((node) => node.pods);
  const services = new ServiceCheck(pods, cluster.addresses, new Register('the frontend'), faults);
  const serviceNames = new Register('the name');
  spec.services?.forEach((service, i) => {
    serviceNames.take(service.name, 'another service', ['services', i, 'name'], faults);
    services.add(service, ['services', i]);
  });
  const policies = checkPolicies(spec.policies ?? [], { nodes, pods, identities, faults });
  const plan: Plan = {
    name: spec.name ?? 'topology',
    nodes,
    services: services.services,
    outside: identities.prefixes,
    policies,
  };
  return { plan, faults };
}

function planNode(spec: TopologySpec, number: number, cluster: ClusterDraft): PlannedNode {
  const own = spec.nodes[number];
  const path = ['nodes', number, 'cilium'];
  // Faults of the cluster's section were told once already; those of both are in the list that is not heard.
  readCiliumConfig([{ config: own.cilium ?? {}, path }], cluster.faults);
  const config = readCiliumConfig(
    [
      { config: spec.cilium ?? {}, path: ['cilium'] },
      { config: own.cilium ?? {}, path },
    ],
    new FaultList(),
  );
  const kernelPath = own.kernel === undefined ? ['kernel'] : [...path.slice(0, -1), 'kernel'];
  const kernel = readKernelVersion(own.kernel ?? spec.kernel, kernelPath, cluster.faults);
  const node = new NodeDraft(own, number, cluster, config);
  checkDevices(node);
  checkPods(node);
  checkRoutes(node);
  checkReach(node);
  return {
    path: node.path,
    name: own.name,
    config,
    attachment: config.tcx && hasTcx(kernel) ? 'tcx' : 'tc',
    podPrefixes: node.podPrefixes,
    internalAddresses: node.internalAddresses,
    ciliumInternalAddresses: node.ciliumInternalAddresses,
    devices: node.devices,
    routes: node.routes,
    neighbours: node.neighbours,
    pods: node.pods,
    hostEndpointId: node.endpointIds.next(),
  };
}

/** What the emulation does not do yet and would surprise. */
function checkReach(node: NodeDraft): void {
  const { features } = node.config;
  const at = [...node.path, 'cilium'];
  if (features.tunnelMode) {
    node.faults.warning(
      [...at, 'routing-mode'],
      'tunnels are not emulated yet: packets to other nodes are dropped',
    );
  }
  if (features.routing && node.pods.length > 0 && node.devices.some((device) => device.kind === 'physical')) {
    node.faults.warning(
      [...at, 'enable-endpoint-routes'],
      'is off, and the programs of cilium_host and of outside devices are not emulated yet: ' +
        'packets from outside do not reach the pods',
    );
  }
}

/** The plan of a topology. Throws TopologyError with all faults when there is an error among them. */
export function planTopology(spec: TopologySpec, source = spec.name ?? 'topology'): Plan {
  const { plan, faults } = checkTopology(spec);
  if (faults.hasErrors) throw new TopologyError(source, faults.faults);
  return plan;
}
