/** A namespace's main routing table in the kernel's order, with what the kernel itself would have set. */
import type { Prefix } from '../../engine/address-text.js';
import { contains } from '../../engine/address-text.js';
import type { Route } from '../../engine/stack/route-table.js';
import { ROUTE_BROADCAST, ROUTE_LOCAL } from '../../engine/stack/route-table.js';
import type { Place } from './command.js';
import { interfacesOf } from './interfaces.js';

export interface ListedRoute {
  readonly route: Route;
  /** The destination, bits behind the prefix cleared. */
  readonly prefix: Prefix;
  /** Name of the device; null for kinds without one. */
  readonly device: string | null;
  /** The device's own address, of routes that came with one (`proto kernel`); null of others. */
  readonly kernelSource: Uint8Array | null;
}

/** Routes of one family: ascending, and of one address the longest prefix first, as `ip route` goes through them. */
export function mainRoutes(place: Place, addressLength: 4 | 16): ListedRoute[] {
  const { namespace } = place;
  const addresses = interfacesOf(place);
  return namespace
    .routes(addressLength)
    .routes.filter(({ kind }) => kind !== ROUTE_LOCAL && kind !== ROUTE_BROADCAST)
    .map((route): ListedRoute => {
      const prefix = { address: masked(route), length: route.prefixLength };
      const own = addresses.find(({ ifindex }) => ifindex === route.ifindex);
      const source =
        route.gateway || route.prefixLength === 8 * addressLength
          ? undefined
          : own?.addresses.find(
              ({ address, length }) => length === route.prefixLength && contains(prefix, address),
            );
      return { route, prefix, device: own?.name ?? null, kernelSource: source?.address ?? null };
    })
    .sort(compare);
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
