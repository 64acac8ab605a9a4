/** The numbers that a node's agent compiles into its programs, from the plan of the node. */
import type { Prefix } from '../engine/address-text.js';
import type { Features } from '../programs/features.js';
import type { NodeConstants } from '../programs/node-constants.js';
import { ofFamily, rawWord } from './address-words.js';
import type { PlannedDevice, PlannedNode } from './plan.js';
import { isAtLeast, type Version } from './version.js';

/** The first Cilium whose conntrack entries count both directions as one. */
const COUNTED_TOGETHER: Version = [1, 16];
/** The cookie of a pod's network namespace, its low and high word. */
export function netnsCookie(endpointId: number): readonly [number, number] {
  return [endpointId, 0];
}

/** A VLAN id that stands for all. */
const ANY_VLAN = 0;
const VLAN_IDS = 4096;

export function nodeConstants(node: PlannedNode): NodeConstants {
  const { constants } = node.config;
  const device = (name: string): PlannedDevice | undefined =>
    node.devices.find((candidate) => candidate.name === name);
  const [host, net] = [device('cilium_host'), device('cilium_net')];
  const direct = (node.directRoutingDevice?.addresses ?? []).map(({ address }) => address);
  const internalIpv4 = ofFamily(node.internalAddresses, 4);
  const { strictMode } = node.config;
  return {
    ...constants,
    hostIfindex: host?.ifindex ?? 0,
    netIfindex: net?.ifindex ?? 0,
    hostMac: host?.mac ?? constants.hostMac,
    netMac: net?.mac ?? constants.netMac,
    nativeDeviceMac: (ifindex) =>
      node.devices.find((candidate) => candidate.ifindex === ifindex)?.mac ?? constants.hostMac,
    hostEndpointId: node.hostEndpointId,
    directRoutingIfindex: node.directRoutingDevice?.ifindex ?? 0,
    ipv4Gateway: rawWord(ofFamily(node.ciliumInternalAddresses, 4)),
    ipv4DirectRouting: rawWord(ofFamily(direct, 4) ?? internalIpv4),
    ipv6DirectRouting:
      ofFamily(direct, 16) ?? ofFamily(node.internalAddresses, 16) ?? constants.ipv6DirectRouting,
    ipv4MasqueradeExclusion: exclusionIpv4(node),
    ipv6MasqueradeExclusion: exclusion(node, 16) ?? constants.ipv6MasqueradeExclusion,
    wireguardIfindex: device('cilium_wg0')?.ifindex ?? 0,
    ipv4EncryptInterface: rawWord(internalIpv4),
    strictModeNetwork:
      strictMode === null
        ? constants.strictModeNetwork
        : { address: rawWord(strictMode.address), prefixLength: strictMode.length },
    strictModeOverlapsNodes: node.config.strictModeAllowsNodes,
    vlanFilter: vlanFilter(node),
  };
}

function vlanFilter(node: PlannedNode): ReadonlyMap<number, ReadonlySet<number>> {
  const { vlanBypass } = node.config;
  if (vlanBypass.length === 0) return new Map();
  const ids = vlanBypass.includes(ANY_VLAN) ? Array.from({ length: VLAN_IDS }, (_, id) => id) : vlanBypass;
  return new Map(node.nativeDevices.map((device) => [device.ifindex, new Set(ids)]));
}

/** What is routed without masquerading: as configured, else the node's own pods (ip-masq-agent: nothing more). */
function exclusion(node: PlannedNode, length: number): { address: Uint8Array; prefixLength: number } | null {
  const { nativeRoutingIpv4, nativeRoutingIpv6, features } = node.config;
  const configured = length === 4 ? nativeRoutingIpv4 : nativeRoutingIpv6;
  const own = node.podPrefixes.find((prefix) => prefix.address.length === length) ?? null;
  const usesAgent = length === 4 ? features.ipMasqAgentIpv4 : features.ipMasqAgentIpv6;
  const prefix: Prefix | null = configured ?? (usesAgent ? null : own);
  return prefix === null ? null : { address: prefix.address, prefixLength: prefix.length };
}

function exclusionIpv4(node: PlannedNode): NodeConstants['ipv4MasqueradeExclusion'] {
  const found = exclusion(node, 4);
  if (found === null) return node.config.constants.ipv4MasqueradeExclusion;
  return { address: rawWord(found.address), prefixLength: found.prefixLength };
}

/** The features of a node, with what only its devices tell. */
export function nodeFeatures(node: PlannedNode): Features {
  const tunnel = node.devices.find((device) => device.kind === 'tunnel');
  const { features } = node.config;
  const isTogether = isAtLeast(node.ciliumVersion, COUNTED_TOGETHER);
  return {
    ...features,
    encapIfindex: tunnel?.ifindex ?? 0,
    conntrackAccounting: features.conntrackAccounting && isTogether,
    conntrackByDirection: features.conntrackAccounting && !isTogether,
  };
}
