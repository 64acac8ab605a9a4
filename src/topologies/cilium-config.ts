/**
 * A node's Cilium configuration, in the keys and values of the `cilium-config` ConfigMap. Each key that is known says
 * what it switches in the datapath; keys that Cilium has but that nothing here depends on are taken with a warning.
 */

import { parseIpv4 } from '../engine/address-text.js';
import type { MapSpec } from '../engine/maps/map.js';
import { DEFAULT_FEATURES, type Features } from '../programs/features.js';
import { DEFAULT_CONSTANTS, type NodeConstants } from '../programs/node-constants.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { CiliumConfigSpec } from './spec.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type Enforcement = 'default' | 'always' | 'never';

/** What a node is configured to. */
export interface CiliumConfig {
  readonly features: Features;
  readonly constants: NodeConstants;
  /** When pods that no policy selects are open: `default`; never: `always`; policies off: `never`. */
  readonly enforcement: Enforcement;
  /** Whether the node may always reach its own pods (allow-localhost). */
  readonly allowLocalhost: boolean;
  readonly serviceLoopbackIpv4: string;
  /** Whether tcx is used where the kernel has it. */
  readonly tcx: boolean;
  /** Entries of maps by name, where set. */
  readonly mapEntries: ReadonlyMap<string, number>;
}

interface Draft {
  features: Mutable<Features>;
  constants: Mutable<NodeConstants>;
  enforcement: Enforcement;
  allowLocalhost: boolean;
  serviceLoopbackIpv4: string;
  tcx: boolean;
  mapEntries: Map<string, number>;
}

/** Takes the value's text; answers what it expects when the value is not that. */
type Setter = (draft: Draft, text: string) => string | null;

function flag(set: (draft: Draft, on: boolean) => void): Setter {
  return (draft, text) => {
    if (text !== 'true' && text !== 'false') return 'true or false';
    set(draft, text === 'true');
    return null;
  };
}

function feature(
  name: { [K in keyof Features]: Features[K] extends boolean ? K : never }[keyof Features],
): Setter {
  return flag((draft, on) => {
    draft.features[name] = on;
  });
}

function choice(choices: Readonly<Record<string, (draft: Draft) => void>>): Setter {
  return (draft, text) => {
    const set = choices[text];
    if (set === undefined) return Object.keys(choices).join(', ');
    set(draft);
    return null;
  };
}

function whole(least: number, most: number, set: (draft: Draft, value: number) => void): Setter {
  return (draft, text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      return `a whole number from ${least} to ${most}`;
    set(draft, value);
    return null;
  };
}

type NumberConstant = {
  [K in keyof NodeConstants]: NodeConstants[K] extends number ? K : never;
}[keyof NodeConstants];

/** A Go duration such as `2h13m20s`, in whole seconds. */
function duration(constant: NumberConstant): Setter {
  return (draft, text) => {
    const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
    if (parts === null || text === '') return 'a duration such as 1m30s';
    const [, hours = 0, minutes = 0, seconds = 0] = parts;
    draft.constants[constant] = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    return null;
  };
}

function number(constant: NumberConstant, most: number): Setter {
  return whole(0, most, (draft, value) => {
    draft.constants[constant] = value;
  });
}

function entries(...maps: readonly string[]): Setter {
  return whole(1, 1 << 24, (draft, value) => {
    for (const map of maps) draft.mapEntries.set(map, value);
  });
}

const MONITOR_FLAGS: Readonly<Record<string, number>> = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 };

