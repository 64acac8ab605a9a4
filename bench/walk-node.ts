/** The node that the walks are timed on: feature set A, the maps' sizes as the Cilium agent makes them. */
import { readFileSync } from 'node:fs';
import { Clock } from '../src/engine/clock.js';
import { FIB_DESTINATION_MAC, FIB_IFINDEX, FIB_SOURCE_MAC, type FibLookup } from '../src/engine/fib.js';
import { createMap } from '../src/engine/maps/create-map.js';
import { setHex } from '../src/engine/maps/hex.js';
import type { BpfMap } from '../src/engine/maps/map.js';
import { PacketContext } from '../src/engine/packet.js';
import { SeededRandom } from '../src/engine/random.js';
import { put32le } from '../src/engine/wire/bytes.js';
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

/** Every destination is reached over the native device with one next hop, as the baseline's driver answered. */
class ConstantFib implements FibLookup {
  lookup(_packet: PacketContext, params: Uint8Array): number {
    put32le(params, FIB_IFINDEX, NATIVE_IFINDEX);
    for (let i = 0; i < 6; i++) {
      params[FIB_SOURCE_MAC + i] = 0x10 + i;
      params[FIB_DESTINATION_MAC + i] = 0x20 + i;
    }
    return 0;
  }
}

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

export class WalkNode {
  readonly clock = new Clock();
  readonly datapath: Datapath;
  readonly packet: PacketContext;
  /** The three pods' endpoints. */
  readonly instances: readonly ProgramInstance[];
  readonly fromContainer: (packet: PacketContext) => number;

  constructor(features: Features = FEATURES) {
    this.clock.set(1000e9);
    const state = JSON.parse(readFileSync(STATE, 'utf8')).maps as Record<string, [string, string][]>;
    this.datapath = new Datapath({
      features,
      constants: { ...DEFAULT_CONSTANTS, hostEndpointId: 4242, hostIfindex: 3, netIfindex: 4 },
      clock: this.clock,
      random: new SeededRandom(1),
      fib: new ConstantFib(),
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
    this.packet = new PacketContext(new Uint8Array(new SharedArrayBuffer(4096)));
    this.fromContainer = programs[0].fromContainer.run;
  }

  /** Forgets every flow. */
  forgetFlows(): void {
    for (const name of ['cilium_ct4_global', 'cilium_ct_any4_global']) this.datapath.map(name).clear();
  }
}
