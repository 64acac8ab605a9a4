/** Hosts outside the cluster: on one of the links, or somewhere behind what leaves; and what machines serve. */
import { readDevice } from './check-devices.js';
import { readLinkOptions } from './check-link-options.js';
import { addPodRoutes, type LinkEnds } from './check-links.js';
import { type Register, readAddress } from './check-text.js';
import { readCiliumConfig } from './cilium-config.js';
import { FaultList, type Path, suggestion } from './faults.js';
import { type ClusterDraft, NodeDraft } from './node-draft.js';
import type { PlannedHost, PlannedServer, ServerKind } from './plan.js';
import type { HostSpec, LinkSpec, ServesSpec } from './spec.js';

const DEVICE = 'eth0';
/** Next hop of hosts outside, on their side of everything; its MAC is nobody else's. */
const OUTSIDE_GATEWAYS = [
  Uint8Array.of(169, 254, 0, 1),
  Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
];
export const OUTSIDE_MAC = Uint8Array.of(0x02, 0x70, 0xff, 0xff, 0xff, 0xff);

const TCP_KINDS: readonly ServerKind[] = ['http', 'tcp-echo'];
const UDP_KINDS: readonly ServerKind[] = ['dns', 'udp-echo'];

/** One server per port and protocol. */
export function readServers(spec: ServesSpec, path: Path, faults: FaultList): PlannedServer[] {
  const servers: PlannedServer[] = [];
  for (const kinds of [TCP_KINDS, UDP_KINDS]) {
    const taken = new Map<number, ServerKind>();
    for (const kind of kinds) {
      for (const port of [spec[kind] ?? []].flat()) {
        const other = taken.get(port);
        if (other !== undefined) faults.error([...path, kind], `port ${port} is that of ${other} too`);
        taken.set(port, kind);
        servers.push({ kind, port });
      }
    }
  }
  return servers;
}

/** Hosts are machines with one device, whose address and MAC stand in the host itself; `firstNumber` makes their MACs. */
export function draftHosts(
  specs: readonly HostSpec[],
  firstNumber: number,
  cluster: ClusterDraft,
  names: Register,
): NodeDraft[] {
  const config = readCiliumConfig([], new FaultList(), new FaultList());
  return specs.map((spec, i) => {
    const path = ['hosts', i];
    names.take(spec.name, 'another machine', [...path, 'name'], cluster.faults);
    const { name, addresses, mac } = spec;
    const device = { name: DEVICE, addresses, ...(mac === undefined ? {} : { mac }) };
    const draft = new NodeDraft({ name }, firstNumber + i, path, cluster, config);
    draft.addDevice(readDevice(draft, device, path));
    if (spec.link === undefined && spec.gateway !== undefined) {
      cluster.faults.error([...path, 'gateway'], 'a host outside has none; it is for hosts on a link');
    }
    return draft;
  });
}

/** The links with the hosts that say they are on them. */
export function linksWithHosts(
  links: readonly LinkSpec[],
  hosts: readonly HostSpec[],
  faults: FaultList,
): LinkSpec[] {
  const names = links.map(({ name }) => name);
  hosts.forEach(({ link, behind }, i) => {
    if (link !== undefined && !names.includes(link)) {
      const hint = suggestion(link, names) || `; there are ${names.join(', ') || 'none'}`;
      faults.error(['hosts', i, 'link'], `there is no link ${link}${hint}`);
    }
    if (link !== undefined && behind !== undefined) {
      faults.error(['hosts', i], 'a host is on a link or behind a device, not both');
    }
  });
  return links.map((link) => {
    const own = hosts.filter((host) => host.link === link.name).map(({ name }) => `${name}/${DEVICE}`);
    return { ...link, devices: [...link.devices, ...own] };
  });
}

/** Routes of a host: those of its link, or all by the outside. */
export function finishHost(
  spec: HostSpec,
  host: NodeDraft,
  nodes: readonly NodeDraft[],
  links: LinkEnds,
): PlannedHost {
  const { path, faults, devices, routes, neighbours } = host;
  const [{ ifindex }] = devices;
  if (spec.link === undefined) {
    for (const gateway of OUTSIDE_GATEWAYS) {
      host.addRoute({ prefix: new Uint8Array(gateway.length), prefixLength: 0, ifindex, gateway });
      neighbours.push({ ifindex, address: gateway, mac: OUTSIDE_MAC });
    }
  } else for (const node of nodes) addPodRoutes(host, node, links);
  if (spec.gateway !== undefined) {
    const gateway = readAddress(spec.gateway, [...path, 'gateway'], faults);
    if (gateway !== null) {
      host.addRoute({ prefix: new Uint8Array(gateway.length), prefixLength: 0, ifindex, gateway });
    }
  }
  if (spec.behind !== undefined) checkBehind(spec.behind, nodes, [...path, 'behind'], faults);
  return {
    path,
    name: spec.name,
    devices,
    routes,
    rules: host.rules,
    sysctls: host.sysctls,
    neighbours,
    link: spec.link ?? null,
    behind: spec.behind ?? null,
    options: readLinkOptions(spec, path, faults),
    names: spec.names ?? [],
    serves: readServers(spec.serves ?? {}, [...path, 'serves'], faults),
  };
}

function checkBehind(text: string, nodes: readonly NodeDraft[], path: Path, faults: FaultList): void {
  const [machine, device] = text.split('/', 2);
  const node = nodes.find(({ spec }) => spec.name === machine);
  if (device === undefined) faults.error(path, `${JSON.stringify(text)} is not NODE/DEVICE`);
  else if (node === undefined) {
    const names = nodes.map(({ spec }) => spec.name);
    faults.error(path, `there is no node ${machine}${suggestion(machine, names)}`);
  } else node.requireDevice(device, path);
}
