/** Values of Cilium's ConfigMap, and what reading one sets. */
import type { Prefix } from '../engine/address-text.js';
import type { Features } from '../programs/features.js';
import type { NodeConstants } from '../programs/node-constants.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type Enforcement = 'default' | 'always' | 'never';
/** `annotation`: DSR or SNAT as each service says. */
export type LbMode = 'snat' | 'dsr' | 'hybrid' | 'annotation';

/** A configuration while it is read. */
export interface Draft {
  features: Mutable<Features>;
  constants: Mutable<NodeConstants>;
  enforcement: Enforcement;
  allowLocalhost: boolean;
  serviceLoopbackIpv4: string;
  tcx: boolean;
  mapEntries: Map<string, number>;
  lbMode: LbMode;
  lbModeAnnotation: boolean;
  kubeProxyReplacement: boolean;
  /** Null where nothing is said: the agent decides. */
  socketLb: boolean | null;
  hostLegacyRouting: boolean | null;
  ipv4Masquerade: boolean | null;
  ipv6Masquerade: boolean | null;
  bpfMasquerade: boolean;
  ipMasqAgent: boolean;
  /** Whether the kernel masquerades, by iptables; by family. */
  iptablesMasquerade: Readonly<Record<4 | 6, boolean>>;
  noConntrackRules: boolean;
  autoDirectNodeRoutes: boolean;
  tunnelPort: number | null;
  ipv6Underlay: boolean;
  hasTunnel: boolean;
  devices: string[];
  directRoutingDevice: string | null;
  nativeRoutingIpv4: Prefix | null;
  nativeRoutingIpv6: Prefix | null;
  rssIpv4: Prefix | null;
  rssIpv6: Prefix | null;
  strictMode: Prefix | null;
  strictModeAllowsNodes: boolean;
  vlanBypass: number[];
  l7Proxy: boolean;
  vtepEndpoints: readonly Uint8Array[];
  vtepNetworks: readonly Prefix[];
  vtepMacs: readonly Uint8Array[];
  /** The agent authenticates who has to be (mesh-auth-mutual-enabled). */
  mutualAuthentication: boolean;
  /** Seconds between two garbage collections; 0 lets the agent adapt them. */
  collectionIntervalSeconds: number;
}

type Flag = {
  [K in keyof Draft]: boolean extends Draft[K] ? (Draft[K] extends boolean | null ? K : never) : never;
}[keyof Draft];

/** Takes the value's text; answers what it expects when the value is not that. */
export type Setter = (draft: Draft, text: string) => string | null;

export function flag(set: (draft: Draft, on: boolean) => void): Setter {
  return (draft, text) => {
    if (text !== 'true' && text !== 'false') return 'true or false';
    set(draft, text === 'true');
    return null;
  };
}

export function feature(
  name: { [K in keyof Features]: Features[K] extends boolean ? K : never }[keyof Features],
): Setter {
  return flag((draft, on) => {
    draft.features[name] = on;
  });
}

/** A switch that is not a feature by itself. */
export function setting(name: Flag): Setter {
  return flag((draft, on) => {
    draft[name] = on;
  });
}

export function text(set: (draft: Draft, value: string) => void): Setter {
  return (draft, value) => {
    set(draft, value);
    return null;
  };
}

export function choice(choices: Readonly<Record<string, (draft: Draft) => void>>): Setter {
  return (draft, text) => {
    if (!Object.hasOwn(choices, text)) return Object.keys(choices).join(', ');
    choices[text](draft);
    return null;
  };
}

export function whole(least: number, most: number, set: (draft: Draft, value: number) => void): Setter {
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
export function seconds(set: (draft: Draft, value: number) => void): Setter {
  return (draft, text) => {
    const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
    if (parts === null || text === '') return 'a duration such as 1m30s';
    const [, hours = 0, minutes = 0, rest = 0] = parts;
    set(draft, Number(hours) * 3600 + Number(minutes) * 60 + Number(rest));
    return null;
  };
}

export function duration(constant: NumberConstant): Setter {
  return seconds((draft, value) => {
    draft.constants[constant] = value;
  });
}

export function number(constant: NumberConstant, most: number): Setter {
  return whole(0, most, (draft, value) => {
    draft.constants[constant] = value;
  });
}

export function entries(...maps: readonly string[]): Setter {
  return whole(1, 1 << 24, (draft, value) => {
    for (const map of maps) draft.mapEntries.set(map, value);
  });
}
