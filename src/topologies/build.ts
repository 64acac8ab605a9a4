/** Turns a checked topology into a network whose nodes run Cilium's programs. */
import type { Clock } from '../engine/clock.js';
import { connect, type Device } from '../engine/device.js';
import { FrameArena } from '../engine/frame-arena.js';
import type { SocketHooks } from '../engine/hooks/socket.js';
import { createMap } from '../engine/maps/create-map.js';
import type { BpfMap, MapSpec } from '../engine/maps/map.js';
import type { Namespace } from '../engine/namespace.js';
import type { Netfilter } from '../engine/netfilter/netfilter.js';
import { Network } from '../engine/network.js';
import { Node } from '../engine/node.js';
import type { RandomSource } from '../engine/random.js';
import { Segment } from '../engine/segment.js';
import { NamespaceFib } from '../engine/stack/fib.js';
import { Tunnel } from '../engine/stack/tunnel.js';
import { Walker } from '../engine/walker.js';
import { MARK_HOST } from '../programs/constants.js';
import { Datapath } from '../programs/datapath.js';
import type { NodeConstants } from '../programs/node-constants.js';
import { POLICY_MAP_SPEC } from '../programs/tables/map-specs.js';
import { writePolicyEntry } from '../programs/tables/policy.js';
import { type BuiltNode, type BuiltPod, BuiltTopology } from './built.js';
import { planTopology } from './check.js';
import { configuredMap } from './cilium-config.js';
import { pathText, TopologyError } from './faults.js';
import { fillMaps } from './fill-maps.js';
import { remakeMaglevTables } from './fill-services.js';
import type { KeptNumbers } from './kept-numbers.js';
import { MapState } from './map-state.js';
import { installNetfilter } from './node-netfilter.js';
import { NodePrograms } from './node-programs.js';
import type {
  Plan,
  PlannedHost,
  PlannedKernel,
  PlannedNode,
  PlannedPod,
  PlannedPolicyEntry,
  PlannedRouter,
} from './plan.js';
import { nodeConstants, nodeFeatures } from './plan-constants.js';
import { type PortPart, portsOf } from './port-part.js';
import type { TopologySpec } from './spec.js';
import { podRouteMtu, wireguardOf } from './wireguard-peers.js';

/** Name of a pod's own device. */
const POD_DEVICE = 'eth0';

export interface BuildOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Default: a new arena of the default size. */
  readonly arena?: FrameArena;
  /** Changes a map's declaration before it is made, after the configuration has. */
  readonly mapSpec?: (spec: MapSpec) => MapSpec;
  /** Answers the map of a node, or of a policy of its, that is to be used, with what is in it; null for a new one. */
  readonly keptMap?: (node: string, spec: MapSpec) => BpfMap | null;
  /** Which part of the ports that nodes translate to is to be used; default all. */
  readonly natPorts?: PortPart | undefined;
  /** Numbers that the topology's parts had before; see KeptNumbers. */
  readonly numbers?: KeptNumbers;
}

/** Builds a topology. Throws TopologyError with all its faults when it has errors; warnings are passed over. */
export function buildTopology(spec: TopologySpec, options: BuildOptions): BuiltTopology {
  const plan = planTopology(spec, undefined, options.numbers);
  const nodes = plan.nodes.map((planned) => new NodeBuilder(plan, planned, options));
  const routers = plan.routers.map(buildRouter);
  const hosts = plan.hosts.map((planned) => ({ planned, node: buildHost(planned) }));
  const machines = [...nodes.map((builder) => builder.node), ...routers, ...hosts.map(({ node }) => node)];
  joinLinks(plan, machines);
  const network = new Network(machines);
  const walker = new Walker(network, options.arena ?? new FrameArena());
  return new BuiltTopology(
    plan,
    walker,
    options.clock,
    nodes.map((builder) => builder.built()),
    hosts,
  );
}

