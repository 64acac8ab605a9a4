/** The compile-time macros that vectors list, read into packetwalk's features and constants. */
import { DEFAULT_FEATURES, type Features } from '../../src/programs/features.js';
import type { ObjectKind } from '../../src/programs/instance.js';
import { DEFAULT_CONSTANTS, type NodeConstants } from '../../src/programs/node-constants.js';
import { type Macros, MacroValue } from './macro-value.js';
import type { Scenario } from './vector-format.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type FieldsOf<T> = { [K in keyof Features]: Features[K] extends T ? K : never }[keyof Features];

/** Defined means on, whatever the value. */
const SWITCHES: Readonly<Record<string, FieldsOf<boolean>>> = {
  ENABLE_IPV4: 'ipv4',
  ENABLE_IPV6: 'ipv6',
  ENABLE_ROUTING: 'routing',
  ENABLE_HOST_ROUTING: 'hostRouting',
  ENABLE_ENDPOINT_ROUTES: 'endpointRoutes',
  USE_BPF_PROG_FOR_INGRESS_POLICY: 'ingressPolicyAtDevice',
  ENABLE_ARP_PASSTHROUGH: 'arpPassthrough',
  ENABLE_SIP_VERIFICATION: 'sourceAddressVerification',
  ENABLE_SKIP_FIB: 'skipFib',
  ENABLE_NODEPORT: 'nodePort',
  ENABLE_NODEPORT_ACCELERATION: 'nodePortAcceleration',
  ENABLE_DSR: 'dsr',
  ENABLE_DSR_HYBRID: 'dsrHybrid',
  ENABLE_DSR_BYUSER: 'dsrByUser',
  ENABLE_DSR_ICMP_ERRORS: 'dsrIcmpErrors',
  ENABLE_SESSION_AFFINITY: 'sessionAffinity',
  ENABLE_SRC_RANGE_CHECK: 'sourceRangeCheck',
  LB_SELECTION_PER_SERVICE: 'backendSelectionPerService',
  ENABLE_L7_LB: 'l7LoadBalancer',
  ENABLE_LOCAL_REDIRECT_POLICY: 'localRedirectPolicy',
  ENABLE_ACTIVE_CONNECTION_TRACKING: 'activeConnectionTracking',
  ENABLE_SERVICE_PROTOCOL_DIFFERENTIATION: 'serviceProtocolDifferentiation',
  SERVICE_NO_BACKEND_RESPONSE: 'noBackendResponse',
  ENABLE_SOCKET_LB_FULL: 'socketLbFull',
  ENABLE_SOCKET_LB_HOST_ONLY: 'socketLbHostOnly',
  ENABLE_NAT_46X64: 'nat46x64',
  ENABLE_NAT_46X64_GATEWAY: 'nat46x64Gateway',
  ENABLE_MASQUERADE_IPV4: 'masqueradeIpv4',
  ENABLE_MASQUERADE_IPV6: 'masqueradeIpv6',
  ENABLE_IP_MASQ_AGENT_IPV4: 'ipMasqAgentIpv4',
  ENABLE_IP_MASQ_AGENT_IPV6: 'ipMasqAgentIpv6',
  ENABLE_EGRESS_GATEWAY: 'egressGateway',
  ENABLE_HOST_FIREWALL: 'hostFirewall',
  ENABLE_SCTP: 'sctp',
  ENABLE_IPV4_FRAGMENTS: 'ipv4Fragments',
  ENABLE_IPV6_FRAGMENTS: 'ipv6Fragments',
  TUNNEL_MODE: 'tunnelMode',
  ENABLE_VTEP: 'vtep',
  ENABLE_IPSEC: 'ipsec',
  ENABLE_WIREGUARD: 'wireguard',
  ENABLE_NODE_ENCRYPTION: 'nodeEncryption',
  ENCRYPTION_STRICT_MODE: 'encryptionStrictMode',
  ENABLE_SRV6: 'srv6',
  ENABLE_SRV6_SRH_ENCAP: 'srv6RoutingHeader',
  ENABLE_CLUSTER_AWARE_ADDRESSING: 'clusterAwareAddressing',
  ENABLE_INTER_CLUSTER_SNAT: 'interClusterSnat',
  ENABLE_BANDWIDTH_MANAGER: 'bandwidthManager',
  ENABLE_L2_ANNOUNCEMENTS: 'l2Announcements',
  ENABLE_MULTICAST: 'multicast',
  ENABLE_HEALTH_CHECK: 'healthCheck',
  ENABLE_TPROXY: 'tproxy',
  ENABLE_PREFILTER: 'prefilter',
  ENABLE_ICMP_RULE: 'icmpRules',
  ALLOW_ICMP_FRAG_NEEDED: 'allowIcmpFragmentationNeeded',
  POLICY_AUDIT_MODE: 'policyAuditMode',
  POLICY_VERDICT_NOTIFY: 'policyVerdictEvents',
  POLICY_ACCOUNTING: 'policyAccounting',
  CONNTRACK_ACCOUNTING: 'conntrackAccounting',
  LOCAL_DELIVERY_METRICS: 'localDeliveryMetrics',
  TRACE_NOTIFY: 'traceEvents',
  DROP_NOTIFY: 'dropEvents',
};

