/** Where packets from outside the topology come in. */
import type { Device } from '../../engine/device.js';
import type { Namespace } from '../../engine/namespace.js';
import { isEqual } from '../../engine/wire/bytes.js';
import type { BuiltTopology } from '../built.js';

/** A router's MAC where the topology has none. */
const UNKNOWN_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0xfe);

/** By which device a packet from `source` to `destination` enters; null when none leads outside. */
function device(built: BuiltTopology, source: Uint8Array, destination: Uint8Array): Device | null {
  const owner = ownerOf(built, destination);
  if (owner !== null) {
    const own = exits(owner, source);
    const [first] = own;
    if (first !== undefined && (first.segment === null || !hasEdge(built, source))) return first;
  }
  const all = [...built.plan.routers, ...built.plan.nodes].flatMap(({ name }) =>
    exits(built.network.node(name)!.host, source),
  );
  return (
    all.find(({ segment }) => segment === null) ??
    (owner === null ? null : exits(owner, source)[0]) ??
    all[0] ??
    null
  );
}

/** Some machine has a device that leads out of the network for good, not only to a link with others. */
function hasEdge(built: BuiltTopology, source: Uint8Array): boolean {
  return built.network.nodes.some(({ host }) => exits(host, source).some(({ segment }) => segment === null));
}

/** The node or router that has an address, or whose pod does; of a service's, any node. */
function ownerOf(built: BuiltTopology, address: Uint8Array): Namespace | null {
  const isSame = (other: Uint8Array): boolean => isEqual(other, address);
  const pod = built.pods.find(({ planned }) => planned.addresses.some(isSame));
  if (pod !== undefined) return pod.device.namespace;
  for (const { name, devices } of [...built.plan.nodes, ...built.plan.routers]) {
    if (devices.some(({ addresses }) => addresses.some((prefix) => isSame(prefix.address)))) {
      return built.network.node(name)!.host;
    }
  }
  const isService = built.plan.services.some((service) => isSame(service.address));
  return isService ? built.nodes[0].node.host : null;
}

/** A namespace's devices to the outside: that of the way back to `source` first. */
function exits(namespace: Namespace, source: Uint8Array): readonly Device[] {
  const found = namespace.devices.filter(({ kind, peer, up }) => kind === 'physical' && peer === null && up);
  const routes = namespace.routes(source.length);
  const row = routes.lookup(source, 0);
  const back = row < 0 ? 0 : routes.ifindex[row];
  return [...found].sort((a, b) => Number(b.ifindex === back) - Number(a.ifindex === back));
}

/** The MAC of whoever hands the packet over: the neighbour by which its source is reached. */
function sourceMac({ ifindex, namespace, peer }: Device, source: Uint8Array): Uint8Array {
  if (peer !== null) return peer.mac;
  const { neighbours } = namespace;
  const routes = namespace.routes(source.length);
  const row = routes.lookup(source, 0);
  if (row < 0 || routes.ifindex[row] !== ifindex) return UNKNOWN_MAC;
  const hop = routes.gatewayLength[row];
  const macAt =
    hop === 0
      ? neighbours.macAt(ifindex, source, 0, source.length)
      : neighbours.macAt(ifindex, routes.gateways, row * 16, hop);
  return macAt < 0 ? UNKNOWN_MAC : neighbours.macs.slice(macAt, macAt + 6);
}

export const outsideEntry = { device, sourceMac };
