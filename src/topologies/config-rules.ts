/** What follows from a configuration as a whole: combinations that the Cilium agent refuses, and what it decides itself. */
import { GENEVE, VXLAN } from '../engine/stack/tunnel.js';
import { DSR_MODE_GENEVE, DSR_MODE_IPIP, DSR_MODE_OPTION } from '../programs/features.js';
import type { ConfigSection } from './cilium-config.js';
import type { Draft } from './config-values.js';
import type { FaultList, Path } from './faults.js';

const PORTS = [0, 8472, 6081];

interface Rule {
  /** The key that the fault is told at: the last of these that is written down. */
  readonly keys: readonly string[];
  readonly reason: string;
  readonly isBroken: (draft: Draft) => boolean;
}

const usesDsr = (draft: Draft): boolean => draft.lbMode !== 'snat' || draft.lbModeAnnotation;
const masquerades = (draft: Draft): boolean =>
  (draft.ipv4Masquerade ?? true) || (draft.ipv6Masquerade ?? false);

/** The agent's checks, in its order and with its reasons (Cilium 1.18). */
const RULES: readonly Rule[] = [
  {
    keys: ['enable-ipv6', 'enable-ipv4'],
    reason: 'either IPv4 or IPv6 must be enabled',
    isBroken: ({ features }) => !features.ipv4 && !features.ipv6,
  },
  {
    keys: ['bpf-lb-dsr-dispatch'],
    reason: 'DSR by IPIP is only available under XDP acceleration (bpf-lb-acceleration: native)',
    isBroken: (draft) =>
      nodePort(draft) && dispatches(draft, DSR_MODE_IPIP) && !draft.features.nodePortAcceleration,
  },
  {
    keys: ['bpf-lb-rss-ipv6-src-cidr', 'bpf-lb-rss-ipv4-src-cidr'],
    reason: 'is only supported with bpf-lb-dsr-dispatch: ipip',
    isBroken: (draft) =>
      nodePort(draft) &&
      (draft.rssIpv4 !== null || draft.rssIpv6 !== null) &&
      !dispatches(draft, DSR_MODE_IPIP),
  },
  {
    keys: ['underlay-protocol', 'bpf-lb-acceleration'],
    reason: 'XDP acceleration cannot be used with an IPv6 underlay',
    isBroken: ({ features, ipv6Underlay }) =>
      features.tunnelMode && ipv6Underlay && features.nodePortAcceleration,
  },
  {
    keys: ['bpf-lb-mode'],
    reason: 'DSR cannot be used with VXLAN tunneling',
    isBroken: (draft) =>
      nodePort(draft) && tunnels(draft) && draft.features.tunnelProtocol === VXLAN && usesDsr(draft),
  },
  {
    keys: ['bpf-lb-mode', 'bpf-lb-dsr-dispatch'],
    reason: 'DSR with tunnel routing requires bpf-lb-dsr-dispatch: geneve',
    isBroken: (draft) =>
      nodePort(draft) &&
      tunnels(draft) &&
      draft.features.tunnelProtocol === GENEVE &&
      usesDsr(draft) &&
      draft.features.dsrMode !== DSR_MODE_GENEVE,
  },
  {
    keys: ['bpf-lb-dsr-dispatch', 'tunnel-protocol'],
    reason: 'DSR by Geneve requires tunnel-protocol: geneve',
    isBroken: (draft) =>
      nodePort(draft) && dispatches(draft, DSR_MODE_GENEVE) && draft.features.tunnelProtocol !== GENEVE,
  },
  {
    keys: ['bpf-lb-mode-annotation'],
    reason: 'hybrid is no default of the annotation mode',
    isBroken: (draft) => draft.lbModeAnnotation && draft.lbMode === 'hybrid',
  },
  {
    keys: ['enable-nat46x64-gateway'],
    reason: 'requires both enable-ipv4 and enable-ipv6',
    isBroken: ({ features }) => features.nat46x64Gateway && !(features.ipv4 && features.ipv6),
  },
  {
    keys: ['enable-nat46x64-gateway', 'bpf-lb-mode'],
    reason: 'NAT46/NAT64 requires bpf-lb-mode: snat',
    isBroken: (draft) => draft.features.nat46x64Gateway && usesDsr(draft),
  },
  {
    keys: ['enable-bpf-masquerade'],
    reason: 'BPF masquerade requires kube-proxy-replacement: true (or enable-node-port)',
    isBroken: (draft) => draft.bpfMasquerade && masquerades(draft) && !nodePort(draft),
  },
  {
    keys: ['enable-bpf-masquerade', 'enable-ipv4-masquerade'],
    reason: 'BPF masquerade requires enable-ipv4-masquerade or enable-ipv6-masquerade',
    isBroken: (draft) => draft.bpfMasquerade && !masquerades(draft),
  },
  {
    keys: ['enable-ip-masq-agent'],
    reason: 'requires enable-bpf-masquerade: true and masquerading of IPv4 or IPv6',
    isBroken: (draft) => draft.ipMasqAgent && !(draft.bpfMasquerade && masquerades(draft)),
  },
  {
    keys: ['routing-mode', 'enable-bpf-masquerade', 'ipv4-native-routing-cidr'],
    reason: 'masquerading with native routing requires ipv4-native-routing-cidr (or enable-ip-masq-agent)',
    isBroken: (draft) =>
      draft.bpfMasquerade &&
      draft.features.ipv4 &&
      (draft.ipv4Masquerade ?? true) &&
      !tunnels(draft) &&
      !draft.ipMasqAgent &&
      draft.nativeRoutingIpv4 === null,
  },
  {
    keys: ['routing-mode', 'enable-ipv6-masquerade', 'ipv6-native-routing-cidr'],
    reason:
      'masquerading IPv6 with native routing requires ipv6-native-routing-cidr (or enable-ip-masq-agent)',
    isBroken: (draft) =>
      draft.bpfMasquerade &&
      draft.features.ipv6 &&
      draft.ipv6Masquerade === true &&
      !tunnels(draft) &&
      !draft.ipMasqAgent &&
      draft.nativeRoutingIpv6 === null,
  },
  {
    keys: ['enable-egress-gateway'],
    reason: 'requires enable-ipv4-masquerade: true and enable-bpf-masquerade: true',
    isBroken: (draft) =>
      draft.features.egressGateway && !(draft.bpfMasquerade && (draft.ipv4Masquerade ?? true)),
  },
  {
    keys: ['auto-direct-node-routes'],
    reason: 'cannot be used with tunneling: packets go through the tunnel device',
    isBroken: (draft) => draft.autoDirectNodeRoutes && tunnels(draft),
  },
  {
    keys: ['enable-srv6'],
    reason: 'SRv6 requires enable-ipv6: true',
    isBroken: ({ features }) => features.srv6 && !features.ipv6,
  },
  {
    keys: ['enable-host-firewall'],
    reason: 'the host firewall cannot be used with IPsec',
    isBroken: ({ features }) => features.hostFirewall && features.ipsec,
  },
  {
    keys: ['enable-wireguard', 'enable-ipsec'],
    reason: 'WireGuard and IPsec cannot be enabled both',
    isBroken: ({ features }) => features.wireguard && features.ipsec,
  },
  {
    keys: ['enable-wireguard', 'underlay-protocol'],
    reason: 'WireGuard requires an IPv4 underlay',
    isBroken: ({ features, ipv6Underlay }) => features.wireguard && features.tunnelMode && ipv6Underlay,
  },
  {
    keys: ['encryption-strict-mode-cidr', 'enable-encryption-strict-mode'],
    reason: 'encryption strict mode requires encryption-strict-mode-cidr',
    isBroken: (draft) => draft.features.encryptionStrictMode && draft.strictMode === null,
  },
  {
    keys: ['enable-vtep', 'vtep-endpoint', 'vtep-cidr', 'vtep-mac'],
    reason: 'VTEP needs vtep-endpoint, vtep-cidr and vtep-mac, and as many of each',
    isBroken: ({ features, vtepEndpoints, vtepNetworks, vtepMacs }) =>
      features.vtep &&
      (vtepEndpoints.length === 0 ||
        vtepNetworks.length !== vtepEndpoints.length ||
        vtepMacs.length !== vtepEndpoints.length),
  },
  {
    keys: ['enable-vtep', 'routing-mode', 'tunnel-protocol'],
    reason: 'VTEP requires routing-mode: tunnel with tunnel-protocol: vxlan',
    isBroken: ({ features }) => features.vtep && !(features.tunnelMode && features.tunnelProtocol === VXLAN),
  },
  {
    keys: ['enable-l2-announcements'],
    reason: 'L2 announcements require kube-proxy-replacement: true',
    isBroken: (draft) => draft.features.l2Announcements && !draft.kubeProxyReplacement,
  },
];