const SETTERS: ReadonlyMap<string, Setter> = new Map<string, Setter>([
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
    'enable-endpoint-routes',
    flag((draft, on) => {
      draft.features.routing = !on;
      draft.features.ingressPolicyAtDevice = on;
    }),
  ],
  [
    'enable-host-legacy-routing',
    flag((draft, on) => {
      draft.features.hostRouting = !on;
    }),
  ],
  ['kube-proxy-replacement', feature('nodePort')],
  ['bpf-lb-sock', feature('socketLbFull')],
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
  ['enable-l7-proxy', flag(() => {})],
  [
    'enable-tcx',
    flag((draft, on) => {
      draft.tcx = on;
    }),
  ],
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
    (draft, text) => {
      const names = text.split(/[\s,]+/).filter((name) => name !== '');
      if (text !== 'all' && names.some((name) => !(name in MONITOR_FLAGS))) {
        return `all, or some of ${Object.keys(MONITOR_FLAGS).join(', ')}`;
      }
      draft.features.conntrackReportFlags =
        text === 'all' ? 0xff : names.reduce((bits, name) => bits | MONITOR_FLAGS[name], 0);
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
    (draft, text) => {
      if (parseIpv4(text) === null) return 'an IPv4 address';
      draft.serviceLoopbackIpv4 = text;
      return null;
    },
  ],
]);

/** Keys of Cilium that say how to do what is not emulated yet, or what no packet can tell. */
const WITHOUT_EFFECT: readonly string[] = [
  'auto-direct-node-routes',
  'bpf-lb-acceleration',
  'bpf-lb-algorithm',
  'bpf-lb-mode',
  'bpf-map-dynamic-size-ratio',
  'cluster-name',
  'cni-exclusive',
  'datapath-mode',
  'devices',
  'direct-routing-device',
  'enable-bandwidth-manager',
  'enable-bpf-masquerade',
  'enable-egress-gateway',
  'enable-host-firewall',
  'enable-hubble',
  'enable-ip-masq-agent',
  'enable-ipsec',
  'enable-ipv4-masquerade',
  'enable-ipv6-masquerade',
  'enable-k8s-networkpolicy',
  'enable-l2-announcements',
  'enable-local-redirect-policy',
  'enable-wireguard',
  'identity-allocation-mode',
  'ipam',
  'ipv4-native-routing-cidr',
  'ipv6-native-routing-cidr',
  'tunnel-port',
  'tunnel-protocol',
];

/** What the Cilium agent does where its ConfigMap says nothing; native routing, since no tunnel is emulated yet. */
function agentDefaults(): Draft {
  return {
    features: {
      ...DEFAULT_FEATURES,
      routing: true,
      sessionAffinity: true,
      sourceRangeCheck: true,
      serviceProtocolDifferentiation: true,
      noBackendResponse: true,
      sourceAddressVerification: true,
      icmpRules: true,
      allowIcmpFragmentationNeeded: true,
      ipv4Fragments: true,
      ipv6Fragments: true,
      policyVerdictEvents: true,
    },
    constants: { ...DEFAULT_CONSTANTS },
    enforcement: 'default',
    allowLocalhost: true,
    serviceLoopbackIpv4: '169.254.42.1',
    tcx: true,
    mapEntries: new Map(),
  };
}

export interface ConfigSection {
  readonly config: CiliumConfigSpec;
  readonly path: Path;
}

/** Reads the sections one over the other, the last one winning. */
export function readCiliumConfig(sections: readonly ConfigSection[], faults: FaultList): CiliumConfig {
  const draft = agentDefaults();
  for (const { config, path } of sections) {
    for (const [key, value] of Object.entries(config)) {
      const setter = SETTERS.get(key);
      if (setter !== undefined) {
        const wanted = setter(draft, String(value));
        if (wanted !== null) faults.error([...path, key], `${JSON.stringify(value)} is not ${wanted}`);
      } else if (WITHOUT_EFFECT.includes(key)) faults.warning([...path, key], 'has no effect yet');
      else {
        const hint = suggestion(key, [...SETTERS.keys(), ...WITHOUT_EFFECT]);
        faults.error([...path, key], `unknown key of the Cilium configuration${hint}`);
      }
    }
  }
  return draft;
}

/** The map declaration that a configuration asks for. */
export function configuredMap(config: CiliumConfig, spec: MapSpec): MapSpec {
  const maxEntries = config.mapEntries.get(spec.name);
  return maxEntries === undefined ? spec : { ...spec, maxEntries };
}
