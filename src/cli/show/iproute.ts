/** `ip addr`, `ip link`, `ip route` and `ip neigh` as iproute2 6.1 prints them. Many of its lines end in a space. */
import { formatAddress, formatMac, parseAddress } from '../../engine/address-text.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_UNREACHABLE,
} from '../../engine/stack/route-table.js';
import { ipJson } from '../../topologies/listings/json-text.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand, Tool } from './command.js';
import { interfacesOf } from './interfaces.js';
import { addressObject, briefLine, interfaceLines } from './ip-interface.js';
import { ipLink } from './kernel-tools.js';
import { listedNeighbours } from './neighbour-list.js';
import { type ListedRoute, mainRoutes } from './route-list.js';

/** Words behind `ip OBJECT`: `[show|list] [dev] DEVICE`. */
function deviceArgument({ args }: Invocation): string | null {
  const words = args.filter((word, i) => !(i === 0 && /^(show|list|sh|ls)$/.test(word)));
  const name = words[0] === 'dev' ? words[1] : words[0];
  return name ?? null;
}

/** Address length of `-4` or `-6`; null for both. */
function family(invocation: Invocation): 4 | 16 | null {
  return invocation.has('-4') ? 4 : invocation.has('-6') ? 16 : null;
}

function json(invocation: Invocation, value: unknown): Output {
  return { text: ipJson(value, invocation.has('-p', '-pretty')) };
}

const noDevice = (name: string): Output => ({
  text: '',
  errors: `Device "${name}" does not exist.\n`,
  exitCode: 1,
});

function addresses(invocation: Invocation): Output {
  const { place } = invocation;
  const name = deviceArgument(invocation);
  const only = family(invocation);
  const found = interfacesOf(place)
    .filter((one) => name === null || one.name === name)
    .map((one) => ({
      ...one,
      addresses: one.addresses.filter(({ address }) => only === null || address.length === only),
    }));
  if (name !== null && found.length === 0) return noDevice(name);
  const shown = found.filter((one) => only === null || one.addresses.length > 0);
  if (invocation.json) {
    return json(
      invocation,
      shown.map((one) => addressObject(one)),
    );
  }
  if (invocation.has('-br', '-brief')) return { text: shown.map((one) => briefLine(one)).join('') };
  return { text: shown.map((one) => interfaceLines(one, only === null)).join('') };
}

const KINDS: Readonly<Record<number, string>> = {
  [ROUTE_BLACKHOLE]: 'blackhole',
  [ROUTE_UNREACHABLE]: 'unreachable',
  [ROUTE_PROHIBIT]: 'prohibit',
};
/** Metrics that IPv6 routes have when none is given: the kernel's own, and others. */
const IPV6_KERNEL_METRIC = 256;
const IPV6_METRIC = 1024;

function destination({ prefix: { address, length } }: ListedRoute): string {
  if (length === 0) return 'default';
  const text = formatAddress(address, 0, address.length);
  return length === 8 * address.length ? text : `${text}/${length}`;
}

/** A route in words, in ip's order. */
function routeWords(listed: ListedRoute): readonly (readonly [name: string, value: string | number])[] {
  const { route, device, kernelSource } = listed;
  const isV6 = route.prefix.length === 16;
  const words: [string, string | number][] = [];
  const kind = KINDS[route.kind ?? 0];
  if (kind !== undefined) words.push(['type', kind]);
  words.push(['dst', destination(listed)]);
  if (route.gateway) {
    const text = formatAddress(route.gateway, 0, route.gateway.length);
    words.push(['gateway', !isV6 && route.gateway.length === 16 ? `inet6 ${text}` : text]);
  }
  if (kind === undefined && device !== null) words.push(['dev', device]);
  if (kernelSource !== null) words.push(['protocol', 'kernel']);
  if (!isV6 && kind === undefined && !route.gateway) words.push(['scope', 'link']);
  if (kernelSource !== null && !isV6) {
    words.push(['prefsrc', formatAddress(kernelSource, 0, kernelSource.length)]);
  }
  const metric = route.metric ?? 0;
  const usual = kernelSource !== null ? IPV6_KERNEL_METRIC : IPV6_METRIC;
  if (metric !== 0 || isV6) words.push(['metric', metric === 0 ? usual : metric]);
  if ((route.mtu ?? 0) !== 0) words.push(['mtu', route.mtu!]);
  return words;
}

const WORDS: Readonly<Record<string, string>> = { gateway: 'via ', protocol: 'proto ', prefsrc: 'src ' };
const BARE = ['type', 'dst'];

function routeLine(listed: ListedRoute): string {
  const words = routeWords(listed).map(([name, value]) =>
    BARE.includes(name) ? value : `${WORDS[name] ?? `${name} `}${value}`,
  );
  const isV6 = listed.route.prefix.length === 16;
  return `${words.join(' ')}${isV6 ? ' pref medium' : ' '}\n`;
}

