/** A node's routes and neighbours: those declared, and those that the agent and the kernel add. */
import { addressText, contains, type Prefix } from '../engine/address-text.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_THROW,
  ROUTE_UNICAST,
  ROUTE_UNREACHABLE,
} from '../engine/stack/route-table.js';
import { LOOPBACK_IFINDEX, TABLE_LOCAL, TABLE_MAIN } from '../engine/stack/routing-policy.js';
import { isEqual } from '../engine/wire/bytes.js';
import { checkRules, tableNumber } from './check-rules.js';
import { Register, readAddress, readMac, readNetwork } from './check-text.js';
import type { Path } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { PlannedDevice, PlannedRoute } from './plan.js';
import type { NextHopSpec, RouteSpec } from './spec.js';
import { readSysctls } from './sysctls.js';

const KINDS = {
  unicast: ROUTE_UNICAST,
  local: ROUTE_LOCAL,
  blackhole: ROUTE_BLACKHOLE,
  unreachable: ROUTE_UNREACHABLE,
  prohibit: ROUTE_PROHIBIT,
  throw: ROUTE_THROW,
} as const;

export function checkRoutes(node: NodeDraft): void {
  node.spec.neighbours?.forEach((spec, i) => {
    const path: Path = [...node.path, 'neighbours', i];
    const address = readAddress(spec.address, [...path, 'address'], node.faults);
    const mac = readMac(spec.mac, [...path, 'mac'], node.faults);
    const device = node.requireDevice(spec.dev, [...path, 'dev']);
    if (address === null || mac === null || device === undefined) return;
    node.neighbours.push({ ifindex: device.ifindex, address, mac });
  });
  const destinations = new Register('the destination');
  node.spec.routes?.forEach((spec, i) => {
    const path = [...node.path, 'routes', i];
    const { to, metric = 0 } = spec;
    // One table has one route to a destination for each metric.
    const table = 'table' in spec ? ` table ${spec.table}` : '';
    const key = metric === 0 ? to : `${to} metric ${metric}`;
    if (destinations.take(key + table, 'another route', [...path, 'to'], node.faults))
      addRoute(node, spec, path);
  });
  checkRules(node);
  const { sysctls = {} } = node.spec;
  node.sysctls = readSysctls(sysctls, node.devices, [...node.path, 'sysctls'], node.faults);
  addCiliumHostRoutes(node);
  if (node.config.features.ingressPolicyAtDevice) addEndpointRoutes(node);
}

function addRoute(node: NodeDraft, spec: RouteSpec, path: Path): void {
  const prefix = destination(node, spec.to, [...path, 'to']);
  const kind = spec.type ?? 'unicast';
  const source = spec.src === undefined ? undefined : readOwnAddress(node, spec.src, [...path, 'src']);
  if (spec.nexthops !== undefined && kind !== 'unicast') {
    node.faults.error([...path, 'nexthops'], `a route of type ${kind} has no next hops`);
    return;
  }
  const isLocal = kind === 'local' && (spec.dev === undefined || spec.dev === 'lo');
  if (isLocal || (kind !== 'unicast' && kind !== 'local')) {
    if (prefix === null) return;
    const ifindex = isLocal ? LOOPBACK_IFINDEX : 0;
    node.addRoute({ ...route(prefix, spec), kind: KINDS[kind], ifindex });
    return;
  }
  const ways =
    spec.nexthops === undefined ? readWay(node, spec, path) : readNextHops(node, spec, spec.nexthops, path);
  if (prefix === null || ways === null || source === null) return;
  node.addRoute({
    ...route(prefix, spec),
    kind: KINDS[kind],
    ...ways,
    ...(source === undefined ? {} : { source }),
  });
}

type Way = Pick<PlannedRoute, 'ifindex' | 'gateway'>;

/** Device and gateway of a route, or of one of its next hops; null where they are faulty. */
function readWay(node: NodeDraft, spec: Pick<RouteSpec, 'via' | 'dev' | 'onlink'>, path: Path): Way | null {
  if (spec.dev === undefined) {
    node.faults.error(path, 'missing: dev, the device of the route');
    return null;
  }
  const device = node.requireDevice(spec.dev, [...path, 'dev']);
  const gateway = spec.via === undefined ? undefined : readAddress(spec.via, [...path, 'via'], node.faults);
  if (device === undefined || gateway === null) return null;
  if (gateway !== undefined) checkGateway(node, spec.onlink ?? false, device, gateway, path);
  return { ifindex: device.ifindex, ...(gateway === undefined ? {} : { gateway }) };
}