function buildHost(planned: PlannedHost): Node {
  const host = new Node(planned.name);
  fillNamespace(host.host, planned);
  return host;
}

function buildRouter(planned: PlannedRouter): Node {
  const router = new Node(planned.name);
  fillNamespace(router.host, planned);
  router.host.ipv4Forwarding = true;
  router.host.ipv6Forwarding = true;
  return router;
}

function joinLinks(plan: Plan, machines: readonly Node[]): void {
  const byName = new Map(machines.map((machine) => [machine.name, machine]));
  for (const { name, devices } of plan.links) {
    const segment = new Segment(name);
    for (const end of devices) {
      segment.add(byName.get(end.machine)!.host.deviceNamed(end.device)!);
    }
  }
}

/** Devices, addresses, routes and neighbours of a machine's own namespace. */
function fillNamespace(host: Namespace, { devices, routes, rules, neighbours }: PlannedKernel): void {
  for (const device of devices) {
    const made = host.addDevice(device);
    for (const prefix of device.addresses) host.addAddress(made, prefix.address, prefix.length);
  }
  for (const { name, peer } of devices) {
    if (peer !== null && name < peer) connect(host.deviceNamed(name)!, host.deviceNamed(peer)!);
  }
  for (const route of routes) {
    const { length } = route.prefix;
    (route.table === undefined ? host.routes(length) : host.policy(length).table(route.table)).add(route);
  }
  for (const rule of rules) host.policy(rule.addressLength).set(rule);
  for (const { ifindex, address, mac } of neighbours) host.neighbours.set(ifindex, address, mac);
}

function withNatPorts(constants: NodeConstants, { natPorts }: BuildOptions): NodeConstants {
  return natPorts === undefined
    ? constants
    : { ...constants, natPortRange: portsOf(constants.natPortRange, natPorts) };
}

class NodeBuilder {
  readonly node: Node;
  readonly #plan: Plan;
  readonly #planned: PlannedNode;
  readonly #datapath: Datapath;
  readonly #programs: NodePrograms;
  readonly #mapSpec: (spec: MapSpec) => MapSpec;
  readonly #keptMap: (spec: MapSpec) => BpfMap | null;
  readonly #pods: BuiltPod[] = [];
  readonly #hostPolicyMap: BpfMap;
  readonly #socketHooks: SocketHooks | null;
  readonly #netfilter: Netfilter | null;
  /** What the node's maps hold instead of what the agent would write. */
  readonly #state: MapState | null;

