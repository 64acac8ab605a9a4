/** The WireGuard device of a node as its agent sets it up: a peer for each other node that has one. */
import type { Prefix } from '../engine/address-text.js';
import { Wireguard } from '../engine/stack/wireguard.js';
import { MARK_WIREGUARD_ENCRYPTED } from '../programs/constants.js';
import { ofFamily } from './address-words.js';
import type { Plan, PlannedNode } from './plan.js';

/** Index of the key that the ipcache shows for all that WireGuard encrypts. */
const STATIC_KEY = 255;

/** What the agent takes off a pod's default route for tunnels (IP, UDP, VXLAN, Ethernet) and for encryption. */
const TUNNEL_OVERHEAD_IPV4 = 50;
const TUNNEL_OVERHEAD_IPV6 = 70;
export const WIREGUARD_OVERHEAD = 80;

/** MTU of a pod's default route; 0 for that of its device. */
export function podRouteMtu({ config }: PlannedNode, deviceMtu: number): number {
  const { tunnelMode, wireguard } = config.features;
  const tunnel = config.ipv6Underlay ? TUNNEL_OVERHEAD_IPV6 : TUNNEL_OVERHEAD_IPV4;
  const overhead = (tunnelMode ? tunnel : 0) + (wireguard ? WIREGUARD_OVERHEAD : 0);
  return overhead === 0 ? 0 : deviceMtu - overhead;
}

/** The key that the ipcache of `node` has for the pods of another node; 0 where they are not encrypted. */
export function encryptionKey(other: PlannedNode, node: PlannedNode): number {
  if (other === node) return 0;
  return node.config.features.wireguard && other.config.features.wireguard ? STATIC_KEY : 0;
}

export function wireguardOf(plan: Plan, node: PlannedNode): Wireguard {
  const device = new Wireguard(node.config.constants.wireguardPort, MARK_WIREGUARD_ENCRYPTED);
  plan.nodes.forEach((other, number) => {
    const endpoint = ofFamily(other.internalAddresses, 4) ?? other.internalAddresses[0];
    if (encryptionKey(other, node) === 0 || endpoint === undefined) return;
    device.addPeer({
      ownIndex: number + 1,
      remoteIndex: plan.nodes.indexOf(node) + 1,
      endpoint,
      allowedIps: allowedIps(other, node),
    });
  });
  return device;
}

/** The other node's pods; and the node itself, where a tunnel's packets or all of the node's are encrypted. */
function allowedIps(other: PlannedNode, { config }: PlannedNode): readonly Prefix[] {
  const { tunnelMode, nodeEncryption } = config.features;
  const addresses = tunnelMode ? [] : other.pods.flatMap((pod) => pod.addresses);
  if (tunnelMode || nodeEncryption) addresses.push(...other.internalAddresses);
  if (!tunnelMode) addresses.push(...other.ciliumInternalAddresses);
  return addresses.map((address) => ({ address, length: address.length * 8 }));
}
