/**
 * Checks a topology beyond its schema and fills in what it leaves out. All faults are found at once: a part that is
 * wrong is left out of what follows instead of ending the check.
 */
import { isEqual } from '../engine/wire/bytes.js';
import { checkAnnouncements } from './check-announcements.js';
import { checkDevices } from './check-devices.js';
import { checkEgressGateways, notMasqueraded } from './check-egress.js';
import { draftHosts, finishHost, linksWithHosts, readServers } from './check-hosts.js';
import { checkKubeProxy } from './check-kube-proxy.js';
import { addNodeRoutes, checkLinks, draftRouters, finishRouter, LinkEnds } from './check-links.js';
import { checkLinkMacs, checkPodNetworks, checkPolicyNames, checkServiceNetworks } from './check-overlaps.js';
import { checkPods } from './check-pods.js';
import { checkPolicies } from './check-policies.js';
import { RedirectCheck } from './check-redirects.js';
import { checkRoutes } from './check-routes.js';
import { addProxyRules } from './check-rules.js';
import { ServiceCheck } from './check-services.js';
import { checkSrv6 } from './check-srv6.js';
import { Register, readNetwork, readNetworks } from './check-text.js';
import { readCiliumConfig } from './cilium-config.js';
import { FaultList, type Locate, TopologyError } from './faults.js';
import { Identities } from './identities.js';
import { KeptNumbers } from './kept-numbers.js';
import { hasTcx, readKernelVersion } from './kernel-version.js';
import { type ClusterDraft, NodeDraft } from './node-draft.js';
import type { Plan, PlannedNode, PlannedService } from './plan.js';
import { PodIndex } from './pod-index.js';
import type { CiliumConfigSpec, TopologySpec } from './spec.js';
import { IPROUTE2_VERSION, readCiliumVersion, readVersion } from './version.js';

export interface CheckedTopology {
  /** Only to be built when there is no error among the faults. */
  readonly plan: Plan;
  readonly faults: FaultList;
}

/** `numbers` are those that parts of the topology had before; it gets those that are given now. */
export function checkTopology(
  spec: TopologySpec,
  locate?: Locate,
  numbers = new KeptNumbers(),
): CheckedTopology {
  const faults = new FaultList(locate);
  const identities = new Identities(faults, numbers);
  const cluster: ClusterDraft = {
    faults,
    identities,
    numbers,
    addresses: new Register('the address'),
    podNames: new Register('the name'),
  };
  const names = new Register('the name');
  readIdentities(spec, identities, faults);
  readCiliumConfig([{ config: spec.cilium ?? {}, path: ['cilium'] }], faults, new FaultList());
  const drafts = spec.nodes.map((node, i) => {
    names.take(node.name, 'another node', ['nodes', i, 'name'], faults);
    return draftNode(spec, i, cluster);
  });
  const routers = draftRouters(spec, drafts, cluster, names);
  const hosts = draftHosts(spec.hosts ?? [], drafts.length + routers.length, cluster, names);
  const joined = linksWithHosts(spec.links ?? [], spec.hosts ?? [], faults);
  const machines = [...drafts, ...routers, ...hosts];
  const links = checkLinks(joined, machines, faults);
  checkPodNetworks(drafts, faults);
  checkLinkMacs(links, machines, faults);
  checkServiceNetworks(spec.services ?? [], drafts, faults);
  checkPolicyNames(spec.policies ?? [], faults);
  const ends = new LinkEnds(links, machines);
  const nodes = drafts.map((draft) => finishNode(draft, drafts, ends));
  const pods = new PodIndex(nodes.flatMap((node) => node.pods));
  const policies = checkPolicies(spec.policies ?? [], { nodes, pods, identities, faults });
  const redirects = new RedirectCheck(checkServices(spec, pods, cluster), nodes, pods, faults);
  spec.localRedirectPolicies?.forEach((policy, i) => {
    redirects.add(policy, ['localRedirectPolicies', i]);
  });
  const { services, skips } = redirects.result;
  const plan: Plan = {
    name: spec.name ?? 'topology',
    numbers,
    nodes,
    links,
    routers: routers.map((router) => finishRouter(router, drafts, ends)),
    hosts: (spec.hosts ?? []).map((host, i) => finishHost(host, hosts[i], drafts, ends)),
    services,
    kubeProxy: checkKubeProxy(spec.kubeProxy, nodes, faults),
    outside: identities.prefixes,
    policies: policies.pods,
    hostPolicies: policies.hosts,
    egressGateways: checkEgressGateways(spec.egressGateways ?? [], nodes, pods, faults),
    announcements: checkAnnouncements(spec.l2Announcements ?? [], nodes, services, faults),
    redirectSkips: skips,
    srv6: checkSrv6(spec.srv6, nodes, pods, faults),
    notMasqueraded: notMasqueraded(spec, faults),
    prefiltered: readNetworks(spec.prefilter, ['prefilter'], faults),
  };
  return { plan, faults };
}

/** The identities that the spec gives, before any are chosen for the others. */
function readIdentities({ nodes, outside }: TopologySpec, identities: Identities, faults: FaultList): void {
  for (const pod of nodes.flatMap((node) => node.pods ?? [])) {
    if (pod.identity !== undefined) identities.reserve(pod.identity);
  }
  outside?.forEach(({ cidr, identity }, i) => {
    const prefix = readNetwork(cidr, ['outside', i, 'cidr'], faults);
    if (prefix !== null) identities.ofPrefix(prefix, identity);
  });
}

