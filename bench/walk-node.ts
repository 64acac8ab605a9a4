/** The node that the walks are timed on: feature set A, the maps' sizes as the Cilium agent makes them. */
import { Clock } from '../src/engine/clock.js';
import { connect, type Device } from '../src/engine/device.js';
import { FrameArena } from '../src/engine/frame-arena.js';
import { HOOK_TCX_EGRESS, HOOK_TCX_INGRESS, HOOK_XDP } from '../src/engine/hooks/chain.js';
import { TC_ACT_UNSPEC } from '../src/engine/hooks/verdict.js';
import type { BpfMap } from '../src/engine/maps/map.js';
import { Network } from '../src/engine/network.js';
import { Node } from '../src/engine/node.js';
import type { PacketContext } from '../src/engine/packet.js';
import { SeededRandom } from '../src/engine/random.js';
import { NamespaceFib } from '../src/engine/stack/fib.js';
import { ROUTE_LOCAL, ROUTE_UNICAST } from '../src/engine/stack/route-table.js';
import { Walker } from '../src/engine/walker.js';
import { Datapath } from '../src/programs/datapath.js';
import { DEFAULT_FEATURES, type Features } from '../src/programs/features.js';
import { hostPrograms } from '../src/programs/host.js';
import { DEFAULT_INSTANCE_CONFIG, ProgramInstance } from '../src/programs/instance.js';
import { lxcPrograms } from '../src/programs/lxc.js';
import { DEFAULT_CONSTANTS, type NodeConstants } from '../src/programs/node-constants.js';
import { overlayPrograms } from '../src/programs/overlay.js';
import { xdpPrograms } from '../src/programs/xdp.js';
import { addEntries, type Entries, fillMaps } from './walk-maps.js';

/** Feature set A of the vectors with the events that Cilium sends by default. */
export const FEATURES: Features = {
  ...DEFAULT_FEATURES,
  routing: true,
  hostRouting: true,
  nodePort: true,
  sessionAffinity: true,
  sourceRangeCheck: true,
  l7LoadBalancer: true,
  sctp: true,
  ipv4Fragments: true,
  icmpRules: true,
  allowIcmpFragmentationNeeded: true,
  noBackendResponse: true,
  policyVerdictEvents: true,
  monitorAggregation: 3,
};

export const NATIVE_IFINDEX = 10;
export const TUNNEL_IFINDEX = 42;

interface Pod {
  readonly endpointId: number;
  readonly ifindex: number;
  readonly identity: number;
  readonly address: readonly number[];
}

const PODS: readonly Pod[] = [
  { endpointId: 101, ifindex: 21, identity: 1001, address: [10, 245, 1, 10] },
  { endpointId: 102, ifindex: 22, identity: 1002, address: [10, 245, 1, 20] },
  { endpointId: 103, ifindex: 23, identity: 1003, address: [10, 245, 1, 30] },
];

const GATEWAY = Uint8Array.of(192, 168, 0, 254);
const GATEWAY_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0xfe);
export const NATIVE_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0x10);
export const TUNNEL_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0x42);
const NODE_ADDRESS = word([192, 168, 0, 11]);

/** Node programs by the hook they run at; a walk attaches those that it is about. */
export type NodeProgram = 'from-netdev' | 'to-netdev' | 'xdp' | 'overlay';

export interface WalkNodeOptions {
  /** Differences to set A. */
  readonly features?: Partial<Features>;
  readonly constants?: Partial<NodeConstants>;
  readonly programs?: readonly NodeProgram[];
  readonly entries?: Entries;
}

/** IPv4 address as a raw word. */
export function word(bytes: readonly number[]): number {
  return new Int32Array(Uint8Array.from(bytes).buffer)[0];
}

/** fd00:10:0:POD::HOST, as far as pods have such addresses; `bytes` are the last four groups that matter. */
export function ipv6Address(node: number, host: number): Uint8Array {
  return Uint8Array.of(0xfd, 0, 0, 0x10, 0, node, 0, 0, 0, 0, 0, 0, 0, 0, 0, host);
}

