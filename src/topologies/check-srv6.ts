/** VPNs over SRv6: whose packets belong to them, where they go, and which segments a node ends. */
import { addressText } from '../engine/address-text.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import { Register, readAddress, readNetworks } from './check-text.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedNode, PlannedSrv6 } from './plan.js';
import type { PodIndex } from './pod-index.js';
import type { Srv6Spec } from './spec-features.js';

const PATH: Path = ['srv6'];

const NO_SRV6: PlannedSrv6 = { vrfs: [], policies: [], segments: [] };

export function checkSrv6(
  spec: Srv6Spec | undefined,
  nodes: readonly PlannedNode[],
  pods: PodIndex,
  faults: FaultList,
): PlannedSrv6 {
  if (spec === undefined) return NO_SRV6;
  for (const node of nodes) {
    if (!node.config.features.srv6) faults.error(PATH, `enable-srv6 is off on ${node.name}`);
  }
  const ids = new Register('the id');
  const sids = new Register('the segment');
  const vrfs: PlannedSrv6['vrfs'][number][] = [];
  const segments: PlannedSrv6['segments'][number][] = [];
  spec.vrfs.forEach(({ id, rules, segments: own }, i) => {
    const path = [...PATH, 'vrfs', i];
    ids.take(String(id), 'another VRF', [...path, 'id'], faults);
    rules?.forEach((rule, j) => {
      const at = [...path, 'rules', j];
      const destinations = readNetworks(rule.destinationCIDRs, [...at, 'destinationCIDRs'], faults);
      const needs = 'needs either podSelector or pods: whose packets belong to the VRF';
      const sources = pods.choose(rule.pods, rule.podSelector, 'podSelector', at, needs, faults);
      for (const source of sources.flatMap((pod) => pod.addresses)) {
        for (const destination of destinations) {
          if (destination.address.length === source.length) vrfs.push({ id, source, destination });
        }
      }
    });
    own?.forEach(({ node, sid }, j) => {
      const at = [...path, 'segments', j];
      const segment = readSegment(sid, [...at, 'sid'], faults);
      if (!nodes.some(({ name }) => name === node)) {
        const names = nodes.map(({ name }) => name);
        faults.error([...at, 'node'], `there is no node ${node}${suggestion(node, names)}`);
      }
      if (segment === null || !sids.take(addressText(segment), `VRF ${id}`, [...at, 'sid'], faults)) return;
      segments.push({ node, segment, vrf: id });
    });
  });
  const policies = (spec.egressPolicies ?? []).flatMap(({ vrf, destinationCIDRs, destinationSID }, i) => {
    const path = [...PATH, 'egressPolicies', i];
    if (!ids.has(String(vrf))) faults.error([...path, 'vrf'], `there is no VRF ${vrf}`);
    const segment = readSegment(destinationSID, [...path, 'destinationSID'], faults);
    const destinations = readNetworks(destinationCIDRs, [...path, 'destinationCIDRs'], faults);
    return segment === null ? [] : destinations.map((destination) => ({ vrf, destination, segment }));
  });
  return { vrfs, policies, segments };
}

function readSegment(text: string, path: Path, faults: FaultList): Uint8Array | null {
  const address = readAddress(text, path, faults);
  if (address === null || address.length === ipv6.ADDRESS_LENGTH) return address;
  faults.error(path, `${text} is no IPv6 address: segments are`);
  return null;
}
