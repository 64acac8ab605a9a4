/** What fits for each part alone and not for all together: networks that overlap, MACs and names given twice. */
import { addressText, contains, formatMac, type Prefix } from '../engine/address-text.js';
import { Register, readAddress } from './check-text.js';
import { FaultList, type Path } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { PlannedLink } from './plan.js';
import type { PolicySpec, ServiceSpec } from './spec.js';

const prefixText = ({ address, length }: Prefix): string => `${addressText(address)}/${length}`;

/** Whether one of two prefixes is inside of the other. */
function overlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? contains(a, b.address) : contains(b, a.address);
}

/** Each node's pods are in a network of their own: what routes to one node would else reach another. */
export function checkPodNetworks(nodes: readonly NodeDraft[], faults: FaultList): void {
  nodes.forEach((node, i) => {
    for (const prefix of node.podPrefixes) {
      const other = nodes
        .slice(0, i)
        .find(({ podPrefixes }) => podPrefixes.some((own) => overlap(own, prefix)));
      if (other === undefined) continue;
      const theirs = other.podPrefixes.find((own) => overlap(own, prefix))!;
      const key = node.spec.podCIDR === undefined ? 'podCIDRs' : 'podCIDR';
      faults.error(
        [...node.path, key],
        `${prefixText(prefix)} overlaps ${prefixText(theirs)} of ${other.spec.name}`,
      );
    }
  });
}

/** Two devices of one MAC on a link: a switch sends what is for both to whom it heard last. */
export function checkLinkMacs(
  links: readonly PlannedLink[],
  machines: readonly NodeDraft[],
  faults: FaultList,
): void {
  links.forEach(({ devices }, i) => {
    const owners = new Map<string, string>();
    devices.forEach(({ machine, device }, j) => {
      const found = machines.find(({ spec }) => spec.name === machine)?.device(device);
      if (found === undefined) return;
      const mac = formatMac(found.mac);
      const owner = owners.get(mac);
      const name = `${machine}/${device}`;
      if (owner === undefined) owners.set(mac, name);
      else faults.warning(['links', i, 'devices', j], `${name} has the MAC of ${owner}, ${mac}`);
    });
  });
}

/** A service's address is no pod's, not even one that is not there yet. */
export function checkServiceNetworks(
  services: readonly ServiceSpec[],
  nodes: readonly NodeDraft[],
  faults: FaultList,
): void {
  // What is wrong with an address is told where the service is read.
  const notHeard = new FaultList();
  services.forEach((service, i) => {
    const addresses: [string | undefined, Path][] = [
      [service.clusterIP, ['services', i, 'clusterIP']],
      ...(service.clusterIPs ?? []).map((text, j): [string, Path] => [
        text,
        ['services', i, 'clusterIPs', j],
      ]),
    ];
    for (const [text, path] of addresses) {
      const address = text === undefined ? null : readAddress(text, path, notHeard);
      if (address === null) continue;
      const node = nodes.find(({ podPrefixes }) => podPrefixes.some((prefix) => contains(prefix, address)));
      if (node !== undefined) faults.warning(path, `${text} is in the pods' network of ${node.spec.name}`);
    }
  });
}

/** Names of policies tell which one decided. */
export function checkPolicyNames(policies: readonly PolicySpec[], faults: FaultList): void {
  const names = new Register('the name');
  policies.forEach(({ name }, i) => {
    if (name !== undefined) names.take(name, 'another policy', ['policies', i, 'name'], faults);
  });
}
