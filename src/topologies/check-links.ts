/** Links between machines, routers, and the routes and neighbours that follow from both. */
import { checkDevices } from './check-devices.js';
import { readLinkOptions } from './check-link-options.js';
import { checkRoutes } from './check-routes.js';
import { Register } from './check-text.js';
import { type CiliumConfig, readCiliumConfig } from './cilium-config.js';
import { FaultList, type Path, suggestion } from './faults.js';
import { type ClusterDraft, NodeDraft } from './node-draft.js';
import type { PlannedDevice, PlannedLink, PlannedRouter } from './plan.js';
import type { LinkSpec, TopologySpec } from './spec.js';

/** Routers are machines whose devices are checked as a node's are; nothing of Cilium is on them. */
export function draftRouters(
  spec: TopologySpec,
  nodes: readonly NodeDraft[],
  cluster: ClusterDraft,
  names: Register,
): NodeDraft[] {
  const config: CiliumConfig = readCiliumConfig([], new FaultList(), new FaultList());
  return (spec.routers ?? []).map((router, i) => {
    const path = ['routers', i];
    names.take(router.name, 'another machine', [...path, 'name'], cluster.faults);
    const draft = new NodeDraft(router, nodes.length + i, path, cluster, config);
    checkDevices(draft);
    return draft;
  });
}

const ON_NO_LINK: ReadonlyMap<PlannedLink, PlannedDevice> = new Map();

/** The device by which each machine is on each of its links. */
export class LinkEnds {
  readonly #byMachine = new Map<string, Map<PlannedLink, PlannedDevice>>();

  constructor(links: readonly PlannedLink[], machines: readonly NodeDraft[]) {
    for (const machine of machines) this.#byMachine.set(machine.spec.name, new Map());
    const byName = new Map(machines.map((machine) => [machine.spec.name, machine]));
    for (const link of links) {
      for (const { machine, device } of link.devices) {
        const ends = this.#byMachine.get(machine)!;
        if (!ends.has(link)) ends.set(link, byName.get(machine)!.device(device)!);
      }
    }
  }

  of({ spec }: NodeDraft): ReadonlyMap<PlannedLink, PlannedDevice> {
    return this.#byMachine.get(spec.name) ?? ON_NO_LINK;
  }
}

/** Who is on which link; each device gets the others' addresses as neighbours. */
export function checkLinks(
  specs: readonly LinkSpec[],
  machines: readonly NodeDraft[],
  faults: FaultList,
): PlannedLink[] {
  const names = new Register('the name');
  const joined = new Register('a device');
  const byName = new Map(machines.map((machine) => [machine.spec.name, machine]));
  return specs.map((spec, i) => {
    names.take(spec.name, 'another link', ['links', i, 'name'], faults);
    const ends = spec.devices.flatMap((text, j) => {
      const path = ['links', i, 'devices', j];
      const end = readEnd(text, byName, path, faults);
      return end !== null && joined.take(text, `the link ${spec.name}`, path, faults) ? end : [];
    });
    for (const { machine, device } of ends) {
      for (const other of ends) {
        if (other.device === device) continue;
        for (const { address } of other.device.addresses) {
          machine.neighbours.push({ ifindex: device.ifindex, address, mac: other.device.mac });
        }
      }
    }
    return {
      name: spec.name,
      devices: ends.map(({ machine, device }) => ({ machine: machine.spec.name, device: device.name })),
      options: readLinkOptions(spec, ['links', i], faults),
    };
  });
}

function readEnd(
  text: string,
  machines: ReadonlyMap<string, NodeDraft>,
  path: Path,
  faults: FaultList,
): { machine: NodeDraft; device: PlannedDevice } | null {
  const [machineName, deviceName] = text.split('/', 2);
  if (deviceName === undefined) {
    faults.error(path, `${JSON.stringify(text)} is not NODE/DEVICE`);
    return null;
  }
  const machine = machines.get(machineName);
  if (machine === undefined) {
    faults.error(path, `there is no machine ${machineName}${suggestion(machineName, machines.keys())}`);
    return null;
  }
  const device = machine.requireDevice(deviceName, path);
  if (device === undefined) return null;
  if (device.kind !== 'physical') {
    faults.error(path, `${text} is no physical device`);
    return null;
  }
  return { machine, device };
}

export function finishRouter(router: NodeDraft, nodes: readonly NodeDraft[], links: LinkEnds): PlannedRouter {
  for (const node of nodes) addPodRoutes(router, node, links);
  checkRoutes(router);
  const { path, devices, routes, rules, sysctls, neighbours } = router;
  return { path, name: router.spec.name, devices, routes, rules, sysctls, neighbours };
}

/** Routes to the pods of other nodes: straight to the node (auto-direct-node-routes), or to Cilium for its tunnel. */
export function addNodeRoutes(node: NodeDraft, nodes: readonly NodeDraft[], links: LinkEnds): void {
  const host = node.device('cilium_host');
  for (const other of nodes) {
    if (other === node) continue;
    if (node.config.autoDirectNodeRoutes) addPodRoutes(node, other, links);
    if (!node.config.features.tunnelMode || host === undefined) continue;
    for (const prefix of other.podPrefixes) {
      const gateway = node.ciliumInternalAddresses.find(({ length }) => length === prefix.address.length);
      if (gateway === undefined) continue;
      node.addAgentRoute({
        prefix: prefix.address,
        prefixLength: prefix.length,
        ifindex: host.ifindex,
        gateway,
      });
    }
  }
}

/** Where the two are on one link: the pods of `node` by its address there. */
export function addPodRoutes(machine: NodeDraft, node: NodeDraft, links: LinkEnds): void {
  for (const [link, from] of links.of(machine)) {
    const to = links.of(node).get(link);
    if (to === undefined) continue;
    for (const prefix of node.podPrefixes) {
      const gateway = to.addresses.find(({ address }) => address.length === prefix.address.length)?.address;
      if (gateway === undefined) continue;
      machine.addAgentRoute({
        prefix: prefix.address,
        prefixLength: prefix.length,
        ifindex: from.ifindex,
        gateway,
      });
    }
  }
}