function nodePort({ features }: Draft): boolean {
  return features.nodePort;
}

function tunnels({ features }: Draft): boolean {
  return features.tunnelMode;
}

function dispatches(draft: Draft, dispatch: number): boolean {
  return usesDsr(draft) && draft.features.dsrMode === dispatch;
}

export function refuseCombinations(
  draft: Draft,
  sections: readonly ConfigSection[],
  faults: FaultList,
): void {
  for (const rule of RULES) if (rule.isBroken(draft)) faults.error(placeOf(rule, sections), rule.reason);
  if (draft.hostLegacyRouting === false && legacyReason(draft) !== null) {
    const place = placeOf({ keys: ['enable-host-legacy-routing'] }, sections);
    faults.warning(place, `${legacyReason(draft)}; falls back to legacy host routing`);
  }
}

function placeOf({ keys }: Pick<Rule, 'keys'>, sections: readonly ConfigSection[]): Path {
  for (const { config, path } of [...sections].reverse()) {
    for (const key of [...keys].reverse()) if (Object.hasOwn(config, key)) return [...path, key];
  }
  return sections[sections.length - 1].path;
}

/** Why BPF host routing is not possible, or null. */
function legacyReason(draft: Draft): string | null {
  if (draft.features.ipsec) return 'BPF host routing is incompatible with enable-ipsec';
  if (!draft.bpfMasquerade && masquerades(draft)) return 'BPF host routing requires enable-bpf-masquerade';
  return draft.kubeProxyReplacement ? null : 'BPF host routing requires kube-proxy-replacement: true';
}

