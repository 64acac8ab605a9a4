/** Routes as `ip route` shows them. */
import { addressText, parseAddress } from '../../engine/address-text.js';
import type { Namespace } from '../../engine/namespace.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_UNREACHABLE,
  type Route,
} from '../../engine/stack/route-table.js';

const KINDS: ReadonlyMap<number, string> = new Map([
  [ROUTE_LOCAL, 'local'],
  [ROUTE_BROADCAST, 'broadcast'],
  [ROUTE_BLACKHOLE, 'blackhole'],
  [ROUTE_UNREACHABLE, 'unreachable'],
  [ROUTE_PROHIBIT, 'prohibit'],
]);

/** The route that a namespace has to a destination; empty when it has none, or the text is no address. */
export function routeTo(namespace: Namespace, destination: string): string {
  const address = parseAddress(destination);
  if (address === null) return '';
  const routes = namespace.routes(address.length);
  const row = routes.lookup(address, 0);
  return row < 0 ? '' : routeText(namespace, routes.routes[row]);
}

/** `10.1.2.0/24 via 10.255.255.1 dev bond0`, `local 10.1.1.1 dev cilium_host`. */
function routeText(namespace: Namespace, route: Route): string {
  const { prefix, prefixLength, gateway, ifindex, nextHops } = route;
  const kind = KINDS.get(route.kind ?? 0);
  const masked = prefix.map(
    (byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - prefixLength))),
  );
  const address = addressText(masked);
  const whole = prefixLength === 8 * prefix.length;
  const words = [prefixLength === 0 ? 'default' : whole ? address : `${address}/${prefixLength}`];
  if (kind !== undefined) words.unshift(kind);
  if (nextHops !== undefined) return `${words.join(' ')}, one of ${nextHops.length} next hops`;
  if (gateway) words.push('via', addressText(gateway));
  const device = namespace.device(ifindex);
  if (device !== null) words.push('dev', device.name);
  return words.join(' ');
}
