/** What the agent writes into a node's maps: endpoints, identities, services, policies. */
import { parseIpv4 } from '../engine/address-text.js';
import { IDENTITY_HOST, IDENTITY_REMOTE_NODE } from '../programs/constants.js';
import type { Datapath } from '../programs/datapath.js';
import { writeAffinityMatch } from '../programs/tables/affinity.js';
import { writeBackend } from '../programs/tables/backends.js';
import { writeEndpoint, writeHostAddress } from '../programs/tables/endpoints.js';
import { writeIdentity } from '../programs/tables/ipcache.js';
import { writeReverseNat } from '../programs/tables/reverse-nat.js';
import { AFFINITY, type Frontend, writeService, writeServiceBackend } from '../programs/tables/services.js';
import { writeSourceRange } from '../programs/tables/source-ranges.js';
import type { Plan, PlannedNode, PlannedService } from './plan.js';

export function fillMaps(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  fillEndpoints(datapath, node);
  fillIdentities(datapath, plan, node);
  for (const service of plan.services) fillService(datapath, service);
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
  for (const address of hostAddresses(node)) writeHostAddress(datapath.endpoints, address);
}

/** All addresses of a node's own devices. */
function hostAddresses(node: PlannedNode): readonly Uint8Array[] {
  return node.devices.flatMap((device) => device.addresses.map((prefix) => prefix.address));
}

function fillIdentities(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  const { ipcache, ipv4, ipv6 } = datapath;
  writeIdentity(ipcache, new Uint8Array(4), 0, { identity: ipv4.worldIdentity });
  if (datapath.features.ipv6) writeIdentity(ipcache, new Uint8Array(16), 0, { identity: ipv6.worldIdentity });
  for (const { prefix, identity } of plan.outside) {
    writeIdentity(ipcache, prefix.address, prefix.length, { identity });
  }
  for (const other of plan.nodes) {
    const isThis = other === node;
    for (const address of hostAddresses(other)) {
      const identity = isThis ? IDENTITY_HOST : IDENTITY_REMOTE_NODE;
      writeIdentity(ipcache, address, address.length * 8, { identity });
    }
    const tunnelEndpoint = isThis ? null : (other.internalAddresses[0] ?? null);
    for (const pod of other.pods) {
      for (const address of pod.addresses) {
        writeIdentity(ipcache, address, address.length * 8, { identity: pod.identity, tunnelEndpoint });
      }
    }
  }
}

function fillService(datapath: Datapath, service: PlannedService): void {
  const { features, affinityMatch } = datapath;
  const family = service.address.length === 4 ? datapath.ipv4 : datapath.ipv6;
  const frontend: Frontend = {
    address: service.address,
    port: service.port,
    protocol: features.serviceProtocolDifferentiation ? service.protocol : 0,
  };
  const { reverseNatId } = service;
  // Active backends take the counted slots, the quarantined ones those behind; the others are not selected at all.
  const active = service.backends.filter((backend) => backend.state === 0);
  const quarantined = service.backends.filter((backend) => backend.state === 2);
  writeService(family.services, frontend, {
    backendCount: active.length,
    quarantinedCount: quarantined.length,
    reverseNatId,
    flags: service.flags,
    affinitySeconds: service.affinitySeconds,
  });
  [...active, ...quarantined].forEach((backend, i) => {
    writeServiceBackend(family.services, frontend, i + 1, backend.id, reverseNatId);
  });
  for (const backend of service.backends) {
    writeBackend(family.backends, backend.id, backend);
    if ((service.flags & AFFINITY) !== 0) writeAffinityMatch(affinityMatch, backend.id, reverseNatId);
  }
  writeReverseNat(family.reverseNat, reverseNatId, service.address, service.port);
  for (const range of service.sourceRanges) {
    writeSourceRange(family.sourceRange, reverseNatId, range.address, range.length);
  }
}

/** An IPv4 address as the raw word that programs hold; 0 for none. */
export function rawWord(address: Uint8Array | null | undefined): number {
  if (address?.length !== 4) return 0;
  return address[0] | (address[1] << 8) | (address[2] << 16) | (address[3] << 24);
}

/** As `rawWord`, of an address that was checked before. */
export function rawWordOfText(text: string): number {
  return rawWord(parseIpv4(text));
}