function routes(invocation: Invocation): Output {
  const name = deviceArgument(invocation);
  const listed = mainRoutes(invocation.place, family(invocation) ?? 4).filter(
    ({ device }) => name === null || device === name,
  );
  if (!invocation.json) return { text: listed.map(routeLine).join('') };
  const objects = listed.map((one) => {
    const words = routeWords(one).filter(([word]) => word !== 'mtu');
    const mtu = one.route.mtu ?? 0;
    const pref = one.route.prefix.length === 16 ? { pref: 'medium' } : {};
    const metrics = mtu === 0 ? {} : { metrics: [{ mtu }] };
    return { ...Object.fromEntries(words), flags: [], ...metrics, ...pref };
  });
  return json(invocation, objects);
}

function routeGet(invocation: Invocation): Output {
  const { place, args } = invocation;
  const address = parseAddress(args[0]);
  if (address === null) throw new UsageError(`ip route get ${args[0]}: not an address`);
  const table = place.namespace.routes(address.length);
  const row = table.lookup(address, 0);
  const failed = (text: string): Output => ({
    text: '',
    errors: `RTNETLINK answers: ${text}\n`,
    exitCode: 2,
  });
  if (row < 0) return failed('Network is unreachable');
  const route = table.routes[row];
  if (route.kind === ROUTE_BLACKHOLE) return failed('Invalid argument');
  if (route.kind === ROUTE_UNREACHABLE) return failed('No route to host');
  if (route.kind === ROUTE_PROHIBIT) return failed('Permission denied');
  const own = interfacesOf(place).find(({ ifindex }) => ifindex === route.ifindex);
  const isLocal = route.kind === ROUTE_LOCAL;
  const mtu = route.mtu ?? 0;
  const source = isLocal
    ? address
    : own?.addresses.find((one) => one.address.length === address.length)?.address;
  const object = {
    ...(isLocal ? { type: 'local' } : {}),
    dst: args[0],
    ...(route.gateway ? { gateway: formatAddress(route.gateway, 0, route.gateway.length) } : {}),
    dev: isLocal ? 'lo' : (own?.name ?? ''),
    ...(source === undefined ? {} : { prefsrc: formatAddress(source, 0, source.length) }),
    flags: [],
    uid: 0,
    cache: isLocal ? ['local'] : [],
    ...(mtu === 0 ? {} : { metrics: [{ mtu }] }),
  };
  if (invocation.json) return json(invocation, [object]);
  const words = [
    ...(isLocal ? ['local'] : []),
    object.dst,
    ...(object.gateway === undefined ? [] : ['via', object.gateway]),
    'dev',
    object.dev,
    ...(object.prefsrc === undefined ? [] : ['src', object.prefsrc]),
    'uid 0',
  ];
  return {
    text: `${words.join(' ')} \n    cache ${isLocal ? '<local> ' : ''}${mtu === 0 ? '' : `mtu ${mtu} `}\n`,
  };
}

/** Neighbours stand for what a node has resolved, so they are reachable. */
const STATE = 'REACHABLE';

function neighbours(invocation: Invocation): Output {
  const name = deviceArgument(invocation);
  const only = family(invocation);
  const found = listedNeighbours(invocation.place).filter(
    ({ device, address }) => (name === null || device === name) && (only === null || address.length === only),
  );
  const objects = found.map(({ address, device, mac }) => ({
    dst: formatAddress(address, 0, address.length),
    dev: device,
    lladdr: formatMac(mac),
    state: [STATE],
  }));
  if (invocation.json) return json(invocation, objects);
  const lines = objects.map(({ dst, dev, lladdr }) => `${dst} dev ${dev} lladdr ${lladdr} ${STATE} \n`);
  return { text: lines.join('') };
}

const OBJECTS = ['address', 'addr', 'route', 'neighbour', 'neighbor', 'neigh', 'link', 'rule'];
/** The name that each object goes by here. */
const NAMES: Readonly<Record<string, string>> = {
  address: 'addr',
  neighbour: 'neigh',
  neighbor: 'neigh',
};

/** ip takes the first object that begins with what was typed. */
function expand(word: string, position: number): string {
  if (position > 0) return word;
  const object = OBJECTS.find((name) => name.startsWith(word)) ?? word;
  return NAMES[object] ?? object;
}

const WITH_DEVICE = { usage: '[show] [dev DEVICE]', maximumArgs: 3 } as const;

const ipCommands: readonly ShowCommand[] = [
  { words: 'ip addr', ...WITH_DEVICE, options: ['-br', '-brief'], run: addresses },
  {
    words: 'ip link',
    ...WITH_DEVICE,
    options: ['-br', '-brief', '-d', '-details'],
    run: (invocation) => ipLink(invocation, deviceArgument(invocation)),
  },
  { words: 'ip route', ...WITH_DEVICE, run: routes },
  { words: 'ip route get', usage: 'ADDRESS', maximumArgs: 1, run: routeGet },
  { words: 'ip neigh', ...WITH_DEVICE, run: neighbours },
];

export const ip: Tool = {
  names: ['ip'],
  options: ['-4', '-6', '-j', '-json', '-p', '-pretty'],
  json: (has) => has('-j', '-json'),
  expand,
  commands: ipCommands,
};
