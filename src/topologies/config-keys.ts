/** The keys of Cilium's ConfigMap that switch something in the datapath, and what they switch. */
import { parseIpv4 } from '../engine/address-text.js';
import { GENEVE, VXLAN } from '../engine/stack/tunnel.js';
import { DSR_MODE_GENEVE, DSR_MODE_IPIP, DSR_MODE_OPTION } from '../programs/features.js';
import { prefixKey } from './config-prefix.js';
import {
  choice,
  type Draft,
  duration,
  entries,
  feature,
  flag,
  number,
  type Setter,
  seconds,
  setting,
  text,
  whole,
} from './config-values.js';
import { VTEP_KEYS } from './config-vtep.js';
import { MAGLEV_TABLE_SIZES } from './maglev.js';

const MONITOR_FLAGS: Readonly<Record<string, number>> = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 };

export const SETTERS: ReadonlyMap<string, Setter> = new Map<string, Setter>([
  ['enable-ipv4', feature('ipv4')],
  ['enable-ipv6', feature('ipv6')],
  [
    'routing-mode',
    choice({
      native: (draft) => {
        draft.features.tunnelMode = false;
      },
      tunnel: (draft) => {
        draft.features.tunnelMode = true;
      },
    }),
  ],
  [
    // routing-mode and tunnel-protocol in one, up to Cilium 1.13.
    'tunnel',
    choice({
      disabled: (draft) => {
        draft.features.tunnelMode = false;
      },
      vxlan: (draft) => {
        draft.features.tunnelMode = true;
        draft.features.tunnelProtocol = VXLAN;
      },
      geneve: (draft) => {
        draft.features.tunnelMode = true;
        draft.features.tunnelProtocol = GENEVE;
      },
    }),
  ],
  [
    'enable-endpoint-routes',
    flag((draft, on) => {
      draft.features.routing = !on;
      draft.features.endpointRoutes = on;
      draft.features.ingressPolicyAtDevice = on;
    }),
  ],
  ['enable-host-legacy-routing', setting('hostLegacyRouting')],
  [
    'tunnel-protocol',
    choice({
      vxlan: (draft) => {
        draft.features.tunnelProtocol = VXLAN;
      },
      geneve: (draft) => {
        draft.features.tunnelProtocol = GENEVE;
      },
    }),
  ],
  [
    'tunnel-port',
    whole(1, 65535, (draft, value) => {
      draft.tunnelPort = value;
    }),
  ],
  [
    'underlay-protocol',
    choice({
      ipv4: (draft) => {
        draft.ipv6Underlay = false;
      },
      ipv6: (draft) => {
        draft.ipv6Underlay = true;
      },
    }),
  ],
  ['enable-tcx', setting('tcx')],
  ['auto-direct-node-routes', setting('autoDirectNodeRoutes')],
  [
    'devices',
    text((draft, value) => {
      draft.devices = value.split(/[\s,]+/);
    }),
  ],
  [
    'direct-routing-device',
    text((draft, value) => {
      draft.directRoutingDevice = value;
    }),
  ],
  ['enable-ipv4-masquerade', setting('ipv4Masquerade')],
  ['enable-ipv6-masquerade', setting('ipv6Masquerade')],
  // Its name before Cilium 1.10.
  ['masquerade', setting('ipv4Masquerade')],
  ['install-no-conntrack-iptables-rules', setting('noConntrackRules')],
  ['enable-bpf-masquerade', setting('bpfMasquerade')],
  ['enable-ip-masq-agent', setting('ipMasqAgent')],
  ['ipv4-native-routing-cidr', prefixKey('nativeRoutingIpv4', 4)],
  ['native-routing-cidr', prefixKey('nativeRoutingIpv4', 4)],
  ['ipv6-native-routing-cidr', prefixKey('nativeRoutingIpv6', 16)],
  ['enable-node-port', feature('nodePort')],
  [
    'bpf-lb-mode',
    choice({
      snat: (draft) => {
        draft.lbMode = 'snat';
      },
      dsr: (draft) => {
        draft.lbMode = 'dsr';
      },
      hybrid: (draft) => {
        draft.lbMode = 'hybrid';
      },
    }),
  ],
  ['bpf-lb-mode-annotation', setting('lbModeAnnotation')],
  [
    'bpf-lb-dsr-dispatch',
    choice({
      opt: (draft) => {
        draft.features.dsrMode = DSR_MODE_OPTION;
      },
      ipip: (draft) => {
        draft.features.dsrMode = DSR_MODE_IPIP;
      },
      geneve: (draft) => {
        draft.features.dsrMode = DSR_MODE_GENEVE;
      },
    }),
  ],
  ['enable-pmtu-discovery', feature('dsrIcmpErrors')],
  [
    'bpf-lb-algorithm',
    choice({
      random: (draft) => {
        draft.features.backendSelection = 1;
      },
      maglev: (draft) => {
        draft.features.backendSelection = 2;
      },
    }),
  ],
  ['bpf-lb-algorithm-annotation', feature('backendSelectionPerService')],
  [
    'bpf-lb-maglev-table-size',
    (draft, value) => {
      if (!MAGLEV_TABLE_SIZES.includes(Number(value))) return `one of ${MAGLEV_TABLE_SIZES.join(', ')}`;
      draft.features.maglevTableSize = Number(value);
      return null;
    },
  ],
  [
    'bpf-lb-acceleration',
    choice({
      disabled: (draft) => {
        draft.features.nodePortAcceleration = false;
      },
      native: (draft) => {
        draft.features.nodePortAcceleration = true;
      },
      'best-effort': (draft) => {
        draft.features.nodePortAcceleration = true;
      },
    }),
  ],
  ['bpf-lb-rss-ipv4-src-cidr', prefixKey('rssIpv4', 4)],
  ['bpf-lb-rss-ipv6-src-cidr', prefixKey('rssIpv6', 16)],
  [
    'node-port-range',
    (draft, value) => {
      const [first, last] = value.split(/[,-]/).map(Number);
      if (!(first > 0 && first < last && last <= 65535)) return 'two ports such as 30000,32767';
      draft.constants.nodePortRange = [first, last];
      draft.constants.natPortRange = [last + 1, 65535];
      return null;
    },
  ],
  ['enable-host-firewall', feature('hostFirewall')],
  ['enable-egress-gateway', feature('egressGateway')],
  ['enable-l7-proxy', setting('l7Proxy')],
  ['enable-envoy-config', feature('l7LoadBalancer')],
  ['enable-bpf-tproxy', feature('tproxy')],
  ['enable-local-redirect-policy', feature('localRedirectPolicy')],
  ['enable-active-connection-tracking', feature('activeConnectionTracking')],
  ['enable-nat46x64-gateway', feature('nat46x64Gateway')],
  ['enable-l2-announcements', feature('l2Announcements')],
  ['enable-ipsec', feature('ipsec')],
  ['enable-wireguard', feature('wireguard')],
  ['encrypt-node', feature('nodeEncryption')],
  ['enable-encryption-strict-mode', feature('encryptionStrictMode')],
  ['encryption-strict-mode-cidr', prefixKey('strictMode', 4)],
  ['encryption-strict-mode-allow-remote-node-identities', setting('strictModeAllowsNodes')],
  ['enable-bandwidth-manager', feature('bandwidthManager')],
  ['enable-srv6', feature('srv6')],
  [
    'srv6-encap-mode',
    choice({
      reduced: (draft) => {
        draft.features.srv6RoutingHeader = false;
      },
      srh: (draft) => {
        draft.features.srv6RoutingHeader = true;
      },
    }),
  ],
  ...VTEP_KEYS,
  ['mesh-auth-mutual-enabled', setting('mutualAuthentication')],
  [
    'conntrack-gc-interval',
    seconds((draft, value) => {
      draft.collectionIntervalSeconds = value;
    }),
  ],
  ['enable-xdp-prefilter', feature('prefilter')],
  [
    'vlan-bpf-bypass',
    text((draft, value) => {
      draft.vlanBypass = value.split(/[\s,]+/).map(Number);
    }),
  ],
  [
    'debug-verbose',
    text((draft, value) => {
      draft.features.debug = value.includes('datapath');
    }),
  ],
  [
    'kube-proxy-replacement',
    flag((draft, on) => {
      draft.kubeProxyReplacement = on;
      if (on) draft.features.nodePort = true;
    }),
  ],
  ['bpf-lb-sock', setting('socketLb')],
  ['bpf-lb-sock-hostns-only', feature('socketLbHostOnly')],
  ['enable-session-affinity', feature('sessionAffinity')],
  ['enable-svc-source-range-check', feature('sourceRangeCheck')],
  ['bpf-lb-proto-diff', feature('serviceProtocolDifferentiation')],
  [
    'service-no-backend-response',
    choice({
      reject: (draft) => {
        draft.features.noBackendResponse = true;
      },
      drop: (draft) => {
        draft.features.noBackendResponse = false;
      },
    }),
  ],
  ['enable-source-ip-verification', feature('sourceAddressVerification')],
  ['enable-sctp', feature('sctp')],
  ['enable-icmp-rules', feature('icmpRules')],
  ['allow-icmp-frag-needed', feature('allowIcmpFragmentationNeeded')],
  ['enable-ipv4-fragment-tracking', feature('ipv4Fragments')],
  ['enable-ipv6-fragment-tracking', feature('ipv6Fragments')],
  [
    'enable-policy',
    choice({
      default: (draft) => {
        draft.enforcement = 'default';
      },
      always: (draft) => {
        draft.enforcement = 'always';
      },
      never: (draft) => {
        draft.enforcement = 'never';
      },
    }),
  ],
  [
    'allow-localhost',
    choice({
      auto: (draft) => {
        draft.allowLocalhost = true;
      },
      always: (draft) => {
        draft.allowLocalhost = true;
      },
      policy: (draft) => {
        draft.allowLocalhost = false;
      },
    }),
  ],
  ['policy-audit-mode', feature('policyAuditMode')],
  ['policy-accounting', feature('policyAccounting')],
  ['bpf-conntrack-accounting', feature('conntrackAccounting')],
  ['bpf-events-drop-enabled', feature('dropEvents')],
  ['bpf-events-policy-verdict-enabled', feature('policyVerdictEvents')],
  ['bpf-events-trace-enabled', feature('traceEvents')],
  [
    'monitor-aggregation',
    choice(
      Object.fromEntries(
        ['none', 'lowest', 'low', 'medium', 'maximum'].map((level, number) => [
          level,
          (draft: Draft) => {
            draft.features.monitorAggregation = number;
          },
        ]),
      ),
    ),
  ],
  [
    'monitor-aggregation-flags',
    (draft, value) => {
      const names = value.split(/[\s,]+/).filter((name) => name !== '');
      if (value !== 'all' && names.some((name) => !Object.hasOwn(MONITOR_FLAGS, name))) {
        return `all, or some of ${Object.keys(MONITOR_FLAGS).join(', ')}`;
      }
      draft.features.conntrackReportFlags =
        value === 'all' ? 0xff : names.reduce((bits, name) => bits | MONITOR_FLAGS[name], 0);
      return null;
    },
  ],
  ['monitor-aggregation-interval', duration('reportIntervalSeconds')],
  ['bpf-ct-timeout-regular-tcp', duration('tcpLifetimeSeconds')],
  ['bpf-ct-timeout-regular-tcp-syn', duration('synLifetimeSeconds')],
  ['bpf-ct-timeout-regular-tcp-fin', duration('closeLifetimeSeconds')],
  ['bpf-ct-timeout-regular-any', duration('otherLifetimeSeconds')],
  ['bpf-ct-timeout-service-tcp', duration('serviceTcpLifetimeSeconds')],
  ['bpf-ct-timeout-service-any', duration('serviceOtherLifetimeSeconds')],
  ['bpf-ct-timeout-service-tcp-grace', duration('serviceCloseRebalanceSeconds')],
  ['bpf-ct-global-tcp-max', entries('cilium_ct4_global', 'cilium_ct6_global')],
  ['bpf-ct-global-any-max', entries('cilium_ct_any4_global', 'cilium_ct_any6_global')],
  ['bpf-policy-map-max', entries('cilium_policy_v2')],
  ['bpf-fragments-map-max', entries('cilium_ipv4_frag_datagrams', 'cilium_ipv6_frag_datagrams')],
  [
    'bpf-lb-map-max',
    entries(
      ...['services_v2', 'backends_v3', 'reverse_nat', 'affinity', 'source_range', 'maglev'].flatMap(
        (table) => [`cilium_lb4_${table}`, `cilium_lb6_${table}`],
      ),
    ),
  ],
  ['trace-payloadlen', number('captureLength', 1 << 14)],
  ['cluster-id', number('clusterId', 255)],
  [
    'ipv4-service-loopback-address',
    (draft, value) => {
      if (parseIpv4(value) === null) return 'an IPv4 address';
      draft.serviceLoopbackIpv4 = value;
      return null;
    },
  ],
]);
