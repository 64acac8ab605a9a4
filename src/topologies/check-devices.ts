/** A node's devices: those declared, and the pair cilium_host / cilium_net that the agent makes. */
import type { Prefix } from '../engine/address-text.js';
import type { DeviceKind } from '../engine/device.js';
import {
  addressText,
  networkAddress,
  Register,
  readAddress,
  readMac,
  readNetwork,
  readPrefix,
} from './check-text.js';
import { type Path, suggestion } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { PlannedDevice } from './plan.js';
import { NO_PROGRAMS, readPrograms } from './program-names.js';
import type { DeviceSpec } from './spec.js';
import { WIREGUARD_OVERHEAD } from './wireguard-peers.js';

const CILIUM_HOST = 'cilium_host';
const CILIUM_NET = 'cilium_net';
const CILIUM_PEERS: ReadonlyMap<string, string> = new Map([
  [CILIUM_HOST, CILIUM_NET],
  [CILIUM_NET, CILIUM_HOST],
]);
export const DEFAULT_MTU = 1500;

export function checkDevices(node: NodeDraft): void {
  node.podPrefixes = podPrefixes(node);
  const declared = node.spec.devices ?? [];
  reserveIfindexes(node);
  const names = new Register('the name');
  declared.forEach((spec, i) => {
    const path: Path = [...node.path, 'devices', i];
    if (!names.take(spec.name, 'another device', [...path, 'name'], node.faults)) return;
    node.addDevice(readDevice(node, spec, path));
  });
  declared.forEach((spec, i) => {
    checkPeer(node, spec, [...node.path, 'devices', i]);
  });
  node.internalAddresses = internalAddresses(node);
  node.ciliumInternalAddresses = ciliumInternalAddresses(node);
  addCiliumPair(node);
  addTunnelDevices(node);
}

/** Name and kind of the devices that the agent makes for tunnels and for encryption. */
const TUNNEL_NAMES = ['', 'cilium_vxlan', 'cilium_geneve'];
const WIREGUARD_NAME = 'cilium_wg0';

function addTunnelDevices(node: NodeDraft): void {
  const { config } = node;
  const made: [string, DeviceKind][] = [];
  if (config.hasTunnel) made.push([TUNNEL_NAMES[config.features.tunnelProtocol], 'tunnel']);
  if (config.features.wireguard) made.push([WIREGUARD_NAME, 'wireguard']);
  for (const [name, kind] of made) {
    if (node.device(name) !== undefined) {
      node.faults.error([...node.path, 'devices'], `${name} is made by Cilium itself`);
      continue;
    }
    const ifindex = node.ifindexes.next(name);
    const mac = node.makeMac(ifindex);
    const flags = { up: true, noArp: true, acceptLocal: true };
    const mtu = kind === 'wireguard' ? DEFAULT_MTU - WIREGUARD_OVERHEAD : DEFAULT_MTU;
    node.addDevice({
      name,
      kind,
      ifindex,
      mac,
      mtu,
      ...flags,
      addresses: [],
      peer: null,
      programs: NO_PROGRAMS,
    });
  }
}

function podPrefixes(node: NodeDraft): readonly Prefix[] {
  const { podCIDR, podCIDRs } = node.spec;
  const texts: [string, Path][] = (podCIDRs ?? []).map((text, i) => [text, [...node.path, 'podCIDRs', i]]);
  if (podCIDR !== undefined) texts.unshift([podCIDR, [...node.path, 'podCIDR']]);
  return texts.flatMap(([text, path]) => readNetwork(text, path, node.faults) ?? []);
}

/** Takes every index that is declared anywhere on the node, so that none is handed out. */
function reserveIfindexes(node: NodeDraft): void {
  const indexes = new Register('the ifindex');
  const reserve = (ifindex: number | undefined, name: string, path: Path): void => {
    if (ifindex === undefined) return;
    indexes.take(String(ifindex), name, [...path, 'ifindex'], node.faults);
    node.ifindexes.take(ifindex);
  };
  node.spec.devices?.forEach((spec, i) => {
    reserve(spec.ifindex, spec.name, [...node.path, 'devices', i]);
  });
  node.spec.pods?.forEach((pod, i) => {
    reserve(pod.device?.ifindex, pod.name, [...node.path, 'pods', i, 'device']);
  });
}

