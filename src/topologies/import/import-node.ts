/** One node's own state, as the tools print it, as a node of a topology. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import type { DeviceSpec, NodeSpec, PodSpec, RouteSpec } from '../spec.js';
import {
  addressList,
  type ciliumNodeList,
  endpointList,
  neighbourList,
  readToolJson,
  routeList,
} from './tool-json.js';

type Address = z.infer<typeof addressList>[number];
type Route = z.infer<typeof routeList>[number];
type Endpoint = z.infer<typeof endpointList>[number];
export type CiliumNode = z.infer<typeof ciliumNodeList>['items'][number];

const CILIUM_PAIR = ['cilium_host', 'cilium_net'];
/** Identities of the node's own endpoint and of the health endpoint (`reserved:host`, `reserved:health`). */
const HOST = 1;
const HEALTH = 4;
/** Kinds of links that carry the node's own traffic as a network card does. */
const LIKE_PHYSICAL = ['bond', 'vlan', 'team', 'macvlan', 'ipvlan', 'tun'];
const UNICAST = 'unicast';
const ROUTE_TYPES = [UNICAST, 'blackhole', 'unreachable', 'prohibit'] as const;

export interface ImportedNode {
  readonly spec: NodeSpec;
  /** What was left out, and why: for the user. */
  readonly notes: readonly string[];
}

/** Reads the files of `folder`; `facts` are the cluster's of this node. Throws ImportError. */
export function importNode(folder: string, name: string, facts: CiliumNode | null): ImportedNode {
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(`${name}: ${text}`);
  };
  const addresses = readToolJson(path.join(folder, 'ip-addr.json'), addressList, 'ip -j -d addr');
  const endpoints = readToolJson(
    path.join(folder, 'endpoints.json'),
    endpointList,
    'cilium-dbg endpoint list -o json',
  );
  const devices = addresses.flatMap((address) => deviceOf(address, addresses, note) ?? []);
  const pods = endpoints.flatMap((endpoint) => podOf(endpoint, name) ?? []);
  const known = new Set([...devices.map((device) => device.name), ...pods.map((pod) => pod.device?.name)]);
  const host = endpoints.find((endpoint) => endpoint.status.identity?.id === HOST);
  const kernel = kernelOf(path.join(folder, 'kernel'));
  const maps = path.join(folder, 'maps');
  if (!existsSync(maps)) note('no folder maps: its maps are what an agent would write');
  const spec: NodeSpec = {
    name,
    ...(facts?.metadata.labels === undefined ? {} : { labels: facts.metadata.labels }),
    ...(facts?.spec.ipam?.podCIDRs === undefined ? {} : { podCIDRs: facts.spec.ipam.podCIDRs }),
    ...addressesOf(facts),
    ...(kernel === null ? {} : { kernel }),
    ...(host === undefined ? {} : { hostEndpoint: host.id }),
    devices,
    routes: readRoutes(folder).flatMap((route) => routeOf(route, known, note) ?? []),
    neighbours: readNeighbours(folder, known, pods),
    pods,
    ...(existsSync(maps) ? { maps } : {}),
  };
  return { spec, notes };
}

function addressesOf(facts: CiliumNode | null): Pick<NodeSpec, 'internalIP' | 'ciliumInternalIP'> {
  const find = (type: string): string | undefined =>
    facts?.spec.addresses?.find((address) => address.type === type)?.ip;
  const internalIP = find('InternalIP');
  const ciliumInternalIP = find('CiliumInternalIP');
  return {
    ...(internalIP === undefined ? {} : { internalIP }),
    ...(ciliumInternalIP === undefined ? {} : { ciliumInternalIP }),
  };
}

/** Devices of pods come with the pods; those that the agent makes for tunnels and encryption are made here too. */
function deviceOf(
  address: Address,
  all: readonly Address[],
  note: (text: string) => void,
): DeviceSpec | null {
  const { ifname, linkinfo } = address;
  const kind = linkinfo?.info_kind;
  if (address.link_type === 'loopback' || linkinfo?.info_slave_kind === 'bond') return null;
  const isOfPair = CILIUM_PAIR.includes(ifname);
  if (!isOfPair && /^(lxc|cilium_)/.test(ifname)) return null;
  const made: DeviceSpec = {
    name: ifname,
    ifindex: address.ifindex,
    ...(address.link_type === 'ether' && address.address !== undefined ? { mac: address.address } : {}),
    mtu: address.mtu,
    addresses: address.addr_info.flatMap(({ local, prefixlen, scope }) =>
      local === undefined || prefixlen === undefined || scope === 'link' ? [] : `${local}/${prefixlen}`,
    ),
    ...(address.flags.includes('UP') ? {} : { up: false }),
  };
  if (isOfPair || kind === undefined || LIKE_PHYSICAL.includes(kind)) return made;
  if (kind === 'dummy' || kind === 'bridge') {
    if (kind === 'bridge') note(`${ifname} is a bridge: taken as a device that leads nowhere`);
    return { ...made, kind: 'dummy' };
  }
  if (kind === 'veth') {
    if (all.some((other) => other.ifname === address.link && other.link === ifname)) {
      return { ...made, kind: 'veth', peer: address.link! };
    }
    // The network card of a node that is a container itself (kind, minikube).
    if (made.addresses!.length > 0 && linkinfo?.info_slave_kind === undefined) return made;
  }
  note(`${ifname} (${kind}) is left out`);
  return null;
}

