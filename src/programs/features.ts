/**
 * What a Cilium node is configured to do: the switches that Cilium compiles into its programs. Chosen when the
 * datapath is made; nothing changes them while it runs.
 */
import { VXLAN } from '../engine/stack/tunnel.js';

/** How a DSR request carries the service's address: by IP option or extension header, IPIP, Geneve option. */
export const DSR_MODE_OPTION = 1;
export const DSR_MODE_IPIP = 2;
export const DSR_MODE_GENEVE = 3;

export interface Features {
  readonly ipv4: boolean;
  readonly ipv6: boolean;

  /** BPF routes on the node: endpoints and the host are looked up and delivered to by the programs (ENABLE_ROUTING). */
  readonly routing: boolean;
  /** BPF host routing: remote traffic leaves by FIB redirect, pods are reached by redirect_peer (ENABLE_HOST_ROUTING). */
  readonly hostRouting: boolean;
  /** Every pod has a route of its own (ENABLE_ENDPOINT_ROUTES), so the stack can deliver. */
  readonly endpointRoutes: boolean;
  /** Endpoint routes: ingress policy runs on the pod's device (USE_BPF_PROG_FOR_INGRESS_POLICY). */
  readonly ingressPolicyAtDevice: boolean;
  readonly arpPassthrough: boolean;
  readonly sourceAddressVerification: boolean;
  readonly skipFib: boolean;

  readonly nodePort: boolean;
  readonly nodePortAcceleration: boolean;
  readonly dsr: boolean;
  readonly dsrHybrid: boolean;
  readonly dsrByUser: boolean;
  /** One of DSR_MODE_. */
  readonly dsrMode: number;
  readonly dsrIcmpErrors: boolean;
  readonly sessionAffinity: boolean;
  readonly sourceRangeCheck: boolean;
  /** 1 random, 2 Maglev, 3 first. */
  readonly backendSelection: number;
  readonly backendSelectionPerService: boolean;
  readonly maglevTableSize: number;
  readonly l7LoadBalancer: boolean;
  readonly localRedirectPolicy: boolean;
  readonly activeConnectionTracking: boolean;
  readonly serviceProtocolDifferentiation: boolean;
  readonly noBackendResponse: boolean;
  readonly socketLbFull: boolean;
  readonly socketLbHostOnly: boolean;
  /** Sockets see the service as their peer (getpeername). */
  readonly socketLbPeer: boolean;
  readonly nat46x64: boolean;
  readonly nat46x64Gateway: boolean;
  readonly nat46x64Prefix: readonly [number, number, number, number];

  readonly masqueradeIpv4: boolean;
  readonly masqueradeIpv6: boolean;
  readonly ipMasqAgentIpv4: boolean;
  readonly ipMasqAgentIpv6: boolean;
  readonly egressGateway: boolean;
  readonly hostFirewall: boolean;
  readonly sctp: boolean;
  readonly ipv4Fragments: boolean;
  readonly ipv6Fragments: boolean;

  readonly tunnelMode: boolean;
  /** VXLAN or GENEVE (engine/stack/tunnel.ts). */
  readonly tunnelProtocol: number;
  readonly tunnelPort: number;
  /** Interface index of the tunnel device, 0 when there is none. */
  readonly encapIfindex: number;
  readonly vtep: boolean;
  readonly vtepMask: number;
  readonly ipsec: boolean;
  readonly wireguard: boolean;
  readonly nodeEncryption: boolean;
  readonly encryptionStrictMode: boolean;
  readonly srv6: boolean;
  readonly srv6RoutingHeader: boolean;
  readonly clusterAwareAddressing: boolean;
  readonly interClusterSnat: boolean;
  readonly bandwidthManager: boolean;
  readonly l2Announcements: boolean;
  readonly multicast: boolean;
  readonly healthCheck: boolean;
  readonly tproxy: boolean;
  readonly prefilter: boolean;

