/**
 * A node's Cilium configuration, in the keys and values of the `cilium-config` ConfigMap. Each key that is known says
 * what it switches in the datapath; keys that Cilium has but that nothing here depends on are taken with a warning.
 */
import type { Prefix } from '../engine/address-text.js';
import type { MapSpec } from '../engine/maps/map.js';
import { DEFAULT_FEATURES, type Features } from '../programs/features.js';
import { DEFAULT_CONSTANTS, type NodeConstants } from '../programs/node-constants.js';
import { SETTERS } from './config-keys.js';
import { refuseCombinations, settle } from './config-rules.js';
import type { Draft, Enforcement, LbMode } from './config-values.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { CiliumConfigSpec } from './spec.js';

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
  readonly lbMode: LbMode;
  /** Whether the kernel masquerades what pods send to the world, by iptables; by family. */
  readonly iptablesMasquerade: Readonly<Record<4 | 6, boolean>>;
  /** Whether the kernel is told not to track what pods exchange (install-no-conntrack-iptables-rules). */
  readonly noConntrackRules: boolean;
  readonly autoDirectNodeRoutes: boolean;
  /** The nodes reach each other's tunnels over IPv6. */
  readonly ipv6Underlay: boolean;
  /** There is a tunnel device, whatever the routing mode. */
  readonly hasTunnel: boolean;
  /** Names of the native devices, `+` at the end for any rest; empty for all physical ones. */
  readonly devices: readonly string[];
  readonly directRoutingDevice: string | null;
  /** What is routed natively, so that it is not masqueraded. */
  readonly nativeRoutingIpv4: Prefix | null;
  readonly nativeRoutingIpv6: Prefix | null;
  /** Encryption strict mode: the network whose packets may only leave encrypted, and whether nodes are in it. */
  readonly strictMode: Prefix | null;
  readonly strictModeAllowsNodes: boolean;
  /** VLAN ids that pass all native devices; 0 for any. */
  readonly vlanBypass: readonly number[];
  readonly l7Proxy: boolean;
  /** External VXLAN endpoints, each with its network and MAC in the same row. */
  readonly vtepEndpoints: readonly Uint8Array[];
  readonly vtepNetworks: readonly Prefix[];
  readonly vtepMacs: readonly Uint8Array[];
  /** The agent authenticates who has to be. */
  readonly mutualAuthentication: boolean;
  /** Seconds between two garbage collections; 0: adapted to what they find. */
  readonly collectionIntervalSeconds: number;
  /** The keys and values that were declared. */
  readonly declared: Readonly<Record<string, string>>;
}

/** Keys of Cilium that say how to do what is not emulated yet, or what no packet can tell. */
const WITHOUT_EFFECT: readonly string[] = [
  'bpf-map-dynamic-size-ratio',
  'cluster-name',
  'cni-exclusive',
  'datapath-mode',
  'enable-hubble',
  'enable-k8s-networkpolicy',
  'install-iptables-rules',
  'identity-allocation-mode',
  'ipam',
];

/** What the Cilium agent does where its ConfigMap says nothing; but native routing, which needs no further device. */
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
    lbMode: 'snat',
    lbModeAnnotation: false,
    kubeProxyReplacement: false,
    socketLb: null,
    hostLegacyRouting: null,
    ipv4Masquerade: null,
    ipv6Masquerade: null,
    bpfMasquerade: false,
    ipMasqAgent: false,
    iptablesMasquerade: { 4: false, 6: false },
    noConntrackRules: false,
    autoDirectNodeRoutes: false,
    tunnelPort: null,
    ipv6Underlay: false,
    hasTunnel: false,
    devices: [],
    directRoutingDevice: null,
    nativeRoutingIpv4: null,
    nativeRoutingIpv6: null,
    rssIpv4: null,
    rssIpv6: null,
    strictMode: null,
    strictModeAllowsNodes: false,
    vlanBypass: [],
    l7Proxy: true,
    vtepEndpoints: [],
    vtepNetworks: [],
    vtepMacs: [],
    mutualAuthentication: false,
    collectionIntervalSeconds: 0,
  };
}

/** Whether a key of the ConfigMap switches something here. */
export function isKnownKey(key: string): boolean {
  return SETTERS.has(key);
}

export interface ConfigSection {
  readonly config: CiliumConfigSpec;
  readonly path: Path;
}

/**
 * Reads the sections one over the other, the last one winning. Faults of single values are added to `faults`, those of
 * what they are together to `together`.
 */
export function readCiliumConfig(
  sections: readonly ConfigSection[],
  faults: FaultList,
  together: FaultList,
): CiliumConfig {
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
  refuseCombinations(draft, sections, together);
  settle(draft);
  return { ...draft, declared: declaredOf(sections) };
}

function declaredOf(sections: readonly ConfigSection[]): Record<string, string> {
  const all = sections.map(({ config }) => config);
  return Object.fromEntries(
    Object.entries(Object.assign({}, ...all) as CiliumConfigSpec).map(([key, value]) => [key, String(value)]),
  );
}

/** The map declaration that a configuration asks for. */
export function configuredMap(config: CiliumConfig, spec: MapSpec): MapSpec {
  const maxEntries = config.mapEntries.get(spec.name);
  const configured = maxEntries === undefined ? spec : { ...spec, maxEntries };
  if (spec.type !== 'hash_of_maps' || !spec.name.endsWith('_maglev')) return configured;
  return { ...configured, inner: { ...spec.inner!, valueSize: 4 * config.features.maglevTableSize } };
}