  constructor(plan: Plan, planned: PlannedNode, options: BuildOptions) {
    this.#plan = plan;
    this.#planned = planned;
    this.node = new Node(planned.name);
    this.node.iproute2 = planned.iproute2;
    const { host } = this.node;
    const { config } = planned;
    this.#state = this.#withState(() => (planned.maps === null ? null : new MapState(planned.maps)));
    this.#mapSpec = (spec) => {
      const configured = configuredMap(config, spec);
      return options.mapSpec ? options.mapSpec(configured) : configured;
    };
    this.#keptMap = (spec) => options.keptMap?.(planned.name, spec) ?? null;
    this.#datapath = new Datapath({
      features: nodeFeatures(planned),
      constants: withNatPorts(nodeConstants(planned), options),
      clock: options.clock,
      random: options.random,
      fib: new NamespaceFib(host),
      mapSpec: (spec) => this.#fitted(this.#mapSpec(spec)),
      keptMap: this.#keptMap,
    });
    this.#programs = new NodePrograms(this.#datapath, planned, host);
    this.#buildHost();
    fillMaps(this.#datapath, plan, planned);
    for (const pod of planned.pods) this.#buildPod(pod);
    this.#hostPolicyMap = this.#policyMap(
      planned.hostEndpointId,
      plan.hostPolicies.get(planned.name)?.entries ?? [],
    );
    this.#programs.attachNode(this.#hostPolicyMap);
    this.#socketHooks = this.#programs.attachSockets(this.#hostPolicyMap);
    this.#netfilter = installNetfilter(plan, planned, host, options);
    if (this.#state !== null) this.#takeOver(this.#state);
  }

  #takeOver(state: MapState): void {
    this.#withState(() => {
      for (const map of this.#datapath.maps.values()) state.fill(map);
    });
    remakeMaglevTables(this.#datapath);
  }

  #fitted(spec: MapSpec): MapSpec {
    return this.#state === null ? spec : this.#state.fit(spec);
  }

  /** What is wrong with the dumps of a node's maps is a fault of the topology. */
  #withState<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      const path = pathText([...this.#planned.path, 'maps']);
      const { message } = error as Error;
      throw new TopologyError(this.#plan.name, [{ severity: 'error', path, message, line: 0, column: 0 }]);
    }
  }

  built(): BuiltNode {
    return {
      planned: this.#planned,
      node: this.node,
      datapath: this.#datapath,
      pods: this.#pods,
      hostPolicyMap: this.#hostPolicyMap,
      socketHooks: this.#socketHooks,
      netfilter: this.#netfilter,
    };
  }

  #buildHost(): void {
    const { host } = this.node;
    const { features } = this.#planned.config;
    fillNamespace(host, this.#planned);
    host.ipv4Forwarding = features.ipv4;
    host.ipv6Forwarding = features.ipv6;
    // The agent's rule in CILIUM_OUTPUT.
    host.ownMark = MARK_HOST;
    for (const device of host.devices) {
      if (device.kind === 'tunnel') device.tunnel = new Tunnel(features.tunnelProtocol, features.tunnelPort);
      else if (device.kind === 'wireguard') device.tunnel = wireguardOf(this.#plan, this.#planned);
      else continue;
      host.tunnels.push(device);
    }
  }

  #buildPod(pod: PlannedPod): void {
    const namespace = this.node.addPod(pod.name);
    namespace.mountedAs = pod.netns;
    const device = this.node.host.deviceNamed(pod.device.name)!;
    const eth0 = addPodDevice(namespace, pod, podRouteMtu(this.#planned, pod.device.mtu));
    connect(device, eth0);
    const policyMap = this.#policyMap(pod.endpointId, this.#plan.policies.get(pod.name)?.entries ?? []);
    this.#programs.attachPod(pod, device, policyMap);
    this.#pods.push({ planned: pod, namespace, device, eth0, policyMap });
  }

  #policyMap(endpointId: number, entries: readonly PlannedPolicyEntry[]): BpfMap {
    const name = `${POLICY_MAP_SPEC.name}_${String(endpointId).padStart(5, '0')}`;
    const spec = this.#fitted({ ...this.#mapSpec(POLICY_MAP_SPEC), name });
    const map = this.#keptMap(spec) ?? createMap(spec);
    if (!this.#withState(() => this.#state?.fill(map))) {
      for (const entry of entries) writePolicyEntry(map, entry, entry);
    }
    return map;
  }
}

function addPodDevice(namespace: Namespace, pod: PlannedPod, mtu: number): Device {
  const eth0 = namespace.addDevice({
    name: POD_DEVICE,
    ifindex: pod.ifindex,
    kind: 'veth',
    mac: pod.mac,
    mtu: pod.device.mtu,
  });
  for (const address of pod.addresses) namespace.addAddress(eth0, address, address.length * 8);
  for (const gateway of pod.gateways) {
    const routes = namespace.routes(gateway.length);
    routes.add({ prefix: gateway, prefixLength: gateway.length * 8, ifindex: pod.ifindex });
    const toAll = { prefix: new Uint8Array(gateway.length), prefixLength: 0 };
    routes.add({ ...toAll, ifindex: pod.ifindex, gateway, mtu });
    namespace.neighbours.set(pod.ifindex, gateway, pod.device.mac);
  }
  for (const { address, mac } of pod.neighbours) namespace.neighbours.set(pod.ifindex, address, mac);
  return eth0;
}
