/** `ip addr`, `ip link`, `ip route` and `ip neigh` as iproute2 6.1 prints them. Many of its lines end in a space. */
import { formatAddress, formatMac, parseAddress } from '../../engine/address-text.js';
import {
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_PERMANENT,
  NUD_REACHABLE,
  NUD_STALE,
} from '../../engine/stack/neighbour.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_THROW,
  ROUTE_UNREACHABLE,
} from '../../engine/stack/route-table.js';
import { TABLE_LOCAL, TABLE_MAIN } from '../../engine/stack/routing-policy.js';
import { ipJson } from '../../topologies/listings/json-text.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand, Tool } from './command.js';
import { interfacesOf } from './interfaces.js';
import { addressObject, briefLine, interfaceLines } from './ip-interface.js';
import { rules } from './iprule.js';
import { ipLink } from './kernel-tools.js';
import { listedNeighbours } from './neighbour-list.js';
import { type ListedRoute, tableName, tableNumber, tableRoutes } from './route-list.js';

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
  [ROUTE_THROW]: 'throw',
  [ROUTE_LOCAL]: 'local',
  [ROUTE_BROADCAST]: 'broadcast',
};
/** Kinds without a device. */
const REFUSALS = [ROUTE_BLACKHOLE, ROUTE_UNREACHABLE, ROUTE_PROHIBIT, ROUTE_THROW];
/** Metrics that IPv6 routes have when none is given: the kernel's own, and others. */
const IPV6_KERNEL_METRIC = 256;
const IPV6_METRIC = 1024;

function destination({ prefix: { address, length } }: ListedRoute): string {
  if (length === 0) return 'default';
  const text = formatAddress(address, 0, address.length);
  return length === 8 * address.length ? text : `${text}/${length}`;
}

/** What was asked for and so goes without saying is left out: the device, and whose table it is unless of all. */
interface RouteSelection {
  readonly allTables: boolean;
  readonly oneDevice: boolean;
}

/** A route in words, in ip's order. */
function routeWords(
  listed: ListedRoute,
  { allTables, oneDevice }: RouteSelection,
): readonly (readonly [name: string, value: string | number])[] {
  const { route, device, kernelSource, table } = listed;
  const isV6 = route.prefix.length === 16;
  const words: [string, string | number][] = [];
  const kind = KINDS[route.kind ?? 0];
  if (kind !== undefined) words.push(['type', kind]);
  words.push(['dst', destination(listed)]);
  const hasOne = route.nextHops === undefined;
  if (hasOne && route.gateway) {
    const text = formatAddress(route.gateway, 0, route.gateway.length);
    words.push(['gateway', !isV6 && route.gateway.length === 16 ? `inet6 ${text}` : text]);
  }
  const isRefusal = REFUSALS.includes(route.kind ?? 0);
  if (hasOne && !isRefusal && device !== null && !oneDevice) words.push(['dev', device]);
  if (allTables && table !== TABLE_MAIN) words.push(['table', tableName(table)]);
  if (kernelSource !== null) words.push(['protocol', 'kernel']);
  if (!isV6 && !isRefusal && hasOne && !route.gateway) {
    words.push(['scope', route.kind === ROUTE_LOCAL ? 'host' : 'link']);
  }
  const source = route.source ?? (isV6 ? null : kernelSource);
  if (source !== null) words.push(['prefsrc', formatAddress(source, 0, source.length)]);
  const metric = route.metric ?? 0;
  const usual = table === TABLE_LOCAL ? 0 : kernelSource !== null ? IPV6_KERNEL_METRIC : IPV6_METRIC;
  if (metric !== 0 || isV6) words.push(['metric', metric === 0 ? usual : metric]);
  if ((route.mtu ?? 0) !== 0) words.push(['mtu', route.mtu!]);
  return words;
}

const WORDS: Readonly<Record<string, string>> = { gateway: 'via ', protocol: 'proto ', prefsrc: 'src ' };
const BARE = ['type', 'dst'];

/** The ways out of a route that has several, each as a line or an object. */
function nextHopWords({ route, nextHopDevices }: ListedRoute): { text: string; object: object }[] {
  return (route.nextHops ?? []).map(({ gateway = null, weight = 1 }, i) => {
    const dev = nextHopDevices[i];
    const host = gateway === null ? null : formatAddress(gateway, 0, gateway.length);
    const isOther = gateway !== null && gateway.length !== route.prefix.length;
    const via = host === null ? '' : `via ${isOther ? 'inet6 ' : ''}${host} `;
    const key = host === null ? {} : isOther ? { via: { family: 'inet6', host } } : { gateway: host };
    return {
      text: `\tnexthop ${via}dev ${dev} weight ${weight} \n`,
      object: { ...key, dev, weight, flags: [] },
    };
  });
}

