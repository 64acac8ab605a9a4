import type { Clock } from '../engine/clock.js';
import type { FibLookup } from '../engine/fib.js';
import type { HookProgram } from '../engine/hooks/program.js';
import { createMap } from '../engine/maps/create-map.js';
import type { BpfMap, MapSpec } from '../engine/maps/map.js';
import type { PerfRing } from '../engine/maps/perf-ring.js';
import type { ProgArray } from '../engine/maps/prog-array.js';
import { FIB_PARAMS_SIZE } from '../engine/packet.js';
import type { RandomSource } from '../engine/random.js';
import { IDENTITY_WORLD, IDENTITY_WORLD_IPV4, IDENTITY_WORLD_IPV6 } from './constants.js';
import { EndpointMemo } from './endpoint-memo.js';
import { Family } from './family.js';
import { type Features, perPacketLoadBalancing } from './features.js';
import { Flow } from './flow.js';
import { IpcacheMemo } from './ipcache-memo.js';
import { Metrics } from './metrics.js';
import type { NodeConstants } from './node-constants.js';
import { SnatTarget } from './snat-target.js';
import { SocketTarget } from './socket-target.js';
import { MAP_SPECS } from './tables/map-specs.js';

/** What a datapath is made from. Everything that varies between runs is handed in. */
export interface DatapathOptions {
  readonly features: Features;
  readonly constants: NodeConstants;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly fib: FibLookup;
  /** Changes a map's declaration before it is made, for example its size. */
  readonly mapSpec?: (spec: MapSpec) => MapSpec;
  /** Answers a map that is there already for a declaration; null: it is made. */
  readonly keptMap?: (spec: MapSpec) => BpfMap | null;
}

/** Scratch keys for map lookups, word-aligned; each is used by one table only. */
class Keys {
  readonly service = new Int32Array(6);
  readonly ipcache = new Int32Array(6);
  readonly endpoint = new Int32Array(5);
  readonly policy = new Int32Array(3);
  readonly policyStats = new Int32Array(3);
  readonly affinity = new Int32Array(6);
  readonly affinityMatch = new Int32Array(2);
  readonly fragment = new Int32Array(10);
  readonly tuple = new Int32Array(10);
  readonly nat = new Int32Array(10);
  readonly natPartner = new Int32Array(10);
  readonly skip = new Int32Array(8);
  readonly reverseSocket = new Int32Array(8);
  readonly node = new Int32Array(5);
  readonly lpm = new Int32Array(9);
  readonly small = new Int32Array(4);
  readonly address = new Int32Array(4);
}

/**
 * One Cilium node's shared state: features, maps, clock, random source, FIB, event ring and metrics. The
 * programs of the node's endpoints and devices are `ProgramInstance`s on it.
 */
export class Datapath {
  readonly features: Features;
  readonly constants: NodeConstants;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly fib: FibLookup;
  readonly maps: ReadonlyMap<string, BpfMap>;

  readonly ipv4: Family;
  readonly ipv6: Family;
  readonly ipcache: BpfMap;
  readonly ipcacheMemo: IpcacheMemo;
  readonly endpoints: BpfMap;
  readonly endpointMemo: EndpointMemo;
  readonly policyStats: BpfMap;
  readonly affinityMatch: BpfMap;
  readonly activeConnections: BpfMap;
  readonly authentication: BpfMap;
  readonly nodes: BpfMap;
  readonly runtimeConfig: BpfMap;
  readonly rateLimit: BpfMap;
  readonly rateLimitMetrics: BpfMap;
  readonly vtep: BpfMap;
  readonly l2Responder: BpfMap;
  readonly encryptState: BpfMap;
  readonly throttle: BpfMap;
  readonly srv6Segments: BpfMap;
  readonly callPolicy: ProgArray;
  readonly egressCallPolicy: ProgArray;
  readonly events: PerfRing;
  readonly signals: PerfRing;
  readonly metrics: Metrics;

  /** Programs by the ids that the program arrays hold; id 0 is none. */
  readonly programs: HookProgram[] = [];

  readonly flow: Flow;
  readonly keys = new Keys();
  readonly snatTarget = new SnatTarget();
  readonly socketTarget = new SocketTarget();
  /** `struct bpf_fib_lookup` of the lookup at hand, as bytes and words. */
  readonly fibParams = new Uint8Array(FIB_PARAMS_SIZE);
  readonly fibWords = new Int32Array(this.fibParams.buffer);
  /** Its addresses may have IPv6 words left in them. */
  fibHasIpv6 = false;
  /** Room for a piece of a frame that is being rearranged. */
  readonly scratch = new Uint8Array(256);
  /** Decided once: the pod programs translate services packet by packet. */
  readonly translatesPerPacket: boolean;

  constructor(options: DatapathOptions) {
    this.features = options.features;
    this.constants = options.constants;
    this.clock = options.clock;
    this.random = options.random;
    this.fib = options.fib;
    const maps = new Map<string, BpfMap>();
    for (const spec of MAP_SPECS.values()) {
      const declared = options.mapSpec ? options.mapSpec(spec) : spec;
      maps.set(spec.name, options.keptMap?.(declared) ?? createMap(declared));
    }
    this.maps = maps;
    const map = (name: string): BpfMap => this.map(name);
    const dual = options.features.ipv4 && options.features.ipv6;
    this.ipv4 = new Family(
      4,
      map,
      dual ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD,
      options.features.ipv4Fragments,
    );
    this.ipv6 = new Family(
      6,
      map,
      dual ? IDENTITY_WORLD_IPV6 : IDENTITY_WORLD,
      options.features.ipv6Fragments,
    );
    this.ipcache = map('cilium_ipcache_v2');
    this.ipcacheMemo = new IpcacheMemo(this.ipcache);
    this.endpoints = map('cilium_lxc');
    this.endpointMemo = new EndpointMemo(this.endpoints);
    this.policyStats = map('cilium_policystats');
    this.affinityMatch = map('cilium_lb_affinity_match');
    this.activeConnections = map('cilium_lb_act');
    this.authentication = map('cilium_auth_map');
    this.nodes = map('cilium_node_map_v2');
    this.runtimeConfig = map('cilium_runtime_config');
    this.rateLimit = map('cilium_ratelimit');
    this.rateLimitMetrics = map('cilium_ratelimit_metrics');
    this.vtep = map('cilium_vtep_map');
    this.l2Responder = map('cilium_l2_responder_v4');
    this.encryptState = map('cilium_encrypt_state');
    this.throttle = map('cilium_throttle');
    this.srv6Segments = map('cilium_srv6_sid');
    this.callPolicy = map('cilium_call_policy') as ProgArray;
    this.egressCallPolicy = map('cilium_egresscall_policy') as ProgArray;
    this.events = map('cilium_events') as unknown as PerfRing;
    this.signals = map('cilium_signals') as unknown as PerfRing;
    this.metrics = new Metrics(map('cilium_metrics'));
    this.flow = new Flow(this.ipv4);
    this.translatesPerPacket = perPacketLoadBalancing(options.features);
  }

  /** The map of that name. Throws when there is none: names are ours, not the user's. */
  map(name: string): BpfMap {
    const map = this.maps.get(name);
    if (map === undefined) throw new Error(`no map named ${name}`);
    return map;
  }
}