const NUMBERS: Readonly<Record<string, FieldsOf<number>>> = {
  DSR_ENCAP_MODE: 'dsrMode',
  LB_SELECTION: 'backendSelection',
  LB_MAGLEV_LUT_SIZE: 'maglevTableSize',
  TUNNEL_PROTOCOL: 'tunnelProtocol',
  TUNNEL_PORT: 'tunnelPort',
  ENCAP_IFINDEX: 'encapIfindex',
  VTEP_MASK: 'vtepMask',
  MONITOR_AGGREGATION: 'monitorAggregation',
  CT_REPORT_FLAGS: 'conntrackReportFlags',
  EVENTS_MAP_RATE_LIMIT: 'eventsRateLimit',
  EVENTS_MAP_BURST_LIMIT: 'eventsBurstLimit',
};

function bitCount(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => count + byte.toString(2).replaceAll('0', '').length, 0);
}

type ConstantReader = (constants: Writable<NodeConstants>, value: MacroValue) => void;
const CONSTANTS: Readonly<Record<string, ConstantReader>> = {
  CILIUM_HOST_IFINDEX: (c, v) => (c.hostIfindex = v.number()),
  CILIUM_NET_IFINDEX: (c, v) => (c.netIfindex = v.number()),
  CILIUM_HOST_MAC: (c, v) => (c.hostMac = v.bytes(6)),
  CILIUM_NET_MAC: (c, v) => (c.netMac = v.bytes(6)),
  CLUSTER_ID: (c, v) => (c.clusterId = v.number()),
  CT_CONNECTION_LIFETIME_TCP: (c, v) => (c.tcpLifetimeSeconds = v.number()),
  CT_CONNECTION_LIFETIME_NONTCP: (c, v) => (c.otherLifetimeSeconds = v.number()),
  CT_SYN_TIMEOUT: (c, v) => (c.synLifetimeSeconds = v.number()),
  CT_CLOSE_TIMEOUT: (c, v) => (c.closeLifetimeSeconds = v.number()),
  CT_SERVICE_LIFETIME_TCP: (c, v) => (c.serviceTcpLifetimeSeconds = v.number()),
  CT_SERVICE_LIFETIME_NONTCP: (c, v) => (c.serviceOtherLifetimeSeconds = v.number()),
  CT_SERVICE_CLOSE_REBALANCE: (c, v) => (c.serviceCloseRebalanceSeconds = v.number()),
  CT_REPORT_INTERVAL: (c, v) => (c.reportIntervalSeconds = v.number()),
  DIRECT_ROUTING_DEV_IFINDEX: (c, v) => (c.directRoutingIfindex = v.number()),
  EGRESS_IFINDEX: (c, v) => (c.egressIfindex = v.number()),
  HASH_INIT4_SEED: (c, v) => (c.hashSeedIpv4 = v.number()),
  HASH_INIT6_SEED: (c, v) => (c.hashSeedIpv6 = v.number()),
  HOST_EP_ID: (c, v) => (c.hostEndpointId = v.number()),
  IPV4_DIRECT_ROUTING: (c, v) => (c.ipv4DirectRouting = v.number()),
  IPV4_GATEWAY: (c, v) => (c.ipv4Gateway = v.number()),
  IPV4_ENCRYPT_IFACE: (c, v) => (c.ipv4EncryptInterface = v.number()),
  IPV4_INTER_CLUSTER_SNAT: (c, v) => (c.ipv4InterClusterSnat = v.number()),
  IPV6_DIRECT_ROUTING: (c, v) => (c.ipv6DirectRouting = v.bytes(16)),
  IPV4_RSS_PREFIX: (c, v) =>
    (c.ipv4RssPrefix = { prefixLength: 32, ...c.ipv4RssPrefix, address: v.number() }),
  IPV4_RSS_PREFIX_BITS: (c, v) =>
    (c.ipv4RssPrefix = { address: c.ipv4DirectRouting, ...c.ipv4RssPrefix, prefixLength: v.number() }),
  IPV6_RSS_PREFIX: (c, v) =>
    (c.ipv6RssPrefix = { prefixLength: 128, ...c.ipv6RssPrefix, address: v.bytes(16) }),
  IPV6_RSS_PREFIX_BITS: (c, v) =>
    (c.ipv6RssPrefix = { address: c.ipv6DirectRouting, ...c.ipv6RssPrefix, prefixLength: v.number() }),
  IPV4_SNAT_EXCLUSION_DST_CIDR: (c, v) =>
    (c.ipv4MasqueradeExclusion = { ...c.ipv4MasqueradeExclusion, address: v.number() }),
  IPV4_SNAT_EXCLUSION_DST_CIDR_LEN: (c, v) =>
    (c.ipv4MasqueradeExclusion = { ...c.ipv4MasqueradeExclusion, prefixLength: v.number() }),
  IPV6_SNAT_EXCLUSION_DST_CIDR: (c, v) =>
    (c.ipv6MasqueradeExclusion = { ...c.ipv6MasqueradeExclusion, address: v.bytes(16) }),
  IPV6_SNAT_EXCLUSION_DST_CIDR_MASK: (c, v) =>
    (c.ipv6MasqueradeExclusion = { ...c.ipv6MasqueradeExclusion, prefixLength: bitCount(v.bytes(16)) }),
  L2_ANNOUNCEMENTS_MAX_LIVENESS: (c, v) => (c.l2AnnouncementLivenessNs = v.float()),
  NODEPORT_PORT_MIN: (c, v) => (c.nodePortRange = [v.number(), c.nodePortRange[1]]),
  NODEPORT_PORT_MAX: (c, v) => (c.nodePortRange = [c.nodePortRange[0], v.number()]),
  NODEPORT_PORT_MIN_NAT: (c, v) => (c.natPortRange = [v.number(), c.natPortRange[1]]),
  NODEPORT_PORT_MAX_NAT: (c, v) => (c.natPortRange = [c.natPortRange[0], v.number()]),
  SNAT_COLLISION_RETRIES: (c, v) => (c.natCollisionRetries = v.number()),
  WG_IFINDEX: (c, v) => (c.wireguardIfindex = v.number()),
  WG_PORT: (c, v) => (c.wireguardPort = v.number()),
};

