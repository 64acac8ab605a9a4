/** What the agent writes into a node's maps: endpoints, identities, services, gateways, prefixes. */
import * as ipv4 from '../engine/wire/ipv4.js';
import { IDENTITY_HOST, IDENTITY_REMOTE_NODE } from '../programs/constants.js';
import type { Datapath } from '../programs/datapath.js';
import { EXCLUDED_GATEWAY, writeEgressPolicy } from '../programs/tables/egress-gateway.js';
import { writeEndpoint, writeHostAddress } from '../programs/tables/endpoints.js';
import { writeIdentity } from '../programs/tables/ipcache.js';
import { writePrefix } from '../programs/tables/prefixes.js';
import { ofFamily } from './address-words.js';
import { fillFeatures } from './fill-features.js';
import { fillServices } from './fill-services.js';
import type { Plan, PlannedNode } from './plan.js';
import { encryptionKey } from './wireguard-peers.js';

export function fillMaps(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  fillEndpoints(datapath, node);
  fillIdentities(datapath, plan, node);
  fillServices(datapath, plan, node);
  fillEgressGateways(datapath, plan, node);
  fillPrefixes(datapath, plan);
  fillFeatures(datapath, plan, node);
}

function fillEndpoints(datapath: Datapath, node: PlannedNode): void {
  for (const pod of node.pods) {
    for (const address of pod.addresses) {
      writeEndpoint(datapath.endpoints, address, {
        ifindex: pod.device.ifindex,
        id: pod.endpointId,
        identity: pod.identity,
        mac: pod.mac,
        nodeMac: pod.device.mac,
      });
    }
  }
  for (const address of node.addresses) writeHostAddress(datapath.endpoints, address);
}

function fillIdentities(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  const { ipcache, ipv4, ipv6 } = datapath;
  writeIdentity(ipcache, new Uint8Array(4), 0, { identity: ipv4.worldIdentity });
  if (datapath.features.ipv6) writeIdentity(ipcache, new Uint8Array(16), 0, { identity: ipv6.worldIdentity });
  for (const { prefix, identity } of plan.outside) {
    writeIdentity(ipcache, prefix.address, prefix.length, { identity });
  }
  // A node's own identity is told by the tunnel, where somebody wants to know it; else only Cilium's address is in it.
  const { hostFirewall, nodeEncryption } = datapath.features;
  const reachesNodesByTunnel = hostFirewall || nodeEncryption;
  for (const other of plan.nodes) {
    const isThis = other === node;
    const tunnelEndpoint = isThis ? null : tunnelAddress(other, node);
    const key = encryptionKey(other, node);
    for (const address of other.addresses) {
      const identity = isThis ? IDENTITY_HOST : IDENTITY_REMOTE_NODE;
      const usesTunnel = reachesNodesByTunnel || other.ciliumInternalAddresses.includes(address);
      writeIdentity(ipcache, address, address.length * 8, {
        identity,
        tunnelEndpoint: usesTunnel ? tunnelEndpoint : null,
        key: nodeEncryption ? key : 0,
      });
    }
    for (const pod of other.pods) {
      for (const address of pod.addresses) {
        writeIdentity(ipcache, address, address.length * 8, { identity: pod.identity, tunnelEndpoint, key });
      }
    }
  }
}

/** Where another node's end of the tunnel is. */
function tunnelAddress(other: PlannedNode, node: PlannedNode): Uint8Array | null {
  const length = node.config.ipv6Underlay ? 16 : 4;
  const addresses = other.internalAddresses;
  return addresses.find((address) => address.length === length) ?? addresses[0] ?? null;
}

/** Whose traffic leaves at which gateway: each pod with each destination of its address's family. */
function fillEgressGateways(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  for (const {
    sources,
    destinations,
    excluded,
    gateway,
    gatewayAddress,
    egressAddresses,
  } of plan.egressGateways) {
    for (const source of sources) {
      const { length } = source;
      const { egressPolicies } = length === ipv4.ADDRESS_LENGTH ? datapath.ipv4 : datapath.ipv6;
      const none = new Uint8Array(length);
      // The address is known to the gateway alone.
      const own = gateway === node.name ? (ofFamily(egressAddresses, length) ?? none) : none;
      for (const destination of destinations) {
        if (destination.address.length !== length) continue;
        writeEgressPolicy(egressPolicies, source, destination, own, gatewayAddress);
      }
      for (const hole of excluded) {
        if (hole.address.length !== length) continue;
        writeEgressPolicy(egressPolicies, source, hole, none, EXCLUDED_GATEWAY);
      }
    }
  }
}

function fillPrefixes(datapath: Datapath, plan: Plan): void {
  for (const prefix of plan.notMasqueraded) {
    const family = prefix.address.length === 4 ? datapath.ipv4 : datapath.ipv6;
    writePrefix(family.ipMasqueradeAgent, prefix.address, prefix.length);
  }
  for (const prefix of plan.prefiltered) {
    const family = prefix.address.length === 4 ? datapath.ipv4 : datapath.ipv6;
    writePrefix(family.prefilterPrefixes, prefix.address, prefix.length);
  }
}
