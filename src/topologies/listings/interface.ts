/** An interface as the kernel would describe it to ip and ifconfig, and the lines that `ip link` and `ip addr` share. */
import { formatMac } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import type { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import type { Namespace } from '../../engine/namespace.js';
import type { JsonValue } from './json-text.js';
import { programJson } from './program-text.js';

/** Flags of `struct ifreq` (linux/if.h). */
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_LOOPBACK = 0x8;
export const IFF_POINTOPOINT = 0x10;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_MULTICAST = 0x1000;

const QUEUE_LENGTH = 1000;
/** XDP_ATTACHED_DRV and XDP_ATTACHED_SKB. */
const XDP_DRIVER = 1;
const XDP_GENERIC = 2;

export interface AttachedXdp {
  readonly mode: number;
  readonly program: LoadedProgram;
}

export interface Interface {
  /** Null for a loopback that frames do not walk through. */
  readonly device: Device | null;
  readonly name: string;
  readonly ifindex: number;
  readonly flags: number;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly qdisc: string;
  readonly state: string;
  /** 0 prints as none. */
  readonly queueLength: number;
  /** The other end of a veth. */
  readonly peer: Device | null;
  /** Number of the peer's namespace as this one sees it; null for this namespace. */
  readonly peerNamespaceId: number | null;
  /** Name of the bridge. */
  readonly master: string | null;
  readonly xdp: AttachedXdp | null;
}

/** Every namespace has one. */
const LOOPBACK: Interface = {
  device: null,
  name: 'lo',
  ifindex: 1,
  flags: IFF_UP | IFF_LOOPBACK | IFF_RUNNING,
  mtu: 65536,
  mac: new Uint8Array(6),
  qdisc: 'noqueue',
  state: 'UNKNOWN',
  queueLength: QUEUE_LENGTH,
  peer: null,
  peerNamespaceId: null,
  master: null,
  xdp: null,
};

/** All interfaces of a namespace by ifindex, the loopback among them, declared or not. */
export function interfacesOf(namespace: Namespace): Interface[] {
  const all = namespace.devices.map(describeDevice);
  const loopback = all.some(({ ifindex }) => ifindex === LOOPBACK.ifindex) ? [] : [LOOPBACK];
  return [...loopback, ...all].sort((a, b) => a.ifindex - b.ifindex);
}

function describeDevice(device: Device): Interface {
  const { bridge } = device;
  return {
    device,
    name: device.name,
    ifindex: device.ifindex,
    flags: flagsOf(device),
    mtu: device.mtu,
    mac: device.mac,
    qdisc: rootQdisc(device),
    state: stateOf(device),
    // A container runtime makes the pod's end of a veth without a queue length of its own.
    queueLength: device.namespace.isHost ? QUEUE_LENGTH : 0,
    peer: device.kind === 'veth' ? device.peer : null,
    peerNamespaceId: peerNamespaceId(device),
    master: bridge === null || bridge.device === device ? null : bridge.device.name,
    xdp: xdpOf(device),
  };
}

/** What a device sends through: drivers of software devices have no queue. */
function rootQdisc(device: Device): string {
  return device.kind === 'physical' || device.kind === 'tap' ? 'fq_codel' : 'noqueue';
}

function hasCarrier(device: Device): boolean {
  return device.up && (device.kind !== 'veth' || device.peer?.up === true);
}

function flagsOf(device: Device): number {
  let flags = (device.up ? IFF_UP : 0) | (hasCarrier(device) ? IFF_RUNNING : 0);
  if (device.noArp) flags |= IFF_NOARP;
  if (device.kind === 'loopback') return flags | IFF_LOOPBACK;
  if (device.kind === 'wireguard') return flags | IFF_POINTOPOINT | IFF_NOARP;
  return flags | IFF_BROADCAST | IFF_MULTICAST;
}

/** Devices that do not tell are unknown. */
function stateOf(device: Device): string {
  if (!device.up) return 'DOWN';
  if (device.kind === 'veth') return hasCarrier(device) ? 'UP' : 'LOWERLAYERDOWN';
  return ['physical', 'tap', 'bridge'].includes(device.kind) ? 'UP' : 'UNKNOWN';
}

function xdpOf(device: Device): AttachedXdp | null {
  const { native, generic } = device.hooks.xdp;
  if (native !== null) return { mode: XDP_DRIVER, program: native };
  return generic === null ? null : { mode: XDP_GENERIC, program: generic };
}

/** Namespaces are numbered in the order in which a namespace's veths lead to them. */
function peerNamespaceId(device: Device): number | null {
  const { namespace } = device;
  if (device.kind !== 'veth' || device.peer === null || device.peer.namespace === namespace) return null;
  const others = new Set<Namespace>();
  for (const { kind, peer } of namespace.devices) {
    if (kind === 'veth' && peer !== null && peer.namespace !== namespace) others.add(peer.namespace);
  }
  return [...others].indexOf(device.peer.namespace);
}

/** `lxc1@if2` with the peer in another namespace, `c0@c1` with the peer in this one. */
export function displayName({ name, peer, peerNamespaceId: id }: Interface): string {
  if (peer === null) return name;
  return `${name}@${id === null ? peer.name : `if${peer.ifindex}`}`;
}

/** In ip's order. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [IFF_LOOPBACK, 'LOOPBACK'],
  [IFF_BROADCAST, 'BROADCAST'],
  [IFF_POINTOPOINT, 'POINTOPOINT'],
  [IFF_MULTICAST, 'MULTICAST'],
  [IFF_NOARP, 'NOARP'],
  [IFF_UP, 'UP'],
  [IFF_RUNNING, 'LOWER_UP'],
];

export function flagNames({ flags }: Interface): string[] {
  const names = FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return (flags & (IFF_UP | IFF_RUNNING)) === IFF_UP ? ['NO-CARRIER', ...names] : names;
}

/** The first line, without its end. `ip link` alone prints the mode and leaves the XDP program to a line of its own. */
export function headLine(one: Interface, isLink: boolean): string {
  const { ifindex, mtu, qdisc, master, state, queueLength, xdp } = one;
  const xdpMode = xdp === null ? '' : ` ${xdp.mode === XDP_DRIVER ? 'xdp' : 'xdpgeneric'}`;
  const xdpText = xdp === null || isLink ? xdpMode : `${xdpMode}/id:${xdp.program.id}`;
  return (
    `${ifindex}: ${displayName(one)}: <${flagNames(one).join(',')}> mtu ${mtu}${xdpText} qdisc ${qdisc}` +
    `${master === null ? '' : ` master ${master}`} state ${state} ${isLink ? 'mode DEFAULT ' : ''}group default ` +
    `${queueLength === 0 ? '' : `qlen ${queueLength}`}`
  );
}

/** `link-netns NAME`, or by number, with a space before it; empty for a peer in this namespace. */
export function namespaceText({ peer, peerNamespaceId: id }: Interface): string {
  if (id === null) return '';
  const name = peer?.namespace.mountedAs ?? null;
  return name === null ? ` link-netnsid ${id}` : ` link-netns ${name}`;
}

/** The second line, without its end: `    link/ether MAC brd MAC link-netnsid N`. */
export function linkLine(one: Interface): string {
  const type = linkType(one);
  if (type === 'none') return '    link/none ';
  return `    link/${type} ${formatMac(one.mac)} brd ${broadcastMac(one)}${namespaceText(one)}`;
}

function linkType({ flags }: Interface): string {
  if ((flags & IFF_LOOPBACK) !== 0) return 'loopback';
  return (flags & IFF_POINTOPOINT) !== 0 ? 'none' : 'ether';
}

function broadcastMac({ flags }: Interface): string {
  return (flags & IFF_LOOPBACK) !== 0 ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff';
}

/** What `ip -j link` and `ip -j addr` share, in their order. */
export function interfaceJson(one: Interface, isLink: boolean): { readonly [name: string]: JsonValue } {
  const { peer, peerNamespaceId: id, master, queueLength } = one;
  const type = linkType(one);
  return {
    ifindex: one.ifindex,
    ...(peer === null ? {} : id === null ? { link: peer.name } : { link_index: peer.ifindex }),
    ifname: one.name,
    flags: flagNames(one),
    mtu: one.mtu,
    ...xdpJson(one),
    qdisc: one.qdisc,
    ...(master === null ? {} : { master }),
    operstate: one.state,
    ...(isLink ? { linkmode: 'DEFAULT' } : {}),
    group: 'default',
    ...(queueLength === 0 ? {} : { txqlen: queueLength }),
    link_type: type,
    ...(type === 'none' ? {} : { address: formatMac(one.mac), broadcast: broadcastMac(one) }),
    ...(id === null ? {} : { link_netnsid: id }),
  };
}

function xdpJson({ xdp }: Interface): { readonly [name: string]: JsonValue } {
  if (xdp === null) return {};
  const attached = { mode: xdp.mode, prog: programJson(xdp.program) };
  return { xdp: { ...attached, attached: [attached] } };
}
