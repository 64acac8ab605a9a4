/** One interface as `ip addr` prints it. */
import { formatAddress, formatMac } from '../../engine/address-text.js';
import type { Place } from './command.js';
import * as interfaces from './interfaces.js';

type Interface = interfaces.Interface;

const UP_WITH_CARRIER = interfaces.IFF_UP | interfaces.IFF_RUNNING;
const FOREVER = 4294967295;

/** In ip's order; LOWER_UP is behind them. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [interfaces.IFF_LOOPBACK, 'LOOPBACK'],
  [interfaces.IFF_BROADCAST, 'BROADCAST'],
  [interfaces.IFF_POINTOPOINT, 'POINTOPOINT'],
  [interfaces.IFF_MULTICAST, 'MULTICAST'],
  [interfaces.IFF_NOARP, 'NOARP'],
  [interfaces.IFF_UP, 'UP'],
];

export function flagNames({ flags }: Interface): string[] {
  const names = FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const hasCarrier = (flags & UP_WITH_CARRIER) === UP_WITH_CARRIER;
  return hasCarrier ? [...names, 'LOWER_UP'] : names;
}

function isInPlace(place: Place, one: Interface): boolean {
  return one.peer !== null && one.peer.namespace === place.namespace;
}

/** `lxc00aa@if2`, `cilium_host@cilium_net`. */
function fullName(place: Place, one: Interface): string {
  const { name, peer } = one;
  if (peer === null) return name;
  return `${name}@${isInPlace(place, one) ? peer.name : `if${peer.ifindex}`}`;
}

/** Number of the peer's namespace as this one sees it: pods in their order, the node as 0; null for this namespace. */
function peerNamespaceId(place: Place, one: Interface): number | null {
  if (one.peer === null || isInPlace(place, one)) return null;
  return place.pod === null ? place.namespace.node.pods.indexOf(one.peer.namespace) : 0;
}

/** By name where it has one, else by number. */
function namespaceText({ peer }: Interface, id: number): string {
  const name = peer?.namespace.mountedAs ?? null;
  return name === null ? `link-netnsid ${id}` : `link-netns ${name}`;
}

/** The first line, without its end. `mode` is the word that `ip link` adds. */
export function headLine(place: Place, one: Interface, mode = ''): string {
  const { ifindex, mtu, queue, state, queueLength } = one;
  const name = fullName(place, one);
  const length = queueLength === 0 ? ' ' : ` qlen ${queueLength}`;
  return (
    `${ifindex}: ${name}: <${flagNames(one).join(',')}> mtu ${mtu} qdisc ${queue} state ${state} ` +
    `${mode === '' ? '' : `mode ${mode} `}group default${length}`
  );
}

function linkType({ flags }: Interface): string {
  if ((flags & interfaces.IFF_LOOPBACK) !== 0) return 'loopback';
  return (flags & interfaces.IFF_POINTOPOINT) !== 0 ? 'none' : 'ether';
}

function broadcastMac({ flags }: Interface): string {
  return (flags & interfaces.IFF_LOOPBACK) !== 0 ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff';
}

/** The second line: `    link/ether MAC brd MAC link-netnsid N`. */
export function linkLine(place: Place, one: Interface): string {
  const type = linkType(one);
  if (type === 'none') return '    link/none ';
  const id = peerNamespaceId(place, one);
  const namespace = id === null ? '' : ` ${namespaceText(one, id)}`;
  return `    link/${type} ${formatMac(one.mac)} brd ${broadcastMac(one)}${namespace}`;
}

/** All lines of an interface; without the link line, its namespace stands at the end of the first. */
export function interfaceLines(place: Place, one: Interface, withLink: boolean): string {
  const id = peerNamespaceId(place, one);
  const head = headLine(place, one);
  const namespace = id === null ? '' : `${head.endsWith(' ') ? '' : ' '}${namespaceText(one, id)}`;
  const lines = withLink ? [head, linkLine(place, one)] : [head + namespace];
  for (const { address, length, scope } of one.addresses) {
    const text = `${formatAddress(address, 0, address.length)}/${length} scope ${scope}`;
    lines.push(address.length === 4 ? `    inet ${text} ${one.name}` : `    inet6 ${text} `);
    lines.push('       valid_lft forever preferred_lft forever');
  }
  return `${lines.join('\n')}\n`;
}

/** `ip -br addr`: name, state, addresses. */
export function briefLine(place: Place, one: Interface): string {
  const addresses = one.addresses.map(
    ({ address, length }) => `${formatAddress(address, 0, address.length)}/${length} `,
  );
  return `${fullName(place, one).padEnd(16)} ${one.state.padEnd(14)} ${addresses.join('')}\n`;
}

export function addressObject(place: Place, one: Interface): object {
  const id = peerNamespaceId(place, one);
  const link =
    one.peer === null
      ? {}
      : isInPlace(place, one)
        ? { link: one.peer.name }
        : { link_index: one.peer.ifindex };
  return {
    ifindex: one.ifindex,
    ...link,
    ifname: one.name,
    flags: flagNames(one),
    mtu: one.mtu,
    qdisc: one.queue,
    operstate: one.state,
    group: 'default',
    ...(one.queueLength === 0 ? {} : { txqlen: one.queueLength }),
    link_type: linkType(one),
    address: formatMac(one.mac),
    broadcast: broadcastMac(one),
    ...(id === null ? {} : { link_netnsid: id }),
    addr_info: one.addresses.map(({ address, length, scope }) => ({
      family: address.length === 4 ? 'inet' : 'inet6',
      local: formatAddress(address, 0, address.length),
      prefixlen: length,
      scope,
      ...(address.length === 4 ? { label: one.name } : {}),
      valid_life_time: FOREVER,
      preferred_life_time: FOREVER,
    })),
  };
}