/** One device as it is declared at `path`. */
export function readDevice(node: NodeDraft, spec: DeviceSpec, path: Path): PlannedDevice {
  const { faults } = node;
  const ifindex = spec.ifindex ?? node.ifindexes.next(spec.name);
  const ciliumPeer = CILIUM_PEERS.get(spec.name);
  const mac = spec.mac === undefined ? null : readMac(spec.mac, [...path, 'mac'], faults);
  const addresses = (spec.addresses ?? []).flatMap((text, i) => {
    const at = [...path, 'addresses', i];
    const prefix = readPrefix(text, at, faults);
    if (prefix === null) return [];
    node.cluster.addresses.take(addressText(prefix.address), `${node.spec.name}/${spec.name}`, at, faults);
    return prefix;
  });
  return {
    name: spec.name,
    kind: spec.kind ?? (ciliumPeer === undefined ? 'physical' : 'veth'),
    ifindex,
    mac: mac ?? node.makeMac(ifindex),
    mtu: spec.mtu ?? DEFAULT_MTU,
    up: spec.up ?? true,
    noArp: ciliumPeer !== undefined,
    acceptLocal: ciliumPeer !== undefined,
    addresses,
    peer: spec.peer ?? ciliumPeer ?? null,
    programs: readPrograms(spec.programs, [...path, 'programs'], node),
  };
}

function checkPeer(node: NodeDraft, spec: DeviceSpec, path: Path): void {
  if (spec.kind === 'veth' && spec.peer === undefined && !CILIUM_PEERS.has(spec.name)) {
    node.faults.error(path, `missing: peer, the other end of the veth ${spec.name}`);
  }
  if (spec.peer === undefined) return;
  const at = [...path, 'peer'];
  const peer = node.device(spec.peer);
  if (peer === undefined) {
    const names = node.devices.map((other) => other.name).filter((name) => name !== spec.name);
    node.faults.error(at, `${node.spec.name} has no device ${spec.peer}${suggestion(spec.peer, names)}`);
  } else if (peer.peer !== spec.name || peer === node.device(spec.name)) {
    node.faults.error(at, `${spec.peer} does not name ${spec.name} as its peer`);
  }
}

function internalAddresses(node: NodeDraft): readonly Uint8Array[] {
  const { internalIP } = node.spec;
  if (internalIP !== undefined) {
    const path = [...node.path, 'internalIP'];
    const address = readAddress(internalIP, path, node.faults);
    if (address === null) return [];
    const onDevice = node.devices.some((other) =>
      other.addresses.some((prefix) => addressText(prefix.address) === addressText(address)),
    );
    if (!onDevice) node.faults.error(path, `no device of ${node.spec.name} has the address ${internalIP}`);
    return [address];
  }
  const outside = node.devices
    .filter((other) => other.kind === 'physical')
    .flatMap((other) => other.addresses);
  return [4, 16].flatMap(
    (length) => outside.find((prefix) => prefix.address.length === length)?.address ?? [],
  );
}

/** Of cilium_host: as declared there, as declared by `ciliumInternalIP`, else the first address of each podCIDR. */
function ciliumInternalAddresses(node: NodeDraft): readonly Uint8Array[] {
  const { spec, faults } = node;
  const declared = node.device(CILIUM_HOST)?.addresses.map((prefix) => prefix.address) ?? [];
  const path = [...node.path, 'ciliumInternalIP'];
  if (spec.ciliumInternalIP !== undefined) {
    const address = readAddress(spec.ciliumInternalIP, path, faults);
    if (address === null) return [];
    // Of several addresses of cilium_host it is the one that the agent routes to.
    if (declared.some((other) => addressText(other) === addressText(address))) {
      return [address, ...declared.filter((other) => other.length !== address.length)];
    }
    if (declared.length > 0) {
      faults.error(path, `cilium_host is declared without the address ${spec.ciliumInternalIP}`);
    }
    node.cluster.addresses.take(addressText(address), `${spec.name}/cilium_host`, path, faults);
    return [address];
  }
  if (declared.length > 0) return declared;
  return node.podPrefixes.map((prefix) => {
    const address = networkAddress(prefix);
    address[address.length - 1] |= 1;
    node.cluster.addresses.take(addressText(address), `${spec.name}/cilium_host`, node.path, faults);
    return address;
  });
}

function addCiliumPair(node: NodeDraft): void {
  if (node.ciliumInternalAddresses.length === 0) return;
  for (const name of [CILIUM_NET, CILIUM_HOST]) {
    if (node.device(name) !== undefined) continue;
    const ifindex = node.ifindexes.next(name);
    const addresses = name === CILIUM_HOST ? node.ciliumInternalAddresses : [];
    node.addDevice({
      name,
      kind: 'veth',
      ifindex,
      mac: node.makeMac(ifindex),
      mtu: DEFAULT_MTU,
      up: true,
      noArp: true,
      acceptLocal: true,
      addresses: addresses.map((address) => ({ address, length: address.length * 8 })),
      peer: CILIUM_PEERS.get(name)!,
      programs: NO_PROGRAMS,
    });
  }
}
