/** The node that the walks are timed on: feature set A, the maps' sizes as the Cilium agent makes them. */
import { readFileSync } from 'node:fs';
import { Clock } from '../src/engine/clock.js';
import { connect, type Device } from '../src/engine/device.js';
import { FrameArena } from '../src/engine/frame-arena.js';
import { HOOK_TCX_INGRESS } from '../src/engine/hooks/order.js';
import { createMap } from '../src/engine/maps/create-map.js';
import { setHex } from '../src/engine/maps/hex.js';
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
import { DEFAULT_INSTANCE_CONFIG, ProgramInstance } from '../src/programs/instance.js';
import { lxcPrograms } from '../src/programs/lxc.js';
import { DEFAULT_CONSTANTS } from '../src/programs/node-constants.js';
import { POLICY_MAP_SPEC } from '../src/programs/tables/map-specs.js';

const STATE = new URL('../../bench/walk-state.json', import.meta.url);

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
const NATIVE_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0x10);

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
  readonly fromContainer: (packet: PacketContext) => number;

  constructor(features: Features = FEATURES) {
    this.clock.set(1000e9);
    const state = JSON.parse(readFileSync(STATE, 'utf8')).maps as Record<string, [string, string][]>;
    const node = new Node('node1');
    const { host } = node;
    this.datapath = new Datapath({
      features,
      constants: { ...DEFAULT_CONSTANTS, hostEndpointId: 4242, hostIfindex: 3, netIfindex: 4 },
      clock: this.clock,
      random: new SeededRandom(1),
      fib: new NamespaceFib(host),
    });
    this.datapath.events.mode = 'overwrite';
    this.datapath.signals.mode = 'discard';
    const policies = new Map<string, BpfMap>();
    for (const [name, entries] of Object.entries(state)) {
      const map = name.startsWith('policy_') ? createMap(POLICY_MAP_SPEC) : this.datapath.map(name);
      if (name.startsWith('policy_')) policies.set(name, map);
      for (const [key, value] of entries) setHex(map, key, value);
    }
    this.instances = PODS.map((pod, index) => {
      const config = {
        ...DEFAULT_INSTANCE_CONFIG,
        interfaceIfindex: pod.ifindex,
        interfaceMac: Uint8Array.of(0x0a, 0, 0, 0, index + 1, 0xfe, 0, 0),
        securityLabel: pod.identity,
        endpointId: pod.endpointId,
        endpointIpv4: new Int32Array(Uint8Array.from(pod.address).buffer)[0],
        policyVerdictLogFilter: 3,
        serviceLoopbackIpv4: 0x012afea9,
      };
      const policy = policies.get(`policy_ep${index + 1}`);
      if (policy === undefined) throw new Error('walk-state.json has no policy map of the pod');
      return new ProgramInstance(this.datapath, 'lxc', config, policy);
    });
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
    const mac = NATIVE_MAC;
    this.native = host.addDevice({ name: 'eth0', ifindex: NATIVE_IFINDEX, kind: 'physical', mac });
    host.addAddress(this.native, Uint8Array.of(192, 168, 0, 11), 24);
    host.neighbours.set(NATIVE_IFINDEX, GATEWAY, GATEWAY_MAC);
    const anywhere = { prefix: new Uint8Array(4), prefixLength: 0, kind: ROUTE_UNICAST };
    host.ipv4Routes.add({ ...anywhere, ifindex: NATIVE_IFINDEX, gateway: GATEWAY });
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
      const address = Uint8Array.from(pod.address);
      inside.ipv4Routes.add({ prefix: address, prefixLength: 32, kind: ROUTE_LOCAL, ifindex: 2 });
      connect(lxc, eth0);
      lxc.attach(HOOK_TCX_INGRESS, programs[index].fromContainer);
      return lxc;
    });
    this.lxc = lxcs[0];
    this.localPod = lxcs[1];
    this.walker = new Walker(new Network([node]), this.arena);
    this.packet = this.walker.packet;
    this.handle = this.arena.allocate(64);
  }

  /** Forgets every flow. */
  forgetFlows(): void {
    for (const name of ['cilium_ct4_global', 'cilium_ct_any4_global']) this.datapath.map(name).clear();
  }
}