/** Several ways out. The first is the route's own as well: what asks for one device gets that. */
function readNextHops(
  node: NodeDraft,
  spec: RouteSpec,
  nextHops: readonly NextHopSpec[],
  path: Path,
): (Way & Pick<PlannedRoute, 'nextHops'>) | null {
  for (const key of ['via', 'dev', 'onlink'] as const) {
    if (spec[key] !== undefined)
      node.faults.error([...path, key], `say ${key} of each of the nexthops instead`);
  }
  const ways = nextHops.flatMap((hop, i) => {
    const way = readWay(node, hop, [...path, 'nexthops', i]);
    return way === null ? [] : { ...way, weight: hop.weight ?? 1 };
  });
  if (ways.length < nextHops.length) return null;
  const [{ weight, ...first }] = ways;
  return ways.length === 1 ? first : { ...first, nextHops: ways };
}

function route(
  prefix: Prefix,
  spec: RouteSpec,
): { prefix: Uint8Array; prefixLength: number; metric: number; mtu: number; table?: number } {
  const table = tableNumber(spec.table);
  return {
    prefix: prefix.address,
    prefixLength: prefix.length,
    metric: spec.metric ?? 0,
    mtu: spec.mtu ?? 0,
    ...(table === TABLE_MAIN || (table === TABLE_LOCAL && spec.type === 'local') ? {} : { table }),
  };
}

/** The source address of a route, which must be the machine's own. */
function readOwnAddress(node: NodeDraft, text: string, path: Path): Uint8Array | null {
  const address = readAddress(text, path, node.faults);
  if (address === null) return null;
  const own = node.devices.flatMap(({ addresses }) => addresses.map((prefix) => prefix.address));
  if (own.some((one) => isEqual(one, address))) return address;
  node.faults.error(path, `${text} is no address of ${node.spec.name}`);
  return null;
}

function destination(node: NodeDraft, text: string, path: Path): Prefix | null {
  if (text === 'default') return { address: new Uint8Array(4), length: 0 };
  if (text === 'default6') return { address: new Uint8Array(16), length: 0 };
  return readNetwork(text, path, node.faults);
}

function checkGateway(
  node: NodeDraft,
  onlink: boolean,
  device: PlannedDevice,
  gateway: Uint8Array,
  path: Path,
): void {
  const at = [...path, 'via'];
  const text = addressText(gateway);
  if (!onlink && !isOnLink(node, device, gateway)) {
    node.faults.error(
      at,
      `${text} is on no network of ${device.name}; give it an address there, or say onlink: true`,
    );
  }
  if (device.noArp) return;
  const known = node.neighbours.some(
    (neighbour) => neighbour.ifindex === device.ifindex && isEqual(neighbour.address, gateway),
  );
  if (!known) {
    node.faults.warning(
      at,
      `no neighbour entry for ${text} on ${device.name}: packets wait until it answers, as a machine of the topology or the capture may`,
    );
  }
}

/** The agent's routes for cilium_host: its own address there, and the node's pods behind it. */
function addCiliumHostRoutes(node: NodeDraft): void {
  const host = node.device('cilium_host');
  if (host === undefined) return;
  for (const gateway of node.ciliumInternalAddresses) {
    node.addAgentRoute({ prefix: gateway, prefixLength: gateway.length * 8, ifindex: host.ifindex });
    for (const prefix of node.podPrefixes) {
      if (!contains(prefix, gateway)) continue;
      node.addAgentRoute({
        prefix: prefix.address,
        prefixLength: prefix.length,
        ifindex: host.ifindex,
        gateway,
      });
    }
  }
}

/** Endpoint routes: each pod by its own device. */
function addEndpointRoutes(node: NodeDraft): void {
  for (const pod of node.pods) {
    for (const prefix of pod.addresses) {
      node.addAgentRoute({ prefix, prefixLength: prefix.length * 8, ifindex: pod.device.ifindex });
    }
  }
}

/** Whether a gateway can be reached over a device without a further hop: by an address there, or a route to the link. */
function isOnLink(node: NodeDraft, device: PlannedDevice, gateway: Uint8Array): boolean {
  return (
    device.noArp ||
    device.addresses.some((prefix) => contains(prefix, gateway)) ||
    node.routes.some(
      (route) =>
        route.ifindex === device.ifindex &&
        route.gateway === undefined &&
        contains({ address: route.prefix, length: route.prefixLength }, gateway),
    )
  );
}