/** Fills in what the agent derives from the rest. */
export function settle(draft: Draft): void {
  const { features, constants } = draft;
  features.hostRouting = draft.hostLegacyRouting !== true && legacyReason(draft) === null;
  features.socketLbFull = draft.socketLb ?? draft.kubeProxyReplacement;
  features.masqueradeIpv4 = draft.bpfMasquerade && features.ipv4 && (draft.ipv4Masquerade ?? true);
  features.masqueradeIpv6 = draft.bpfMasquerade && features.ipv6 && (draft.ipv6Masquerade ?? false);
  // The agent's default is to masquerade; a topology has to say so, or its pods keep their addresses.
  draft.iptablesMasquerade = {
    4: !draft.bpfMasquerade && features.ipv4 && draft.ipv4Masquerade === true,
    6: !draft.bpfMasquerade && features.ipv6 && draft.ipv6Masquerade === true,
  };
  features.ipMasqAgentIpv4 = draft.ipMasqAgent && features.masqueradeIpv4;
  features.ipMasqAgentIpv6 = draft.ipMasqAgent && features.masqueradeIpv6;
  features.dsr = features.nodePort && usesDsr(draft);
  features.dsrHybrid = features.dsr && (draft.lbMode === 'hybrid' || draft.lbModeAnnotation);
  features.dsrByUser = features.dsr && draft.lbModeAnnotation;
  if (!features.dsr) features.dsrMode = DSR_MODE_OPTION;
  if (draft.lbModeAnnotation) draft.lbMode = 'annotation';
  features.nodePortAcceleration &&= features.nodePort;
  features.tunnelPort = draft.tunnelPort ?? PORTS[features.tunnelProtocol];
  draft.hasTunnel =
    features.tunnelMode || features.egressGateway || (features.dsr && features.dsrMode === DSR_MODE_GENEVE);
  if (draft.rssIpv4 !== null) {
    const { address, length } = draft.rssIpv4;
    const word = address[0] | (address[1] << 8) | (address[2] << 16) | (address[3] << 24);
    constants.ipv4RssPrefix = { address: word, prefixLength: length };
  }
  if (draft.rssIpv6 !== null) {
    constants.ipv6RssPrefix = { address: draft.rssIpv6.address, prefixLength: draft.rssIpv6.length };
  }
}
