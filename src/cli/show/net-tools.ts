/** route, arp and ifconfig as net-tools 2.10 print them. */
import { formatAddress, formatIpv4, formatMac } from '../../engine/address-text.js';
import { ROUTE_BLACKHOLE, ROUTE_UNICAST } from '../../engine/stack/route-table.js';
import * as links from '../../topologies/listings/interface.js';
import type { Invocation, Output, Place, Tool } from './command.js';
import * as interfaces from './interfaces.js';
import { listedNeighbours } from './neighbour-list.js';
import { type ListedRoute, mainRoutes } from './route-list.js';

function route({ place }: Invocation): Output {
  const titles =
    'Kernel IP routing table\n' +
    'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n';
  return { text: titles + mainRoutes(place, 4).map(routeLine).join('') };
}

function routeLine({ route: { kind, gateway, metric }, prefix, device }: ListedRoute): string {
  const isUnicast = (kind ?? ROUTE_UNICAST) === ROUTE_UNICAST;
  const isRefused = !isUnicast && kind !== ROUTE_BLACKHOLE;
  const via = gateway?.length === 4 ? formatIpv4(gateway) : '0.0.0.0';
  const flags = isRefused ? '!' : `U${gateway ? 'G' : ''}${prefix.length === 32 ? 'H' : ''}`;
  return (
    `${formatIpv4(prefix.address).padEnd(15)} ${(isRefused ? '-' : via).padEnd(15)} ` +
    `${netmask(prefix.length).padEnd(15)} ${flags.padEnd(5)} ${String(metric ?? 0).padEnd(6)} ` +
    `${(isRefused ? '-' : '0').padEnd(2)} ${'0'.padStart(7)} ${isRefused ? '-' : (device ?? '*')}\n`
  );
}

function netmask(length: number): string {
  const mask = length === 0 ? 0 : -1 << (32 - length);
  return formatIpv4(Uint8Array.of(mask >>> 24, mask >>> 16, mask >>> 8, mask));
}

function arp({ place, args, has, value }: Invocation): Output {
  const device = value('-i');
  const all = listedNeighbours(place).filter(({ address }) => address.length === 4);
  const found = all.filter(
    (entry) =>
      (device === null || entry.device === device) &&
      (args.length === 0 || formatIpv4(entry.address) === args[0]),
  );
  if (found.length === 0) {
    if (args.length > 0) return { text: `${args[0]} (${args[0]}) -- no entry\n`, exitCode: 1 };
    return { text: device === null ? '' : `arp: in ${all.length} entries no match found.\n` };
  }
  if (has('-a')) {
    const lines = found.map(
      ({ address, mac, device: name }) =>
        `? (${formatIpv4(address)}) at ${mac === null ? '<incomplete>' : `${formatMac(mac)} [ether]`} on ${name}\n`,
    );
    return { text: lines.join('') };
  }
  const lines = found.map(
    ({ address, mac, device: name }) =>
      `${formatIpv4(address).padEnd(24)} ${(mac === null ? '' : 'ether').padEnd(7)} ` +
      `${(mac === null ? '(incomplete)' : formatMac(mac)).padEnd(19)} ` +
      `${(mac === null ? '' : 'C').padEnd(5)} ${''.padEnd(15)} ${name}\n`,
  );
  return { text: `${ARP_TITLE}\n${lines.join('')}` };
}

const ARP_TITLE = 'Address                  HWtype  HWaddress           Flags Mask            Iface';

function ifconfig({ place, args }: Invocation): Output {
  const all = interfaces.interfacesOf(place);
  const [name] = args;
  const found = name === undefined ? byName(all) : all.filter((one) => one.name === name);
  if (found.length === 0) {
    const errors = `${name}: error fetching interface information: Device not found\n`;
    return { text: '', errors, exitCode: 1 };
  }
  return { text: found.map((one) => interfaceText(place, one)).join('') };
}

/** Without a name, those that are up, by name. */
function byName(all: readonly interfaces.Interface[]): interfaces.Interface[] {
  return all.filter(({ flags }) => (flags & links.IFF_UP) !== 0).sort((a, b) => (a.name < b.name ? -1 : 1));
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [links.IFF_UP, 'UP'],
  [links.IFF_BROADCAST, 'BROADCAST'],
  [links.IFF_LOOPBACK, 'LOOPBACK'],
  [links.IFF_POINTOPOINT, 'POINTOPOINT'],
  [links.IFF_RUNNING, 'RUNNING'],
  [links.IFF_NOARP, 'NOARP'],
  [links.IFF_MULTICAST, 'MULTICAST'],
];

const SCOPES: Readonly<Record<interfaces.Scope, string>> = {
  global: '0x0<global>',
  link: '0x20<link>',
  host: '0x10<host>',
};

function interfaceText(place: Place, one: interfaces.Interface): string {
  const names = FLAG_NAMES.filter(([bit]) => (one.flags & bit) !== 0).map(([, name]) => name);
  const isLoopback = (one.flags & links.IFF_LOOPBACK) !== 0;
  const lines = [`${one.name}: flags=${one.flags}<${names.join(',')}>  mtu ${one.mtu}`];
  const ipv4 = one.addresses.find(({ address }) => address.length === 4);
  if (ipv4 !== undefined) {
    const broadcast = isLoopback ? '' : '  broadcast 0.0.0.0';
    lines.push(`        inet ${formatIpv4(ipv4.address)}  netmask ${netmask(ipv4.length)}${broadcast}`);
  }
  for (const { address, length, scope } of one.addresses) {
    if (address.length === 4) continue;
    const text = formatAddress(address, 0, 16);
    lines.push(`        inet6 ${text}  prefixlen ${length}  scopeid ${SCOPES[scope]}`);
  }
  lines.push(
    isLoopback
      ? `        loop  txqueuelen ${one.queueLength}  (Local Loopback)`
      : `        ether ${formatMac(one.mac)}  txqueuelen ${one.queueLength}  (Ethernet)`,
  );
  const { counters } = place.built.walker;
  const row = one.device?.index ?? -1;
  const count = (column: Float64Array): number => (row < 0 ? 0 : column[row]);
  return `${[
    ...lines,
    `        RX packets ${count(counters.receivedPackets)}  bytes ${bytesText(count(counters.receivedBytes))}`,
    '        RX errors 0  dropped 0  overruns 0  frame 0',
    `        TX packets ${count(counters.transmittedPackets)}  bytes ${bytesText(count(counters.transmittedBytes))}`,
    '        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0',
  ].join('\n')}\n\n`;
}

/** `20100 (19.6 KiB)`: one decimal, cut off. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let scale = 1;
  while (unit + 1 < units.length && bytes >= scale * 1024) {
    scale *= 1024;
    unit++;
  }
  return `${bytes} (${(Math.floor((bytes * 10) / scale) / 10).toFixed(1)} ${units[unit]})`;
}

export const routeTool: Tool = {
  names: ['route'],
  options: ['-n'],
  bundles: true,
  commands: [{ words: 'route', options: ['-n'], run: route }],
};

export const arpTool: Tool = {
  names: ['arp'],
  valued: ['-i'],
  bundles: true,
  commands: [{ words: 'arp', usage: '[-an] [ADDRESS]', maximumArgs: 1, options: ['-a', '-n'], run: arp }],
};

export const ifconfigTool: Tool = {
  names: ['ifconfig'],
  commands: [{ words: 'ifconfig', usage: '[DEVICE]', maximumArgs: 1, options: ['-a'], run: ifconfig }],
};