function routeLine(listed: ListedRoute, selection: RouteSelection): string {
  const words = routeWords(listed, selection).map(([name, value]) =>
    BARE.includes(name) ? value : `${WORDS[name] ?? `${name} `}${value}`,
  );
  const isV6 = listed.route.prefix.length === 16;
  const hops = nextHopWords(listed).map(({ text }) => text);
  return `${words.join(' ')}${isV6 ? ' pref medium' : ' '}\n${hops.join('')}`;
}

/** `[show] [table TABLE|all] [dev DEVICE]`; a table of null is all of them. */
function routeArguments({ args }: Invocation): { table: number | null; device: string | null } {
  const words = args.filter((word, i) => !(i === 0 && /^(show|list|sh|ls)$/.test(word)));
  let table: number | null = TABLE_MAIN;
  let device: string | null = null;
  for (let i = 0; i < words.length; i += 2) {
    if (words[i] === 'table' && words[i + 1] !== undefined) {
      table = words[i + 1] === 'all' ? null : tableNumber(words[i + 1]);
      if (table === null && words[i + 1] !== 'all') {
        throw new UsageError(`ip route: ${words[i + 1]} is no table: main, local, default, all, or a number`);
      }
    } else if (words[i] === 'dev' && words[i + 1] !== undefined) device = words[i + 1];
    else
      throw new UsageError(
        `ip route: "${words[i]}" is not understood; there are table TABLE|all and dev DEVICE`,
      );
  }
  return { table, device };
}

function routes(invocation: Invocation): Output {
  const { table, device: name } = routeArguments(invocation);
  const found = tableRoutes(invocation.place, family(invocation) ?? 4, table);
  if (found === null) {
    return {
      text: '',
      errors: `Error: ipv${invocation.has('-6') ? 6 : 4}: FIB table does not exist.\nDump terminated\n`,
      exitCode: 2,
    };
  }
  const selection = { allTables: table === null, oneDevice: name !== null };
  const listed = found.filter(
    ({ device, route }) => name === null || (device === name && route.nextHops === undefined),
  );
  if (!invocation.json) return { text: listed.map((one) => routeLine(one, selection)).join('') };
  const objects = listed.map((one) => {
    const words = routeWords(one, selection).filter(([word]) => word !== 'mtu');
    const mtu = one.route.mtu ?? 0;
    const pref = one.route.prefix.length === 16 ? { pref: 'medium' } : {};
    const metrics = mtu === 0 ? {} : { metrics: [{ mtu }] };
    const hops = nextHopWords(one).map(({ object }) => object);
    const nexthops = hops.length === 0 ? {} : { nexthops: hops };
    return { ...Object.fromEntries(words), flags: [], ...metrics, ...pref, ...nexthops };
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

/** Declared neighbours stand for what a node has resolved, so they are reachable. */
const STATES: Readonly<Record<number, string>> = {
  [NUD_PERMANENT]: 'REACHABLE',
  [NUD_REACHABLE]: 'REACHABLE',
  [NUD_STALE]: 'STALE',
  [NUD_INCOMPLETE]: 'INCOMPLETE',
  [NUD_FAILED]: 'FAILED',
};

function neighbours(invocation: Invocation): Output {
  const name = deviceArgument(invocation);
  const only = family(invocation);
  const found = listedNeighbours(invocation.place).filter(
    ({ device, address }) => (name === null || device === name) && (only === null || address.length === only),
  );
  const objects = found.map(({ address, device, mac, state }) => ({
    dst: formatAddress(address, 0, address.length),
    dev: device,
    ...(mac === null ? {} : { lladdr: formatMac(mac) }),
    state: [STATES[state]],
  }));
  if (invocation.json) return json(invocation, objects);
  const lines = objects.map(({ dst, dev, lladdr, state }) => {
    const mac = lladdr === undefined ? '' : `lladdr ${lladdr} `;
    return `${dst} dev ${dev} ${mac}${state} \n`;
  });
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
  { words: 'ip route', usage: '[show] [table TABLE|all] [dev DEVICE]', maximumArgs: 5, run: routes },
  { words: 'ip route get', usage: 'ADDRESS', maximumArgs: 1, run: routeGet },
  { words: 'ip rule', usage: '[show]', maximumArgs: 1, run: rules },
  { words: 'ip neigh', ...WITH_DEVICE, run: neighbours },
];

export const ip: Tool = {
  names: ['ip'],
  options: ['-4', '-6', '-j', '-json', '-p', '-pretty'],
  json: (has) => has('-j', '-json'),
  expand,
  commands: ipCommands,
};
