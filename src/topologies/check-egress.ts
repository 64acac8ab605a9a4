/** What leaves the cluster: egress gateways, and what ip-masq-agent exempts. */
import type { Prefix } from '../engine/address-text.js';
import { isEqual } from '../engine/wire/bytes.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import { ofFamily } from './address-words.js';
import { readAddress, readNetworks } from './check-text.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedEgressGateway, PlannedNode } from './plan.js';
import type { PodIndex } from './pod-index.js';
import type { EgressGatewaySpec, TopologySpec } from './spec.js';

const NEEDS_PODS = 'needs either podSelector or pods: whose traffic goes by the gateway';

/** What ip-masq-agent exempts where its configuration lists nothing. */
const DEFAULT_EXEMPTIONS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '240.0.0.0/4',
];
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'];

export function notMasqueraded({ ipMasqAgent }: TopologySpec, faults: FaultList): readonly Prefix[] {
  const path = ['ipMasqAgent', 'nonMasqueradeCIDRs'];
  const listed = ipMasqAgent?.nonMasqueradeCIDRs ?? DEFAULT_EXEMPTIONS;
  const texts = ipMasqAgent?.masqLinkLocal ? listed : [...listed, ...LINK_LOCAL];
  return readNetworks(texts, path, faults);
}

export function checkEgressGateways(
  specs: readonly EgressGatewaySpec[],
  nodes: readonly PlannedNode[],
  pods: PodIndex,
  faults: FaultList,
): PlannedEgressGateway[] {
  return specs.flatMap((spec, i) => {
    const path: Path = ['egressGateways', i];
    for (const node of nodes) {
      if (!node.config.features.egressGateway) {
        faults.error(path, `enable-egress-gateway is off on ${node.name}`);
      }
    }
    const selected = pods.choose(spec.pods, spec.podSelector, 'podSelector', path, NEEDS_PODS, faults);
    const destinations = readNetworks(spec.destinationCIDRs, [...path, 'destinationCIDRs'], faults);
    const excluded = readNetworks(spec.excludedCIDRs, [...path, 'excludedCIDRs'], faults);
    const gateway = nodes.find((node) => node.name === spec.gateway);
    if (gateway === undefined) {
      const names = nodes.map((node) => node.name);
      faults.error(
        [...path, 'gateway'],
        `there is no node ${spec.gateway}${suggestion(spec.gateway, names)}`,
      );
      return [];
    }
    const gatewayAddress = ofFamily(gateway.internalAddresses, ipv4.ADDRESS_LENGTH);
    if (gatewayAddress === undefined) {
      faults.error([...path, 'gateway'], `${gateway.name} has no IPv4 address`);
      return [];
    }
    const families = new Set([...destinations, ...excluded].map(({ address }) => address.length));
    const egressAddresses = readEgressAddresses(spec, gateway, families, path, faults);
    const sources = selected.flatMap((pod) => pod.addresses.filter(({ length }) => families.has(length)));
    return { sources, destinations, excluded, gateway: gateway.name, gatewayAddress, egressAddresses };
  });
}

/** One address of the gateway for each family; a family without one is a fault. */
function readEgressAddresses(
  { egressIP, egressIPs }: EgressGatewaySpec,
  gateway: PlannedNode,
  families: ReadonlySet<number>,
  path: Path,
  faults: FaultList,
): readonly Uint8Array[] {
  const texts: [string, Path][] = (egressIPs ?? []).map((text, i) => [text, [...path, 'egressIPs', i]]);
  if (egressIP !== undefined) texts.unshift([egressIP, [...path, 'egressIP']]);
  const declared = texts.flatMap(([text, at]) => {
    const address = readAddress(text, at, faults);
    if (address !== null && !gateway.addresses.some((other) => isEqual(other, address))) {
      faults.error(at, `no device of ${gateway.name} has the address ${text}`);
    }
    return address ?? [];
  });
  return [...families].flatMap((length) => {
    const address = ofFamily(declared, length) ?? defaultAddress(gateway, length);
    if (address !== undefined) return address;
    const family = length === ipv4.ADDRESS_LENGTH ? 'IPv4' : 'IPv6';
    const why = `${gateway.name} has no ${family} default route by a device with an address`;
    faults.error(path, `missing: egressIP; ${why}`);
    return [];
  });
}

/** The first address of the device that the family's default route goes by. */
function defaultAddress(gateway: PlannedNode, length: number): Uint8Array | undefined {
  const route = gateway.routes.find(
    ({ prefixLength, prefix }) => prefixLength === 0 && prefix.length === length,
  );
  const device = gateway.devices.find((candidate) => candidate.ifindex === route?.ifindex);
  return device?.addresses.find(({ address }) => address.length === length)?.address;
}