function podOf(endpoint: Endpoint, node: string): PodSpec | null {
  const { identity, networking, 'external-identifiers': names } = endpoint.status;
  const addressing = networking?.addressing ?? [];
  const ips = addressing
    .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])
    .filter((ip) => ip !== undefined && ip !== '');
  if (identity === undefined || networking === undefined || identity.id === HOST || ips.length === 0)
    return null;
  const podName = identity.id === HEALTH ? `health-${node}` : names?.['k8s-pod-name'];
  const namespace = names?.['k8s-namespace'];
  const short = podName ?? `endpoint-${endpoint.id}`;
  return {
    name: namespace === undefined || namespace === 'default' ? short : `${namespace}.${short}`,
    labels: labelsOf(identity.labels ?? []),
    ips: ips as string[],
    ...(networking.mac === undefined ? {} : { mac: networking.mac }),
    device: {
      ...(networking['interface-name'] === undefined ? {} : { name: networking['interface-name'] }),
      ...(networking['host-mac'] === undefined ? {} : { mac: networking['host-mac'] }),
      ...(networking['interface-index'] ? { ifindex: networking['interface-index'] } : {}),
    },
    endpoint: endpoint.id,
    identity: identity.id,
  };
}

/** `k8s:app=client`: the source goes, a label without a value has an empty one. */
function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const text = label.replace(/^[\w-]+:/, '');
      const at = text.indexOf('=');
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function readRoutes(folder: string): Route[] {
  const ipv4 = readToolJson(path.join(folder, 'ip-route.json'), routeList, 'ip -j route');
  const ipv6 = readToolJson(path.join(folder, 'ip-6-route.json'), routeList, 'ip -j -6 route', []);
  return [...ipv4, ...ipv6.map((route) => (route.dst === 'default' ? { ...route, dst: 'default6' } : route))];
}

/** The kernel's own routes to its links follow from the addresses. */
function routeOf(
  route: Route,
  known: ReadonlySet<string | undefined>,
  note: (text: string) => void,
): RouteSpec | null {
  if (route.protocol === 'kernel' || route.dst.startsWith('fe80:') || route.dst.startsWith('ff00:'))
    return null;
  const type = ROUTE_TYPES.find((one) => one === (route.type ?? UNICAST));
  if (type === undefined) {
    note(`route to ${route.dst} of type ${route.type} is left out`);
    return null;
  }
  const hops = route.nexthops ?? [route];
  const unknown = hops.find(({ dev }) => type === UNICAST && !known.has(dev));
  if (unknown !== undefined) {
    note(`route to ${route.dst} is left out: so is its device ${unknown.dev}`);
    return null;
  }
  const mtu = route.metrics?.find((metric) => metric.mtu !== undefined)?.mtu;
  return {
    to: route.dst,
    ...(type === UNICAST ? waysOut(route) : {}),
    ...(type === UNICAST ? {} : { type }),
    ...(route.metric === undefined ? {} : { metric: route.metric }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

function waysOut(route: Route): Pick<RouteSpec, 'via' | 'dev' | 'onlink' | 'nexthops'> {
  if (route.nexthops === undefined) return wayOut(route);
  return {
    nexthops: route.nexthops.map((hop) => ({
      ...wayOut(hop),
      dev: hop.dev ?? '',
      ...(hop.weight === undefined ? {} : { weight: hop.weight }),
    })),
  };
}

function wayOut({ gateway, via, dev, flags }: Omit<NonNullable<Route['nexthops']>[number], 'weight'>) {
  return {
    ...(gateway === undefined && via === undefined ? {} : { via: gateway ?? via!.host }),
    ...(dev === undefined ? {} : { dev }),
    ...(flags?.includes('onlink') ? { onlink: true } : {}),
  };
}

/** Those of pods follow from the pods. */
function readNeighbours(
  folder: string,
  known: ReadonlySet<string | undefined>,
  pods: readonly PodSpec[],
): NonNullable<NodeSpec['neighbours']> {
  const list = readToolJson(path.join(folder, 'ip-neigh.json'), neighbourList, 'ip -j neigh', []);
  const ofPods = new Set(pods.flatMap((pod) => pod.ips ?? []));
  return list.flatMap(({ dst, dev, lladdr }) =>
    lladdr === undefined || !known.has(dev) || ofPods.has(dst) ? [] : { address: dst, mac: lladdr, dev },
  );
}

/** `uname -r`: the first two numbers. */
function kernelOf(file: string): string | null {
  if (!existsSync(file)) return null;
  return /^\d+\.\d+/.exec(readFileSync(file, 'utf8'))?.[0] ?? null;
}
