/** What the agent of a node writes into its maps for services. */
import { addressText } from '../engine/address-text.js';
import { createMap } from '../engine/maps/create-map.js';
import type { Datapath } from '../programs/datapath.js';
import type { Family } from '../programs/family.js';
import { writeAffinityMatch } from '../programs/tables/affinity.js';
import {
  STATE_ACTIVE,
  STATE_MAINTENANCE,
  STATE_TERMINATING,
  writeBackend,
} from '../programs/tables/backends.js';
import { Struct, writeEntry } from '../programs/tables/entry.js';
import { readServices } from '../programs/tables/read-services.js';
import { writeReverseNat } from '../programs/tables/reverse-nat.js';
import * as tables from '../programs/tables/services.js';
import { writeSourceRange } from '../programs/tables/source-ranges.js';
import { NumberPool } from './check-text.js';
import { type MaglevBackend, maglevTable } from './maglev.js';
import type { Plan, PlannedBackend, PlannedNode, PlannedService } from './plan.js';

/** Kinds of frontends that only a node with kube-proxy replacement has. */
const NEEDS_NODE_PORT = tables.NODEPORT | tables.HOSTPORT | tables.LOADBALANCER | tables.EXTERNAL_IP;

export function fillServices(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  const { features } = datapath;
  const ids = new NumberPool(1, plan.numbers.pool(`service ${node.name}`));
  for (const service of plan.services) {
    if (service.node !== null && service.node !== node.name) continue;
    if (service.notOn?.has(node.name)) continue;
    if (!(service.address.length === 4 ? features.ipv4 : features.ipv6)) continue;
    if (!features.nodePort && (service.flags & NEEDS_NODE_PORT & ~tables.EXTERNAL_IP) !== 0) continue;
    for (const address of frontendAddresses(service, node)) {
      const key = `${addressText(address)}:${service.port}/${service.protocol} ${service.scope} ${service.name}`;
      fillFrontend(datapath, node, service, address, ids.next(key));
    }
  }
}

/** A port of the nodes' own: the wildcard entry, and one for each of the node's addresses. */
function frontendAddresses(service: PlannedService, node: PlannedNode): readonly Uint8Array[] {
  if (!isWildcard(service.address)) return [service.address];
  return [service.address, ...nodePortAddresses(node, service.address.length)];
}

/** The first address of each family on every device that leads outside. */
function nodePortAddresses(node: PlannedNode, length: number): readonly Uint8Array[] {
  return node.nativeDevices.flatMap(
    (device) => device.addresses.find((prefix) => prefix.address.length === length)?.address ?? [],
  );
}

function isWildcard(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

function fillFrontend(
  datapath: Datapath,
  node: PlannedNode,
  service: PlannedService,
  address: Uint8Array,
  reverseNatId: number,
): void {
  const { features, affinityMatch } = datapath;
  const family = address.length === 4 ? datapath.ipv4 : datapath.ipv6;
  const frontend: tables.Frontend = {
    address,
    port: service.port,
    protocol: features.serviceProtocolDifferentiation ? service.protocol : 0,
    scope: service.scope,
  };
  const backends = [...service.backends]
    .filter((backend) => !service.localOnly || backend.node === node.name)
    .sort((a, b) => order(a) - order(b));
  const active = backends.filter((backend) => backend.state === STATE_ACTIVE);
  // Terminating backends serve when no other does (KEP 1669).
  const serving =
    active.length > 0 ? active : backends.filter((backend) => backend.state === STATE_TERMINATING);
  const flags = frontendFlags(service, address, node);
  tables.writeService(family.services, frontend, {
    backendCount: serving.length,
    quarantinedCount: backends.length - serving.length,
    reverseNatId,
    flags,
    affinitySeconds: service.affinitySeconds,
    algorithm: service.algorithm,
    proxyPort: service.proxyPort,
  });
  backends.forEach((backend, i) => {
    tables.writeServiceBackend(family.services, frontend, i + 1, backend.id, reverseNatId);
    writeBackend(family.backends, backend.id, backend);
    if ((flags & tables.AFFINITY) !== 0 && backend.state === STATE_ACTIVE) {
      writeAffinityMatch(affinityMatch, backend.id, reverseNatId);
    }
  });
  writeReverseNat(family.reverseNat, reverseNatId, address, service.port);
  for (const range of service.sourceRanges) {
    if (range.address.length !== address.length) continue;
    writeSourceRange(family.sourceRange, reverseNatId, range.address, range.length);
  }
  if (usesMaglev(datapath, service.algorithm, flags)) writeMaglev(datapath, family, reverseNatId, serving);
}

/** Active backends first, those in maintenance last. */
function order(backend: PlannedBackend): number {
  return Math.min(backend.state, STATE_MAINTENANCE);
}

function frontendFlags(service: PlannedService, address: Uint8Array, node: PlannedNode): number {
  const { lbMode } = node.config;
  let flags = service.flags & ~tables.FORWARDING_MODE_DSR;
  if (!isWildcard(address) && (flags & NEEDS_NODE_PORT) !== 0) flags |= tables.ROUTABLE;
  const asked = (service.flags & tables.FORWARDING_MODE_DSR) !== 0;
  if (lbMode === 'dsr' || (lbMode === 'annotation' && asked)) flags |= tables.FORWARDING_MODE_DSR;
  return flags;
}

/** Makes the Maglev tables of services that came as map entries: a dump of a map of maps lacks the inner maps. */
export function remakeMaglevTables(datapath: Datapath): void {
  for (const family of [datapath.ipv4, datapath.ipv6]) {
    for (const { reverseNatId, flags, algorithm, backends } of readServices(
      family.services,
      family.backends,
    )) {
      if (usesMaglev(datapath, algorithm, flags)) writeMaglev(datapath, family, reverseNatId, backends);
    }
  }
}

/** A service that nobody outside can reach has no table: programs then choose at random. */
function usesMaglev({ features }: Datapath, algorithm: number, flags: number): boolean {
  if (algorithm !== 0 && features.backendSelectionPerService) return algorithm === tables.ALGORITHM_MAGLEV;
  return features.backendSelection === tables.ALGORITHM_MAGLEV && (flags & tables.ROUTABLE) !== 0;
}

function writeMaglev(
  datapath: Datapath,
  family: Family,
  reverseNatId: number,
  backends: readonly MaglevBackend[],
): void {
  if (backends.length === 0) return;
  const { maglev } = family;
  const inner = createMap(maglev.spec.inner!);
  const table = maglevTable(backends, datapath.features.maglevTableSize);
  const value = new Struct(inner.spec.valueSize);
  value.words.set(table);
  writeEntry(inner, new Struct(4), value);
  maglev.adopt(reverseNatId, inner);
  writeEntry(maglev, new Struct(2).u16(0, reverseNatId), new Struct(4).u32le(0, reverseNatId));
}
