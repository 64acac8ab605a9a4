/** Who serves what in a run, and the names that everything goes by there. */
import { addressText } from '../engine/address-text.js';
import { isEqual } from '../engine/wire/bytes.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import { DNS_PORT } from '../hosts/dns-message.js';
import type { Host } from '../hosts/host.js';
import { type NameTable, serveDns } from '../hosts/servers/dns-server.js';
import { serveTcpEcho, serveUdpEcho } from '../hosts/servers/echo-server.js';
import { serveHttp } from '../hosts/servers/http-server.js';
import * as tables from '../programs/tables/services.js';
import type { BuiltTopology } from './built.js';
import type { Plan, PlannedPod, PlannedServer, PlannedService } from './plan.js';

const CLUSTER_DOMAIN = 'cluster.local';
const NAMESPACE = 'default';

/** A port that a server could not get: the errno says why. */
export interface RefusedServer {
  readonly host: string;
  readonly server: PlannedServer;
  readonly error: number;
}

/** Starts every declared server; answers those that a node's socket programs have refused. */
export function startServers(
  { plan }: BuiltTopology,
  hosts: ReadonlyMap<string, Host>,
  names: NameTable,
): RefusedServer[] {
  const all = [
    ...plan.nodes,
    ...plan.hosts,
    ...plan.nodes.flatMap(({ pods }) =>
      pods.map((pod) => ({ name: pod.name, serves: pod.serves ?? defaultServers(plan, pod) })),
    ),
  ];
  return all.flatMap(({ name, serves }) =>
    serves.flatMap((server) => {
      const error = start(hosts.get(name)!, server, names);
      return error === 0 ? [] : [{ host: name, server, error }];
    }),
  );
}

function start(host: Host, { kind, port }: PlannedServer, names: NameTable): number {
  if (kind === 'http') return serveHttp(host, port);
  if (kind === 'dns') return serveDns(host, port, names);
  return kind === 'tcp-echo' ? serveTcpEcho(host, port) : serveUdpEcho(host, port);
}

/** HTTP at the TCP ports that services lead to, DNS at the UDP ones. */
function defaultServers(plan: Plan, pod: PlannedPod): PlannedServer[] {
  const servers = new Map<string, PlannedServer>();
  const own = pod.addresses.map(addressText);
  for (const { address, port, protocol } of plan.services.flatMap(({ backends }) => backends)) {
    if (!own.includes(addressText(address))) continue;
    const kind = protocol === PROTOCOL_TCP ? 'http' : protocol === PROTOCOL_UDP ? 'dns' : null;
    if (kind !== null) servers.set(`${kind} ${port}`, { kind, port });
  }
  return [...servers.values()];
}

/**
 * Names as Kubernetes gives them: services by `NAME.default.svc.cluster.local`, hosts outside by their own. Pods ask
 * the cluster's DNS service for them where there is one (UDP port 53); everybody else has them in /etc/hosts.
 */
export function giveNames(plan: Plan, hosts: ReadonlyMap<string, Host>): NameTable {
  const names = new Map<string, Uint8Array[]>();
  const machines = new Map<string, Uint8Array[]>();
  for (const service of plan.services) {
    if (isReachedByName(service))
      add(names, `${service.name}.${NAMESPACE}.svc.${CLUSTER_DOMAIN}`, service.address);
  }
  for (const { name, names: others, devices } of plan.hosts) {
    for (const { address } of devices[0].addresses) {
      for (const known of [name, ...others]) add(names, known, address);
    }
  }
  for (const node of plan.nodes) {
    for (const address of node.internalAddresses) add(machines, node.name, address);
    for (const pod of node.pods) for (const address of pod.addresses) add(machines, pod.name, address);
  }
  const nameserver = plan.services.find(
    (service) => service.port === DNS_PORT && service.protocol === PROTOCOL_UDP && isReachedByName(service),
  );
  const withShortNames = new Map([...machines, ...names]);
  for (const service of plan.services) {
    const known = names.get(`${service.name}.${NAMESPACE}.svc.${CLUSTER_DOMAIN}`);
    if (known !== undefined && !withShortNames.has(service.name)) withShortNames.set(service.name, known);
  }
  const pods = new Set(plan.nodes.flatMap((node) => node.pods.map(({ name }) => name)));
  for (const [name, host] of hosts) {
    const asks = pods.has(name) && nameserver !== undefined;
    host.names = asks ? machines : withShortNames;
    if (!asks) continue;
    host.nameserver = { address: nameserver.address, port: DNS_PORT };
    host.searchDomains = [`${NAMESPACE}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN];
  }
  return names;
}

/** By its cluster IPs. */
function isReachedByName({ flags, address }: PlannedService): boolean {
  const others = tables.NODEPORT | tables.LOADBALANCER | tables.EXTERNAL_IP | tables.HOSTPORT;
  return (flags & others) === 0 && address.some((byte) => byte !== 0);
}

function add(names: Map<string, Uint8Array[]>, name: string, address: Uint8Array): void {
  const key = name.toLowerCase();
  const known = names.get(key) ?? [];
  if (known.length === 0) names.set(key, known);
  if (!known.some((other) => isEqual(other, address))) known.push(address);
}
