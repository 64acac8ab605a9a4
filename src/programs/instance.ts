import { TC_ACT_SHOT, XDP_DROP } from '../engine/hooks/verdict.js';
import type { BpfMap } from '../engine/maps/map.js';
import type { Datapath } from './datapath.js';
import type { Features } from './features.js';
import { PolicyDecisions } from './policy-decisions.js';

/** The objects that Cilium loads. */
export type ObjectKind = 'lxc' | 'host' | 'overlay' | 'xdp' | 'wireguard' | 'network' | 'sock';

/** Run-time configuration of one loaded object. MACs are 6 bytes or more, IPv6 addresses 16. */
export interface InstanceConfig {
  readonly interfaceIfindex: number;
  readonly interfaceMac: Uint8Array;
  readonly securityLabel: number;
  readonly endpointId: number;
  /** Raw word; 0 without IPv4. */
  readonly endpointIpv4: number;
  readonly endpointIpv6: Uint8Array;
  /** The cookie's low and high 32 bits. */
  readonly netnsCookie: readonly [number, number];
  readonly secctxFromIpcache: boolean;
  readonly policyVerdictLogFilter: number;
  readonly ethernetHeaderLength: number;
  readonly deviceMtu: number;
  readonly natIpv4Masquerade: number;
  readonly natIpv6Masquerade: Uint8Array;
  readonly serviceLoopbackIpv4: number;
  readonly routerIpv6: Uint8Array;
}

const ZERO_16 = new Uint8Array(16);

export const DEFAULT_INSTANCE_CONFIG: InstanceConfig = {
  interfaceIfindex: 0,
  interfaceMac: new Uint8Array(8),
  securityLabel: 0,
  endpointId: 0,
  endpointIpv4: 0,
  endpointIpv6: ZERO_16,
  netnsCookie: [0, 0],
  secctxFromIpcache: false,
  policyVerdictLogFilter: 0,
  ethernetHeaderLength: 14,
  deviceMtu: 1500,
  natIpv4Masquerade: 0,
  natIpv6Masquerade: ZERO_16,
  serviceLoopbackIpv4: 0,
  routerIpv6: ZERO_16,
};

/**
 * One loaded object: the programs of an endpoint, a native device, the tunnel device. One class for all kinds,
 * so that the shared steps see one shape.
 */
export class ProgramInstance {
  readonly datapath: Datapath;
  readonly kind: ObjectKind;
  readonly features: Features;
  readonly config: InstanceConfig;
  /** The endpoint's policy map; of a node object the host endpoint's. */
  readonly policy: BpfMap;
  /** Source field of events: the endpoint, the host endpoint, or 0. */
  readonly eventSource: number;
  /** What the policy map says, remembered. */
  readonly policyDecisions: PolicyDecisions;
  /** Trace points of received packets that count no metric are visible (aggregation 0). */
  readonly tracesReceived: boolean;
  readonly isXdp: boolean;
  /** Its device has no link header; events say so. */
  readonly isLayer3: boolean;
  readonly dropVerdict: number;

  /** `features` are the datapath's unless this object is compiled with others (trace events of the overlay). */
  constructor(
    datapath: Datapath,
    kind: ObjectKind,
    config: InstanceConfig,
    policy: BpfMap,
    features: Features = datapath.features,
  ) {
    this.datapath = datapath;
    this.kind = kind;
    this.config = config;
    this.policy = policy;
    this.features = features;
    this.tracesReceived = features.traceEvents && features.monitorAggregation === 0;
    this.isXdp = kind === 'xdp';
    this.isLayer3 = config.ethernetHeaderLength === 0;
    this.dropVerdict = this.isXdp ? XDP_DROP : TC_ACT_SHOT;
    if (kind === 'lxc') this.eventSource = config.endpointId;
    else if (kind === 'host') this.eventSource = datapath.constants.hostEndpointId;
    else this.eventSource = 0;
    this.policyDecisions = new PolicyDecisions(
      policy,
      datapath.policyStats,
      this.eventSource,
      features.policyAccounting,
    );
  }
}
