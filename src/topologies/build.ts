/** Turns a checked topology into a network whose nodes run Cilium's programs. */
import type { Clock } from '../engine/clock.js';
import { connect, type Device } from '../engine/device.js';
import { FrameArena } from '../engine/frame-arena.js';
import type { Direction } from '../engine/hooks/device-hooks.js';
import type { HookProgram } from '../engine/hooks/program.js';
import { createMap } from '../engine/maps/create-map.js';
import type { BpfMap, MapSpec } from '../engine/maps/map.js';
import type { Namespace } from '../engine/namespace.js';
import { Network } from '../engine/network.js';
import { Node } from '../engine/node.js';
import type { RandomSource } from '../engine/random.js';
import { NamespaceFib } from '../engine/stack/fib.js';
import { ROUTE_LOCAL } from '../engine/stack/route-table.js';
import { Walker } from '../engine/walker.js';
import { MARK_MAGIC_MASK, MARK_TO_PROXY } from '../programs/constants.js';
import { Datapath } from '../programs/datapath.js';
import { DEFAULT_INSTANCE_CONFIG, ProgramInstance } from '../programs/instance.js';
import { lxcPrograms } from '../programs/lxc.js';
import type { NodeConstants } from '../programs/node-constants.js';
import { POLICY_MAP_SPEC } from '../programs/tables/map-specs.js';
import { writePolicyEntry } from '../programs/tables/policy.js';
import { type BuiltNode, type BuiltPod, BuiltTopology } from './built.js';
import { planTopology } from './check.js';
import { configuredMap } from './cilium-config.js';
import { fillMaps, rawWord, rawWordOfText } from './fill-maps.js';
import type { Plan, PlannedNode, PlannedPod } from './plan.js';
import type { TopologySpec } from './spec.js';

/** Policy verdict events for both directions. */
const VERDICTS_OF_BOTH_DIRECTIONS = 3;
/** Interface index and name of a pod's own device. */
const POD_IFINDEX = 2;
const POD_DEVICE = 'eth0';
/** Where the agent keeps the links of its endpoints. */
const ENDPOINTS_IN_BPFFS = '/sys/fs/bpf/cilium/endpoints';

export interface BuildOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Default: a new arena of the default size. */
  readonly arena?: FrameArena;
  /** Changes a map's declaration before it is made, after the configuration has. */
  readonly mapSpec?: (spec: MapSpec) => MapSpec;
}

/** Builds a topology. Throws TopologyError with all its faults when it has errors; warnings are passed over. */
export function buildTopology(spec: TopologySpec, options: BuildOptions): BuiltTopology {
  const plan = planTopology(spec);
  const nodes = plan.nodes.map((planned) => new NodeBuilder(plan, planned, options));
  const network = new Network(nodes.map((builder) => builder.node));
  const walker = new Walker(network, options.arena ?? new FrameArena());
  return new BuiltTopology(
    plan,
    walker,
    options.clock,
    nodes.map((builder) => builder.built()),
  );
}

class NodeBuilder {
  readonly node: Node;
  readonly #plan: Plan;
  readonly #planned: PlannedNode;
  readonly #datapath: Datapath;
  readonly #mapSpec: (spec: MapSpec) => MapSpec;
  readonly #pods: BuiltPod[] = [];

