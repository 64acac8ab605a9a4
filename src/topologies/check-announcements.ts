/** L2 announcements: which node answers for which service addresses on which of its links. */
import * as ipv4 from '../engine/wire/ipv4.js';
import * as tables from '../programs/tables/services.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedAnnouncement, PlannedNode, PlannedService } from './plan.js';
import type { L2AnnouncementSpec } from './spec-features.js';

const ANNOUNCED = tables.EXTERNAL_IP | tables.LOADBALANCER;

export function checkAnnouncements(
  specs: readonly L2AnnouncementSpec[],
  nodes: readonly PlannedNode[],
  services: readonly PlannedService[],
  faults: FaultList,
): PlannedAnnouncement[] {
  const holders = new Map<string, string>();
  return specs.flatMap((spec, i): PlannedAnnouncement[] => {
    const path: Path = ['l2Announcements', i];
    const node = nodes.find(({ name }) => name === spec.node);
    if (node === undefined) {
      const hint = suggestion(
        spec.node,
        nodes.map(({ name }) => name),
      );
      faults.error([...path, 'node'], `there is no node ${spec.node}${hint}`);
      return [];
    }
    if (!node.config.features.l2Announcements) {
      faults.error([...path, 'node'], `enable-l2-announcements is off on ${node.name}`);
    }
    const other = holders.get(spec.service);
    if (other !== undefined) {
      faults.error([...path, 'node'], `${other} announces ${spec.service} already: one node has the lease`);
    }
    holders.set(spec.service, spec.node);
    const addresses = announcedAddresses(spec, path, services, faults);
    const ifindexes = interfaces(spec, node, path, faults);
    return addresses.flatMap((address) =>
      ifindexes.map((ifindex) => ({ node: node.name, address, ifindex })),
    );
  });
}

function announcedAddresses(
  { service }: L2AnnouncementSpec,
  path: Path,
  services: readonly PlannedService[],
  faults: FaultList,
): readonly Uint8Array[] {
  const own = services.filter(({ name }) => name === service);
  if (own.length === 0) {
    const hint = suggestion(service, new Set(services.map(({ name }) => name)));
    faults.error([...path, 'service'], `there is no service ${service}${hint}`);
    return [];
  }
  const announced = own.filter(
    ({ flags, address }) => (flags & ANNOUNCED) !== 0 && address.length === ipv4.ADDRESS_LENGTH,
  );
  if (announced.length === 0) {
    faults.warning([...path, 'service'], `${service} has no IPv4 address in loadBalancerIPs or externalIPs`);
  }
  const byText = new Map(announced.map(({ address }) => [address.join('.'), address]));
  return [...byText.values()];
}

function interfaces(
  spec: L2AnnouncementSpec,
  node: PlannedNode,
  path: Path,
  faults: FaultList,
): readonly number[] {
  if (spec.interfaces === undefined) return node.nativeDevices.map(({ ifindex }) => ifindex);
  return spec.interfaces.flatMap((name, i) => {
    const device = node.nativeDevices.find((candidate) => candidate.name === name);
    if (device !== undefined) return device.ifindex;
    const names = node.nativeDevices.map((candidate) => candidate.name);
    const hint = suggestion(name, names) || `; it has ${names.join(', ') || 'none'}`;
    faults.error([...path, 'interfaces', i], `${node.name} has no native device ${name}${hint}`);
    return [];
  });
}