  readonly icmpRules: boolean;
  readonly allowIcmpFragmentationNeeded: boolean;
  readonly policyAuditMode: boolean;
  readonly policyVerdictEvents: boolean;
  readonly policyAccounting: boolean;
  readonly conntrackAccounting: boolean;
  /** Instead of both together, each direction is counted on its own, as up to Cilium 1.15. */
  readonly conntrackByDirection: boolean;
  readonly localDeliveryMetrics: boolean;
  readonly traceEvents: boolean;
  readonly dropEvents: boolean;
  /** Events of socket-level load balancing. */
  readonly socketTraceEvents: boolean;
  readonly debug: boolean;
  /** 0 none, 1 lowest, 2 low, 3 medium, 4 maximum. */
  readonly monitorAggregation: number;
  /** TCP flags that make an established connection report again. */
  readonly conntrackReportFlags: number;
  /** Events per second and bucket size; 0 means unlimited. */
  readonly eventsRateLimit: number;
  readonly eventsBurstLimit: number;
}

/** Everything off, numbers as the Cilium agent sets them; a configuration is this with changes. */
export const DEFAULT_FEATURES: Features = {
  ipv4: true,
  ipv6: false,
  routing: false,
  hostRouting: false,
  endpointRoutes: false,
  ingressPolicyAtDevice: false,
  arpPassthrough: false,
  sourceAddressVerification: false,
  skipFib: false,
  nodePort: false,
  nodePortAcceleration: false,
  dsr: false,
  dsrHybrid: false,
  dsrByUser: false,
  dsrMode: DSR_MODE_OPTION,
  dsrIcmpErrors: false,
  sessionAffinity: false,
  sourceRangeCheck: false,
  backendSelection: 1,
  backendSelectionPerService: false,
  maglevTableSize: 16381,
  l7LoadBalancer: false,
  localRedirectPolicy: false,
  activeConnectionTracking: false,
  serviceProtocolDifferentiation: false,
  noBackendResponse: false,
  socketLbFull: false,
  socketLbHostOnly: false,
  socketLbPeer: true,
  nat46x64: false,
  nat46x64Gateway: false,
  nat46x64Prefix: [0x00, 0x64, 0xff, 0x9b],
  masqueradeIpv4: false,
  masqueradeIpv6: false,
  ipMasqAgentIpv4: false,
  ipMasqAgentIpv6: false,
  egressGateway: false,
  hostFirewall: false,
  sctp: false,
  ipv4Fragments: false,
  ipv6Fragments: false,
  tunnelMode: false,
  tunnelProtocol: VXLAN,
  tunnelPort: 8472,
  encapIfindex: 0,
  vtep: false,
  vtepMask: 0x00ffffff,
  ipsec: false,
  wireguard: false,
  nodeEncryption: false,
  encryptionStrictMode: false,
  srv6: false,
  srv6RoutingHeader: false,
  clusterAwareAddressing: false,
  interClusterSnat: false,
  bandwidthManager: false,
  l2Announcements: false,
  multicast: false,
  healthCheck: false,
  tproxy: false,
  prefilter: false,
  icmpRules: false,
  allowIcmpFragmentationNeeded: false,
  policyAuditMode: false,
  policyVerdictEvents: false,
  policyAccounting: true,
  conntrackAccounting: true,
  conntrackByDirection: false,
  localDeliveryMetrics: true,
  traceEvents: true,
  dropEvents: true,
  socketTraceEvents: true,
  debug: false,
  monitorAggregation: 3,
  conntrackReportFlags: 0x07,
  eventsRateLimit: 0,
  eventsBurstLimit: 0,
};

/** Service translation runs per packet in the pod program, not at the socket. */
export function perPacketLoadBalancing(f: Features): boolean {
  const socketLbOnly = f.socketLbFull && !f.socketLbHostOnly;
  return !socketLbOnly || f.l7LoadBalancer || f.sctp || f.clusterAwareAddressing;
}

/** Some path of this node encapsulates (HAVE_ENCAP). */
export function haveEncapsulation(f: Features): boolean {
  return f.encapIfindex !== 0 || f.egressGateway || (f.dsr && f.dsrMode === DSR_MODE_GENEVE);
}