  constructor(plan: Plan, planned: PlannedNode, options: BuildOptions) {
    this.#plan = plan;
    this.#planned = planned;
    this.node = new Node(planned.name);
    const { config } = planned;
    this.#mapSpec = (spec) => {
      const configured = configuredMap(config, spec);
      return options.mapSpec ? options.mapSpec(configured) : configured;
    };
    this.#datapath = new Datapath({
      features: config.features,
      constants: nodeConstants(planned),
      clock: options.clock,
      random: options.random,
      fib: new NamespaceFib(this.node.host),
      mapSpec: this.#mapSpec,
    });
    // Id 0 says "no program" in the program arrays.
    if (this.#datapath.programs.length === 0) this.#datapath.programs.push(MISSING_PROGRAM);
    this.#buildHost();
    fillMaps(this.#datapath, plan, planned);
    for (const pod of planned.pods) this.#buildPod(pod);
  }

  built(): BuiltNode {
    return { planned: this.#planned, node: this.node, datapath: this.#datapath, pods: this.#pods };
  }

  #buildHost(): void {
    const { host } = this.node;
    const planned = this.#planned;
    for (const device of planned.devices) {
      const made = host.addDevice(device);
      for (const prefix of device.addresses) host.addAddress(made, prefix.address, prefix.length);
    }
    for (const { name, peer } of planned.devices) {
      if (peer !== null && name < peer) connect(host.deviceNamed(name)!, host.deviceNamed(peer)!);
    }
    for (const route of planned.routes) host.routes(route.prefix.length).add(route);
    for (const { ifindex, address, mac } of planned.neighbours) host.neighbours.set(ifindex, address, mac);
    host.ipv4Forwarding = planned.config.features.ipv4;
    host.ipv6Forwarding = planned.config.features.ipv6;
    host.localMark = MARK_TO_PROXY;
    host.localMarkMask = MARK_MAGIC_MASK;
  }

  #buildPod(pod: PlannedPod): void {
    const namespace = this.node.addPod(pod.name);
    const device = this.node.host.deviceNamed(pod.device.name)!;
    const eth0 = addPodDevice(namespace, pod);
    connect(device, eth0);
    const policyMap = this.#fillPolicyMap(pod);
    this.#attach(pod, device, policyMap);
    this.#pods.push({ planned: pod, namespace, device, eth0, policyMap });
  }

  #fillPolicyMap(pod: PlannedPod): BpfMap {
    const name = `${POLICY_MAP_SPEC.name}_${String(pod.endpointId).padStart(5, '0')}`;
    const map = createMap({ ...this.#mapSpec(POLICY_MAP_SPEC), name });
    for (const entry of this.#plan.policies.get(pod.name) ?? []) writePolicyEntry(map, entry, entry);
    return map;
  }

  #attach(pod: PlannedPod, device: Device, policyMap: BpfMap): void {
    const datapath = this.#datapath;
    const { config } = this.#planned;
    const programs = lxcPrograms(
      new ProgramInstance(datapath, 'lxc', instanceConfig(pod, this.#planned), policyMap),
    );
    const { endpointId } = pod;
    this.#attachProgram(endpointId, device, 'ingress', programs.fromContainer);
    if (config.features.ingressPolicyAtDevice) {
      this.#attachProgram(endpointId, device, 'egress', programs.toContainer);
    }
    setProgram(datapath, datapath.callPolicy, pod.endpointId, programs.policy);
    setProgram(datapath, datapath.egressCallPolicy, pod.endpointId, programs.policyEgress);
  }

  /** By a tcx link, or as the one direct-action filter that the agent keeps at a device. */
  #attachProgram(endpointId: number, device: Device, direction: Direction, program: HookProgram): void {
    const { bpf } = this.node;
    const loaded = bpf.load('sched_cls', program);
    if (this.#planned.attachment === 'tcx') {
      const link = device.hooks.linkTcx(direction, loaded);
      bpf.pin(`${ENDPOINTS_IN_BPFFS}/${endpointId}/links/${program.name}`, link);
      return;
    }
    device.hooks.addQdisc('clsact');
    const name = `${program.name}-${device.name}`;
    device.hooks.addFilter(direction, { priority: 1, handle: 1, directAction: true, program: loaded, name });
  }
}

const MISSING_PROGRAM: HookProgram = {
  name: 'none',
  run(): number {
    throw new Error('program id 0 is no program');
  },
};

const scratchKey = new Int32Array(1);

/** Puts a program into a program array, at an endpoint id. */
function setProgram(datapath: Datapath, array: BpfMap, index: number, program: HookProgram): void {
  scratchKey[0] = index;
  const at = array.insert(scratchKey, 0, 0);
  if (at < 0) throw new RangeError(`${array.spec.name} has no place for endpoint ${index}`);
  array.words[at >> 2] = datapath.programs.push(program) - 1;
}

function addPodDevice(namespace: Namespace, pod: PlannedPod): Device {
  const eth0 = namespace.addDevice({
    name: POD_DEVICE,
    ifindex: POD_IFINDEX,
    kind: 'veth',
    mac: pod.mac,
    mtu: pod.device.mtu,
  });
  for (const prefix of pod.addresses) {
    const all = prefix.length * 8;
    namespace
      .routes(prefix.length)
      .add({ prefix, prefixLength: all, kind: ROUTE_LOCAL, ifindex: POD_IFINDEX });
  }
  for (const gateway of pod.gateways) {
    const routes = namespace.routes(gateway.length);
    routes.add({ prefix: gateway, prefixLength: gateway.length * 8, ifindex: POD_IFINDEX });
    routes.add({ prefix: new Uint8Array(gateway.length), prefixLength: 0, ifindex: POD_IFINDEX, gateway });
    namespace.neighbours.set(POD_IFINDEX, gateway, pod.device.mac);
  }
  return eth0;
}

function ofFamily(addresses: readonly Uint8Array[], length: number): Uint8Array | undefined {
  return addresses.find((address) => address.length === length);
}

function nodeConstants(node: PlannedNode): NodeConstants {
  const { constants } = node.config;
  const device = (name: string) => node.devices.find((candidate) => candidate.name === name);
  const [host, net] = [device('cilium_host'), device('cilium_net')];
  const outside = node.devices.find((candidate) => candidate.kind === 'physical');
  return {
    ...constants,
    hostIfindex: host?.ifindex ?? 0,
    netIfindex: net?.ifindex ?? 0,
    hostMac: host?.mac ?? constants.hostMac,
    netMac: net?.mac ?? constants.netMac,
    nativeDeviceMac: (ifindex) =>
      node.devices.find((candidate) => candidate.ifindex === ifindex)?.mac ?? constants.hostMac,
    hostEndpointId: node.hostEndpointId,
    directRoutingIfindex: outside?.ifindex ?? 0,
    ipv4Gateway: rawWord(ofFamily(node.ciliumInternalAddresses, 4)),
    ipv4DirectRouting: rawWord(ofFamily(node.internalAddresses, 4)),
    ipv6DirectRouting: ofFamily(node.internalAddresses, 16) ?? constants.ipv6DirectRouting,
  };
}

function instanceConfig(pod: PlannedPod, node: PlannedNode): typeof DEFAULT_INSTANCE_CONFIG {
  return {
    ...DEFAULT_INSTANCE_CONFIG,
    interfaceIfindex: pod.device.ifindex,
    interfaceMac: pod.device.mac,
    securityLabel: pod.identity,
    endpointId: pod.endpointId,
    endpointIpv4: rawWord(ofFamily(pod.addresses, 4)),
    endpointIpv6: ofFamily(pod.addresses, 16) ?? DEFAULT_INSTANCE_CONFIG.endpointIpv6,
    netnsCookie: [pod.endpointId, 0],
    policyVerdictLogFilter: VERDICTS_OF_BOTH_DIRECTIONS,
    deviceMtu: pod.device.mtu,
    serviceLoopbackIpv4: rawWordOfText(node.config.serviceLoopbackIpv4),
    routerIpv6: ofFamily(node.ciliumInternalAddresses, 16) ?? DEFAULT_INSTANCE_CONFIG.routerIpv6,
  };
}