export class WalkNode {
  readonly clock = new Clock();
  readonly datapath: Datapath;
  readonly arena = new FrameArena(8, 1);
  readonly walker: Walker;
  /** The slot that every frame is laid into. */
  readonly handle: number;
  readonly packet: PacketContext;
  /** The three pods' endpoints, and the node's devices towards the first two and to the outside. */
  readonly instances: readonly ProgramInstance[];
  readonly lxc: Device;
  readonly localPod: Device;
  readonly native: Device;
  readonly tunnel: Device;
  readonly fromContainer: (packet: PacketContext) => number;
  readonly #flowMaps: readonly BpfMap[];

  constructor(options: WalkNodeOptions = {}) {
    this.clock.set(1000e9);
    const node = new Node('node1');
    const { host } = node;
    this.datapath = new Datapath({
      features: { ...FEATURES, ...options.features },
      constants: {
        ...DEFAULT_CONSTANTS,
        hostEndpointId: 4242,
        hostIfindex: 3,
        netIfindex: 4,
        ipv4DirectRouting: NODE_ADDRESS,
        directRoutingIfindex: NATIVE_IFINDEX,
        nativeDeviceMac: () => NATIVE_MAC,
        ...options.constants,
      },
      clock: this.clock,
      random: new SeededRandom(1),
      fib: new NamespaceFib(host),
    });
    const { ipv4, ipv6 } = this.datapath;
    this.#flowMaps = [ipv4, ipv6].flatMap((family) => [
      family.conntrackTcp,
      family.conntrackAny,
      family.snat,
    ]);
    this.datapath.events.mode = 'overwrite';
    this.datapath.signals.mode = 'discard';
    const policies = fillMaps(this.datapath);
    if (options.entries) addEntries(this.datapath, options.entries);
    this.instances = PODS.map((pod, index) => this.#podInstance(pod, index, policies));
    const programs = this.instances.map(lxcPrograms);
    const key = new Int32Array(1);
    PODS.forEach((pod, index) => {
      key[0] = pod.endpointId;
      const id = this.datapath.programs.push(programs[index].policy) - 1;
      const at = this.datapath.callPolicy.insert(key, 0, 0);
      this.datapath.callPolicy.words[at >> 2] = id;
    });
    this.fromContainer = programs[0].fromContainer.run;

    host.ipv4Forwarding = true;
    host.ipv6Forwarding = true;
    const mac = NATIVE_MAC;
    this.native = host.addDevice({ name: 'eth0', ifindex: NATIVE_IFINDEX, kind: 'physical', mac });
    host.addAddress(this.native, Uint8Array.of(192, 168, 0, 11), 24);
    host.neighbours.set(NATIVE_IFINDEX, GATEWAY, GATEWAY_MAC);
    const anywhere = { prefixLength: 0, kind: ROUTE_UNICAST, ifindex: NATIVE_IFINDEX };
    host.ipv4Routes.add({ ...anywhere, prefix: new Uint8Array(4), gateway: GATEWAY });
    const gateway6 = ipv6Address(0, 0xfe);
    host.neighbours.set(NATIVE_IFINDEX, gateway6, GATEWAY_MAC);
    host.ipv6Routes.add({ ...anywhere, prefix: new Uint8Array(16), gateway: gateway6 });
    this.tunnel = host.addDevice({
      name: 'cilium_vxlan',
      ifindex: TUNNEL_IFINDEX,
      kind: 'tunnel',
      mac: TUNNEL_MAC,
    });
    const lxcs = PODS.map((pod, index) => {
      const lxcMac = Uint8Array.of(0x0a, 0, 0, 0, index + 1, 0xfe);
      const lxc = host.addDevice({
        name: `lxc${index + 1}`,
        ifindex: pod.ifindex,
        kind: 'veth',
        mac: lxcMac,
      });
      const inside = node.addPod(`pod${index + 1}`);
      const podMac = Uint8Array.of(0x0a, 0, 0, 0, index + 1, 1);
      const eth0 = inside.addDevice({ name: 'eth0', ifindex: 2, kind: 'veth', mac: podMac });
      const route = { kind: ROUTE_LOCAL, ifindex: 2 };
      inside.ipv4Routes.add({ ...route, prefix: Uint8Array.from(pod.address), prefixLength: 32 });
      inside.ipv6Routes.add({ ...route, prefix: ipv6Address(1, 16 * (index + 1)), prefixLength: 128 });
      connect(lxc, eth0);
      lxc.attach(HOOK_TCX_INGRESS, programs[index].fromContainer);
      return lxc;
    });
    this.lxc = lxcs[0];
    this.localPod = lxcs[1];
    this.#attachNodePrograms(options.programs ?? [], policies);
    this.walker = new Walker(new Network([node]), this.arena);
    this.packet = this.walker.packet;
    this.handle = this.arena.allocate(64);
  }

  #podInstance(pod: Pod, index: number, policies: ReadonlyMap<string, BpfMap>): ProgramInstance {
    const config = {
      ...DEFAULT_INSTANCE_CONFIG,
      interfaceIfindex: pod.ifindex,
      interfaceMac: Uint8Array.of(0x0a, 0, 0, 0, index + 1, 0xfe, 0, 0),
      securityLabel: pod.identity,
      endpointId: pod.endpointId,
      endpointIpv4: word(pod.address),
      endpointIpv6: ipv6Address(1, 16 * (index + 1)),
      policyVerdictLogFilter: 3,
      serviceLoopbackIpv4: 0x012afea9,
    };
    return new ProgramInstance(this.datapath, 'lxc', config, policyNamed(policies, `policy_ep${index + 1}`));
  }

  #attachNodePrograms(wanted: readonly NodeProgram[], policies: ReadonlyMap<string, BpfMap>): void {
    const { datapath } = this;
    const policy = policyNamed(policies, 'policy_host');
    const config = {
      ...DEFAULT_INSTANCE_CONFIG,
      interfaceIfindex: NATIVE_IFINDEX,
      interfaceMac: NATIVE_MAC,
      securityLabel: 1,
      secctxFromIpcache: true,
      natIpv4Masquerade: NODE_ADDRESS,
      serviceLoopbackIpv4: 0x012afea9,
    };
    const host = hostPrograms(new ProgramInstance(datapath, 'host', config, policy));
    if (wanted.includes('from-netdev')) this.native.attach(HOOK_TCX_INGRESS, host.fromNetdev);
    if (wanted.includes('to-netdev')) this.native.attach(HOOK_TCX_EGRESS, host.toNetdev);
    if (wanted.includes('xdp')) {
      // Cilium's XDP programs send no traces.
      const features = { ...datapath.features, traceEvents: false };
      const xdp = xdpPrograms(new ProgramInstance(datapath, 'xdp', config, policy, features));
      this.native.attach(HOOK_XDP, xdp.entry);
    }
    if (wanted.includes('overlay')) {
      const onTunnel = { ...config, interfaceIfindex: TUNNEL_IFINDEX, interfaceMac: TUNNEL_MAC };
      const overlay = overlayPrograms(new ProgramInstance(datapath, 'overlay', onTunnel, policy));
      this.tunnel.attach(HOOK_TCX_INGRESS, { name: 'decapsulated', run: decapsulated });
      this.tunnel.attach(HOOK_TCX_INGRESS, overlay.fromOverlay);
      this.tunnel.attach(HOOK_TCX_EGRESS, overlay.toOverlay);
    }
  }

  /** Forgets every flow. */
  forgetFlows(): void {
    for (const map of this.#flowMaps) if (map.size > 0) map.clear();
  }
}

function policyNamed(policies: ReadonlyMap<string, BpfMap>, name: string): BpfMap {
  const policy = policies.get(name);
  if (policy === undefined) throw new Error(`walk-state.json has no ${name}`);
  return policy;
}

/** Stands in for the tunnel device, which leaves the key that a packet came with: identity 2001 of the remote pod. */
function decapsulated(packet: PacketContext): number {
  packet.receivedKey[0] = 0xd1;
  packet.receivedKey[1] = 0x07;
  packet.receivedKeyIsV6 = 0;
  packet.receivedKeyResult = 0;
  return TC_ACT_UNSPEC;
}
