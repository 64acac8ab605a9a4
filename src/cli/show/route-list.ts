/** A namespace's routing tables in the kernel's order, with what the kernel itself would have set. */
import type { Prefix } from '../../engine/address-text.js';
import { contains } from '../../engine/address-text.js';
import type { Route } from '../../engine/stack/route-table.js';
import { ROUTE_BROADCAST, ROUTE_LOCAL } from '../../engine/stack/route-table.js';
import { TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN } from '../../engine/stack/routing-policy.js';
import type { Place } from './command.js';
import { type Interface, interfacesOf } from './interfaces.js';

export interface ListedRoute {
  readonly route: Route;
  /** The destination, bits behind the prefix cleared. */
  readonly prefix: Prefix;
  /** Name of the device; null for kinds without one. */
  readonly device: string | null;
  /** Those of its next hops, where it has several. */
  readonly nextHopDevices: readonly string[];
  /** The device's own address, of routes that came with one (`proto kernel`); null of others. */
  readonly kernelSource: Uint8Array | null;
  readonly table: number;
}

const TABLE_NAMES: Readonly<Record<number, string>> = {
  [TABLE_DEFAULT]: 'default',
  [TABLE_MAIN]: 'main',
  [TABLE_LOCAL]: 'local',
};

/** As /etc/iproute2/rt_tables has it, else the number. */
export function tableName(table: number): string {
  return TABLE_NAMES[table] ?? String(table);
}

/** Number of a table by name or number; null when it is neither. */
export function tableNumber(text: string): number | null {
  const named = Object.entries(TABLE_NAMES).find(([, name]) => name === text);
  if (named !== undefined) return Number(named[0]);
  const number = Number(text);
  return /^\d+$/.test(text) && number > 0 && number <= 0xffffffff ? number : null;
}

/** Routes of one family: ascending, and of one address the longest prefix first, as `ip route` goes through them. */
export function mainRoutes(place: Place, addressLength: 4 | 16): ListedRoute[] {
  const interfaces = interfacesOf(place);
  return place.namespace
    .routes(addressLength)
    .routes.filter(({ kind, isLearned }) => kind !== ROUTE_LOCAL && kind !== ROUTE_BROADCAST && !isLearned)
    .map((route): ListedRoute => {
      const prefix = { address: masked(route), length: route.prefixLength };
      const own = interfaces.find(({ ifindex }) => ifindex === route.ifindex);
      const source =
        route.gateway || route.nextHops || route.prefixLength === 8 * addressLength
          ? undefined
          : own?.addresses.find(
              ({ address, length }) => length === route.prefixLength && contains(prefix, address),
            );
      const device = own?.name ?? null;
      const nextHopDevices = devicesOf(route, interfaces);
      const kernelSource = source?.address ?? null;
      return { route, prefix, device, nextHopDevices, kernelSource, table: TABLE_MAIN };
    })
    .sort(compare);
}

/** Routes of a table, or with null of all: the numbered ones, main, local. Null when there is no such table. */
export function tableRoutes(place: Place, addressLength: 4 | 16, table: number | null): ListedRoute[] | null {
  const { policy } = place.namespace.routes(addressLength);
  const numbers = policy?.tableNumbers ?? [];
  if (table === TABLE_MAIN) return mainRoutes(place, addressLength);
  if (table === TABLE_LOCAL) return localRoutes(place, addressLength);
  if (table !== null) return numbers.includes(table) ? numberedRoutes(place, addressLength, table) : null;
  return [
    ...numbers.flatMap((number) => numberedRoutes(place, addressLength, number)),
    ...mainRoutes(place, addressLength),
    ...localRoutes(place, addressLength),
  ];
}

function numberedRoutes(place: Place, addressLength: 4 | 16, table: number): ListedRoute[] {
  const interfaces = interfacesOf(place);
  return place.namespace
    .policy(addressLength)
    .table(table)
    .routes.map((route): ListedRoute => {
      const prefix = { address: masked(route), length: route.prefixLength };
      const device = interfaces.find(({ ifindex }) => ifindex === route.ifindex)?.name ?? null;
      const nextHopDevices = devicesOf(route, interfaces);
      return { route, prefix, device, nextHopDevices, kernelSource: null, table };
    })
    .sort(compare);
}

function devicesOf({ nextHops = [] }: Route, interfaces: readonly Interface[]): string[] {
  return nextHops.map((hop) => interfaces.find(({ ifindex }) => ifindex === hop.ifindex)?.name ?? '');
}

/** What the kernel makes of the interfaces' addresses: each of them, IPv4 broadcasts, and the loopback's network. */
function localRoutes(place: Place, addressLength: 4 | 16): ListedRoute[] {
  return interfacesOf(place)
    .flatMap((one) =>
      one.addresses
        .filter(({ address }) => address.length === addressLength)
        .flatMap(({ address, length }) => addressRoutes(one, address, length)),
    )
    .sort(compare);
}

function addressRoutes(one: Interface, address: Uint8Array, length: number): ListedRoute[] {
  const { ifindex } = one;
  const all = 8 * address.length;
  const listed = (prefix: Uint8Array, prefixLength: number, kind: number): ListedRoute => {
    const route = { prefix, prefixLength, kind, ifindex };
    const shown = { address: masked(route), length: prefixLength };
    const { name: device } = one;
    return { route, prefix: shown, device, nextHopDevices: [], kernelSource: address, table: TABLE_LOCAL };
  };
  const found = [listed(address, all, ROUTE_LOCAL)];
  if (address.length === 16) return found;
  if (one.name === 'lo') found.push(listed(address, length, ROUTE_LOCAL));
  if (length < all - 1) found.push(listed(broadcastOf(address, length), all, ROUTE_BROADCAST));
  return found;
}

function broadcastOf(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, i) => byte | (0xff >> Math.max(0, Math.min(8, length - 8 * i))));
}

function compare(a: ListedRoute, b: ListedRoute): number {
  return (
    Buffer.compare(a.prefix.address, b.prefix.address) ||
    b.prefix.length - a.prefix.length ||
    (a.route.metric ?? 0) - (b.route.metric ?? 0)
  );
}

function masked({ prefix, prefixLength }: Route): Uint8Array {
  return prefix.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - prefixLength))));
}
