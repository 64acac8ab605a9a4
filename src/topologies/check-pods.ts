/** A node's pods: addresses, devices, endpoint ids, identities. */
import { addressText, contains } from '../engine/address-text.js';
import { readBandwidth } from './check-bandwidth.js';
import { DEFAULT_MTU } from './check-devices.js';
import { readServers } from './check-hosts.js';
import { Register, readAddress, readMac } from './check-text.js';
import type { Path } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { PlannedDevice, PlannedPod } from './plan.js';
import { readPrograms } from './program-names.js';
import type { PodSpec } from './spec.js';

/** Interface index of a pod's own device. */
const POD_IFINDEX = 2;
/** Names of network devices have 15 characters at most. */
const DEVICE_NAME_LENGTH = 15;

export function checkPods(node: NodeDraft): void {
  const endpoints = new Register('the endpoint id');
  const { hostEndpoint } = node.spec;
  if (hostEndpoint !== undefined) {
    endpoints.take(String(hostEndpoint), node.spec.name, [...node.path, 'hostEndpoint'], node.faults);
    node.endpointIds.take(hostEndpoint);
  }
  node.spec.pods?.forEach((pod, i) => {
    if (pod.endpoint === undefined) return;
    const path = [...node.path, 'pods', i, 'endpoint'];
    endpoints.take(String(pod.endpoint), pod.name, path, node.faults);
    node.endpointIds.take(pod.endpoint);
  });
  node.spec.pods?.forEach((pod, i) => {
    addPod(node, pod, [...node.path, 'pods', i]);
  });
}

function addPod(node: NodeDraft, spec: PodSpec, path: Path): void {
  const { faults, cluster } = node;
  cluster.podNames.take(spec.name, 'another pod', [...path, 'name'], faults);
  const addresses = podAddresses(node, spec, path);
  const device = podDevice(node, spec, path);
  const mac = spec.mac === undefined ? null : readMac(spec.mac, [...path, 'mac'], faults);
  const pod = {
    path,
    name: spec.name,
    node: node.spec.name,
    labels: spec.labels ?? {},
    addresses,
    mac: mac ?? Uint8Array.from(device.mac, (byte, i) => (i === 1 ? 0x71 : byte)),
    device,
    ifindex: spec.ifindex ?? POD_IFINDEX,
    netns: spec.netns ?? null,
    gateways: podGateways(node, spec, path),
    neighbours: podNeighbours(node, spec, device, path),
    endpointId: spec.endpoint ?? node.endpointIds.next(`pod ${spec.name}`),
    identity: cluster.identities.ofPod(spec.name, spec.labels ?? {}, spec.identity, path),
    bandwidth: readBandwidth(node, spec.annotations, path),
    serves: spec.serves === undefined ? null : readServers(spec.serves, [...path, 'serves'], faults),
  };
  node.pods.push(pod);
  for (const address of addresses) {
    node.neighbours.push({ ifindex: device.ifindex, address, mac: pod.mac });
  }
}

function podAddresses(node: NodeDraft, spec: PodSpec, path: Path): Uint8Array[] {
  const { faults } = node;
  const texts: [string, Path][] = (spec.ips ?? []).map((text, i) => [text, [...path, 'ips', i]]);
  if (spec.ip !== undefined) texts.unshift([spec.ip, [...path, 'ip']]);
  if (texts.length === 0) faults.error(path, 'missing: ip, the address of the pod');
  const addresses: Uint8Array[] = [];
  for (const [text, at] of texts) {
    const address = readAddress(text, at, faults);
    if (address === null) continue;
    if (!node.cluster.addresses.take(addressText(address), spec.name, at, faults)) continue;
    if (addresses.some((other) => other.length === address.length)) {
      faults.error(at, `a pod has one address per family; ${spec.name} has ${addressText(addresses[0])} too`);
      continue;
    }
    const prefixes = node.podPrefixes.filter((prefix) => prefix.address.length === address.length);
    if (prefixes.length > 0 && !prefixes.some((prefix) => contains(prefix, address))) {
      const cidrs = prefixes.map((prefix) => `${addressText(prefix.address)}/${prefix.length}`);
      faults.error(at, `${text} is outside the podCIDR ${cidrs.join(', ')} of ${node.spec.name}`);
    }
    addresses.push(address);
  }
  return addresses;
}

function podDevice(node: NodeDraft, spec: PodSpec, path: Path): PlannedDevice {
  const { faults } = node;
  const at = [...path, 'device'];
  const ifindex = spec.device?.ifindex ?? node.ifindexes.next(`pod ${spec.name}`);
  const name = spec.device?.name ?? `lxc${spec.name}`.slice(0, DEVICE_NAME_LENGTH);
  if (node.device(name) !== undefined) {
    faults.error(
      spec.device?.name === undefined ? path : [...at, 'name'],
      `${node.spec.name} has another device ${name}`,
    );
  }
  const mac = spec.device?.mac === undefined ? null : readMac(spec.device.mac, [...at, 'mac'], faults);
  const device: PlannedDevice = {
    name,
    kind: 'veth',
    ifindex,
    mac: mac ?? node.makeMac(ifindex),
    mtu: spec.device?.mtu ?? DEFAULT_MTU,
    up: true,
    noArp: false,
    acceptLocal: false,
    addresses: [],
    peer: null,
    programs: readPrograms(spec.device?.programs, [...at, 'programs'], node),
  };
  node.addDevice(device);
  return device;
}

function podGateways(node: NodeDraft, spec: PodSpec, path: Path): readonly Uint8Array[] {
  if (spec.gateway === undefined) return node.ciliumInternalAddresses;
  const gateway = readAddress(spec.gateway, [...path, 'gateway'], node.faults);
  return gateway === null ? [] : [gateway];
}

function podNeighbours(
  { faults }: NodeDraft,
  { neighbours }: PodSpec,
  device: PlannedDevice,
  path: Path,
): PlannedPod['neighbours'] {
  return (neighbours ?? []).flatMap(({ address, mac }, i) => {
    const at = [...path, 'neighbours', i];
    const bytes = readAddress(address, [...at, 'address'], faults);
    const link = mac === undefined ? device.mac : readMac(mac, [...at, 'mac'], faults);
    return bytes === null || link === null ? [] : [{ address: bytes, mac: link }];
  });
}
