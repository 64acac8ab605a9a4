/** `ip link show` of iproute2 6.1, for one device or all of a namespace. */
import { formatMac } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import type { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import type { Namespace } from '../../engine/namespace.js';
import { type JsonValue, jsonLine } from './json-text.js';
import { programJson, programText } from './program-text.js';
import { rootQdisc } from './tc-show.js';

/** A veth has a queue per CPU; the listings show a machine with two. */
const QUEUES = 2;
const QUEUE_LENGTH = 1000;
const NAME_WIDTH = 16;
const STATE_WIDTH = 14;
/** XDP_ATTACHED_DRV and XDP_ATTACHED_SKB. */
const XDP_DRIVER = 1;
const XDP_GENERIC = 2;

export interface LinkOptions {
  readonly json: boolean;
  readonly details: boolean;
  readonly brief: boolean;
}

export function showLinks(devices: readonly Device[], options: LinkOptions): string {
  if (options.json) return jsonLine(devices.map(linkJson));
  return devices
    .map((device) => (options.brief ? briefText(device) : linkText(device, options.details)))
    .join('');
}

function briefText(device: Device): string {
  const name = displayName(device).padEnd(NAME_WIDTH);
  return `${name} ${stateOf(device).padEnd(STATE_WIDTH)} ${formatMac(device.mac)} <${flagsOf(device).join(',')}> \n`;
}

function linkText(device: Device, details: boolean): string {
  const xdp = xdpOf(device);
  const mode = xdp === null ? '' : ` ${xdp.mode === XDP_DRIVER ? 'xdp' : 'xdpgeneric'}`;
  const master = masterOf(device);
  const head =
    `${device.ifindex}: ${displayName(device)}: <${flagsOf(device).join(',')}> mtu ${device.mtu}${mode} ` +
    `qdisc ${rootQdisc(device)}${master === null ? '' : ` master ${master}`} state ${stateOf(device)} ` +
    `mode DEFAULT group default qlen ${QUEUE_LENGTH}\n`;
  const { type, broadcast } = linkLayer(device);
  const netns = peerNamespaceId(device);
  const link =
    `    link/${type} ${formatMac(device.mac)} brd ${broadcast}` +
    (netns === null ? '' : ` link-netnsid ${netns}`);
  const program = xdp === null ? '' : `    prog/xdp ${programText(xdp.program, details)}\n`;
  return `${head}${link}${details ? detailText(device) : '\n'}${program}`;
}

function detailText(device: Device): string {
  const kind = kindOf(device);
  const queues = `addrgenmode eui64 numtxqueues ${QUEUES} numrxqueues ${QUEUES} `;
  const offload =
    'gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 \n';
  const general = ' promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ';
  return `${general}${kind === null ? '' : `\n    ${kind} `}${queues}${offload}`;
}

function linkJson(device: Device): JsonValue {
  const peer = device.kind === 'veth' ? device.peer : null;
  const netns = peerNamespaceId(device);
  const master = masterOf(device);
  const { type, broadcast } = linkLayer(device);
  return {
    ifindex: device.ifindex,
    ...(peer === null ? {} : netns === null ? { link: peer.name } : { link_index: peer.ifindex }),
    ifname: device.name,
    flags: flagsOf(device),
    mtu: device.mtu,
    ...xdpJson(device),
    qdisc: rootQdisc(device),
    ...(master === null ? {} : { master }),
    operstate: stateOf(device),
    linkmode: 'DEFAULT',
    group: 'default',
    txqlen: QUEUE_LENGTH,
    link_type: type,
    address: formatMac(device.mac),
    broadcast,
    ...(netns === null ? {} : { link_netnsid: netns }),
  };
}

function xdpJson(device: Device): { readonly [name: string]: JsonValue } {
  const xdp = xdpOf(device);
  if (xdp === null) return {};
  const attached = { mode: xdp.mode, prog: programJson(xdp.program) };
  return { xdp: { ...attached, attached: [attached] } };
}

function xdpOf(device: Device): { readonly mode: number; readonly program: LoadedProgram } | null {
  const { native, generic } = device.hooks.xdp;
  if (native !== null) return { mode: XDP_DRIVER, program: native };
  return generic === null ? null : { mode: XDP_GENERIC, program: generic };
}

/** `lxc1@if2` with the peer in another namespace, `c0@c1` with the peer in this one. */
function displayName(device: Device): string {
  const { peer, namespace, name } = device;
  if (peer === null || device.kind !== 'veth') return name;
  return `${name}@${peer.namespace === namespace ? peer.name : `if${peer.ifindex}`}`;
}

function flagsOf(device: Device): string[] {
  const hasCarrier = device.up && (device.kind !== 'veth' || device.peer?.up === true);
  return [
    ...(device.up && !hasCarrier ? ['NO-CARRIER'] : []),
    device.kind === 'loopback' ? 'LOOPBACK' : 'BROADCAST',
    ...(device.kind === 'loopback' ? [] : ['MULTICAST']),
    ...(device.noArp ? ['NOARP'] : []),
    ...(device.up ? ['UP'] : []),
    ...(hasCarrier ? ['LOWER_UP'] : []),
  ];
}

function stateOf(device: Device): string {
  if (!device.up) return 'DOWN';
  if (device.kind === 'loopback' || device.kind === 'dummy') return 'UNKNOWN';
  return device.kind !== 'veth' || device.peer?.up === true ? 'UP' : 'LOWERLAYERDOWN';
}

function linkLayer(device: Device): { readonly type: string; readonly broadcast: string } {
  if (device.kind === 'loopback') return { type: 'loopback', broadcast: '00:00:00:00:00:00' };
  return { type: 'ether', broadcast: 'ff:ff:ff:ff:ff:ff' };
}

/** The kind that the kernel names; hardware has none. */
function kindOf(device: Device): string | null {
  if (device.kind === 'physical' || device.kind === 'loopback') return null;
  if (device.kind === 'tap') return 'tun type tap pi off vnet_hdr off persist off';
  return device.kind;
}

function masterOf(device: Device): string | null {
  const { bridge } = device;
  return bridge === null || bridge.device === device ? null : bridge.device.name;
}

/** The number that a namespace has for the one of a veth's peer: in the order in which its devices lead to them. */
function peerNamespaceId(device: Device): number | null {
  if (device.kind !== 'veth' || device.peer === null || device.peer.namespace === device.namespace)
    return null;
  const others: Namespace[] = [];
  for (const { kind, peer } of device.namespace.devices) {
    if (kind !== 'veth' || peer === null || peer.namespace === device.namespace) continue;
    if (!others.includes(peer.namespace)) others.push(peer.namespace);
  }
  return others.indexOf(device.peer.namespace);
}