/** Handled outside the tables, follow from others, or only give names to numbers. */
const IMPLIED: ReadonlySet<string> = new Set([
  'BPF_TEST',
  'DSR_ENCAP_NONE',
  'DSR_ENCAP_IPIP',
  'DSR_ENCAP_GENEVE',
  'ENABLE_ARP_RESPONDER',
  'ENABLE_EGRESS_GATEWAY_COMMON',
  'ENABLE_IDENTITY_MARK',
  'ENABLE_MASQUERADE',
  'ENABLE_PER_PACKET_LB',
  'ETH_HLEN',
  'EVENT_SOURCE',
  'HAVE_ENCAP',
  'KERNEL_HZ',
  'LB_SELECTION_FIRST',
  'LB_SELECTION_MAGLEV',
  'LB_SELECTION_RANDOM',
  'MTU',
  'NAT_46X64_PREFIX_0',
  'NAT_46X64_PREFIX_1',
  'NAT_46X64_PREFIX_2',
  'NAT_46X64_PREFIX_3',
  'SKIP_DEBUG',
  'WORLD_IPV4_ID',
  'WORLD_IPV6_ID',
]);

/** Known, and without a place in `Features` or `NodeConstants`: no emulated program reads them yet. */
const NOT_USED: ReadonlySet<string> = new Set([
  'CLUSTER_ID_MAX',
  'ENCRYPTED_OVERLAY_ID',
  'ENCRYPT_KEY',
  'EPHEMERAL_MIN',
  'IPV4_MASK',
  'SECLABEL',
  'SECLABEL_IPV4',
  'SECLABEL_IPV6',
  'SKIP_ICMPV6_HOPLIMIT_HANDLING',
  'SKIP_ICMPV6_NS_HANDLING',
  'SKIP_SRV6_HANDLING',
  'USE_LOOPBACK_LB',
]);

/** Macros that nothing here knows: they might change what programs do. */
export function unknownMacros(scenario: Scenario): string[] {
  const names = new Set(Object.keys(scenario.features));
  for (const more of Object.values(scenario.objectFeatures ?? {})) {
    for (const name of Object.keys(more)) names.add(name);
  }
  const known = [SWITCHES, NUMBERS, CONSTANTS];
  return [...names].filter(
    (name) => !known.some((table) => Object.hasOwn(table, name)) && !IMPLIED.has(name) && !NOT_USED.has(name),
  );
}