function draftNode(spec: TopologySpec, number: number, cluster: ClusterDraft): NodeDraft {
  const own = spec.nodes[number];
  const path = ['nodes', number, 'cilium'];
  // Faults of the cluster's section were told once already; those of both are in the list that is not heard.
  readCiliumConfig([{ config: own.cilium ?? {}, path }], cluster.faults, new FaultList());
  const config = readCiliumConfig(
    [
      { config: spec.cilium ?? {}, path: ['cilium'] },
      { config: own.cilium ?? {}, path },
    ],
    new FaultList(),
    cluster.faults,
  );
  const kernelPath = own.kernel === undefined ? ['kernel'] : ['nodes', number, 'kernel'];
  const kernel = readKernelVersion(own.kernel ?? spec.kernel, kernelPath, cluster.faults);
  const node = new NodeDraft(own, number, ['nodes', number], cluster, config);
  const ciliumPath = own.ciliumVersion === undefined ? ['ciliumVersion'] : ['nodes', number, 'ciliumVersion'];
  node.ciliumVersion = readCiliumVersion(own.ciliumVersion ?? spec.ciliumVersion, ciliumPath, cluster.faults);
  const iprouteText = own.iproute2 ?? spec.iproute2;
  if (iprouteText !== undefined) {
    const iproutePath = own.iproute2 === undefined ? ['iproute2'] : ['nodes', number, 'iproute2'];
    node.iproute2 =
      readVersion(iprouteText, iproutePath, 'iproute2', '5.10', cluster.faults) ?? IPROUTE2_VERSION;
  }
  node.configMap = configMapOf({ ...spec.cilium, ...own.cilium });
  node.attachment = config.tcx && hasTcx(kernel, node.ciliumVersion) ? 'tcx' : 'tc';
  checkDevices(node);
  checkDeviceNames(node);
  return node;
}

/** Keys in order, values as text, as a ConfigMap has them. */
function configMapOf(config: CiliumConfigSpec): Readonly<Record<string, string>> {
  const entries = Object.entries(config).map(([key, value]) => [key, String(value)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Devices that the configuration names but the node does not have. */
function checkDeviceNames(node: NodeDraft): void {
  const { config, faults } = node;
  const at = [...node.path, 'cilium'];
  if (config.devices.length > 0 && node.nativeDevices.length === 0) {
    faults.error([...at, 'devices'], `${node.spec.name} has no physical device ${config.devices.join(', ')}`);
  }
  if (config.directRoutingDevice !== null) {
    node.requireDevice(config.directRoutingDevice, [...at, 'direct-routing-device']);
  }
  if (config.features.ipsec) {
    faults.warning([...at, 'enable-ipsec'], 'XFRM is not emulated: marked packets go on unencrypted');
  }
  if (config.features.hostFirewall && node.nativeDevices.length === 0) {
    faults.error([...at, 'enable-host-firewall'], 'the host firewall needs a physical device');
  }
}

function finishNode(node: NodeDraft, drafts: readonly NodeDraft[], links: LinkEnds): PlannedNode {
  checkPods(node);
  addNodeRoutes(node, drafts, links);
  checkRoutes(node);
  addProxyRules(node);
  const { nativeDevices, config } = node;
  const internal: Uint8Array | undefined = node.internalAddresses[0];
  const directRoutingDevice =
    node.device(config.directRoutingDevice ?? '') ??
    nativeDevices.find(({ addresses }) =>
      addresses.some(({ address }) => internal && isEqual(address, internal)),
    ) ??
    nativeDevices[0];
  return {
    path: node.path,
    name: node.spec.name,
    labels: node.spec.labels ?? {},
    config,
    attachment: node.attachment,
    configMap: node.configMap,
    ciliumVersion: node.ciliumVersion,
    iproute2: node.iproute2,
    podPrefixes: node.podPrefixes,
    internalAddresses: node.internalAddresses,
    ciliumInternalAddresses: node.ciliumInternalAddresses,
    devices: node.devices,
    addresses: node.devices.flatMap((device) => device.addresses.map(({ address }) => address)),
    nativeDevices,
    directRoutingDevice: directRoutingDevice ?? null,
    routes: node.routes,
    rules: node.rules,
    sysctls: node.sysctls,
    neighbours: node.neighbours,
    pods: node.pods,
    hostEndpointId: node.spec.hostEndpoint ?? node.endpointIds.next('host'),
    maps: node.spec.maps ?? null,
    serves: readServers(node.spec.serves ?? {}, [...node.path, 'serves'], node.faults),
  };
}

function checkServices(
  spec: TopologySpec,
  pods: PodIndex,
  { addresses, faults, numbers }: ClusterDraft,
): readonly PlannedService[] {
  const check = new ServiceCheck(
    pods,
    addresses,
    new Register('the frontend'),
    faults,
    numbers.pool('backend'),
  );
  const names = new Register('the name');
  spec.services?.forEach((service, i) => {
    names.take(service.name, 'another service', ['services', i, 'name'], faults);
    check.add(service, ['services', i]);
  });
  spec.nodes.forEach((node, i) => {
    node.pods?.forEach((podSpec, j) => {
      podSpec.hostPorts?.forEach((hostPort, k) => {
        const pod = pods.named(podSpec.name)!;
        check.addHostPort(hostPort, pod, ['nodes', i, 'pods', j, 'hostPorts', k]);
      });
    });
  });
  return check.services;
}

/** The plan of a topology. Throws TopologyError with all faults when there is an error among them. */
export function planTopology(
  spec: TopologySpec,
  source = spec.name ?? 'topology',
  numbers?: KeptNumbers,
): Plan {
  const { plan, faults } = checkTopology(spec, undefined, numbers);
  if (faults.hasErrors) throw new TopologyError(source, faults.faults);
  return plan;
}