/** `suite` scenarios list every switch of their build; for the others some are always compiled in. */
function listsEverySwitch(scenario: Scenario): boolean {
  return scenario.source === 'suite';
}

/** The features of the programs of one kind of object; without a kind those that all objects share. */
export function featuresOf(scenario: Scenario, kind?: ObjectKind): Features {
  const macros: Macros = {
    ...scenario.features,
    ...(kind === undefined ? undefined : scenario.objectFeatures?.[kind]),
  };
  const has = (name: string): boolean => Object.hasOwn(macros, name);
  const features: Writable<Features> = { ...DEFAULT_FEATURES, maglevTableSize: 251 };
  for (const [name, field] of Object.entries(SWITCHES)) features[field] = has(name);
  for (const [name, field] of Object.entries(NUMBERS)) {
    if (has(name)) features[field] = new MacroValue(name, macros).number();
  }
  if (has('NAT_46X64_PREFIX_0')) {
    const byte = (index: number): number => new MacroValue(`NAT_46X64_PREFIX_${index}`, macros).number();
    features.nat46x64Prefix = [byte(0), byte(1), byte(2), byte(3)];
  }
  // 0 stands for a build without the names of the modes, which takes the first branch: no encapsulation.
  if (features.dsrMode === 0) features.dsrMode = 1;
  if (kind === 'lxc') features.backendSelection = 1;
  // Recordings of the suite leave debug events out.
  features.debug = !has('SKIP_DEBUG') && !listsEverySwitch(scenario);
  if (!listsEverySwitch(scenario)) {
    const always = kind === 'lxc' || kind === 'host';
    features.dropEvents = true;
    features.traceEvents ||= always;
    features.localDeliveryMetrics ||= always;
    features.conntrackAccounting ||= always || features.nodePort;
    features.policyAccounting ||= always || features.nodePort;
  }
  return features;
}

const HOST_MAC = Uint8Array.of(0xce, 0x72, 0xa7, 0x03, 0x88, 0x56);
const NET_MAC = Uint8Array.of(0xce, 0x72, 0xa7, 0x03, 0x88, 0x57);

/** What the recording says of its node where no macro says otherwise (README of the vectors, "Conventions"). */
export const RECORDED_CONSTANTS: NodeConstants = {
  ...DEFAULT_CONSTANTS,
  hostIfindex: 3,
  netIfindex: 4,
  hostMac: HOST_MAC,
  netMac: NET_MAC,
  nativeDeviceMac: () => HOST_MAC,
  hostEndpointId: 4242,
  directRoutingIfindex: 10,
  ipv4Gateway: 0xfffff50a | 0,
  ipv4DirectRouting: 0x0b00a8c0,
  ipv4MasqueradeExclusion: { address: 0x0000f50a, prefixLength: 16 },
  nodePortRange: [30000, 32767],
  natPortRange: [32768, 65535],
  natCollisionRetries: 32,
  tcpLifetimeSeconds: 21600,
  otherLifetimeSeconds: 60,
  synLifetimeSeconds: 60,
  closeLifetimeSeconds: 10,
  serviceTcpLifetimeSeconds: 21600,
  serviceOtherLifetimeSeconds: 60,
  serviceCloseRebalanceSeconds: 30,
  reportIntervalSeconds: 5,
  hashSeedIpv4: 0xcafe,
  hashSeedIpv6: 0xeb9f,
  clusterId: 0,
  wireguardIfindex: 42,
  wireguardPort: 51871,
  l2AnnouncementLivenessNs: 3e9,
  ipipIfindexIpv4: 42,
  ipipIfindexIpv6: 42,
  ipv4EncryptInterface: 0xfffff50a | 0,
  strictModeNetwork: { address: 0x0000f50a, prefixLength: 16 },
  captureLength: 128,
  vlanFilter: new Map([
    [116, new Set([4000, 4001])],
    [117, new Set([4003, 4004, 4005])],
  ]),
};

export function constantsOf(scenario: Scenario): NodeConstants {
  const constants: Writable<NodeConstants> = { ...RECORDED_CONSTANTS };
  for (const [name, read] of Object.entries(CONSTANTS)) {
    if (Object.hasOwn(scenario.features, name)) read(constants, new MacroValue(name, scenario.features));
  }
  return constants;
}
