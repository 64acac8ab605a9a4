/**
 * The world outside of a lab's nodes: one namespace that is the routers which the nodes' routes name, and whatever is
 * behind them. It has every address that nothing else in the lab has, so any of them answers.
 */
import { contains, type Prefix } from '../engine/address-text.js';
import { EXTERNAL_IP, LOADBALANCER } from '../programs/tables/services.js';
import { addressText, networkAddress } from '../topologies/check-text.js';
import type { Plan, PlannedDevice, PlannedNode, PlannedRouter } from '../topologies/plan.js';
import type { Binding } from './binding.js';
import { ipv6Sysctls, type LabNamespace, noDad } from './lab-plan.js';

/** Locally administered; the last byte is the number of the link. */
const MAC = Uint8Array.of(0x02, 0x70, 0xff, 0, 0, 0);

type Machine = PlannedNode | PlannedRouter;

interface Member {
  readonly machine: Machine;
  readonly device: PlannedDevice;
}

/** A wire that leads outside: the devices on it, and who the outside is there. */
interface Uplink {
  readonly members: readonly Member[];
  readonly gateways: readonly Prefix[];
  readonly mac: Uint8Array;
}

export function planOutside(
  plan: Plan,
  nodes: readonly PlannedNode[],
  name: string,
  label: string,
  elsewhere: readonly string[],
): { namespaces: readonly LabNamespace[]; bindings: readonly Binding[] } {
  const uplinks = findUplinks(plan, [...nodes, ...plan.routers], elsewhere);
  if (uplinks.length === 0) return { namespaces: [], bindings: [] };
  const hasIpv6 = uplinks.some(({ gateways }) => gateways.some(({ address }) => address.length === 16));
  const interfaces = uplinks.map(({ members, mac }, i) => ({
    name: `eth${i}`,
    mac,
    mtu: Math.min(...members.map(({ device }) => device.mtu)),
  }));
  const bindings = uplinks.map(({ members, gateways }, i) => ({
    port: { plugin: 'tap', namespace: name, ...interfaces[i], up: true } as const,
    devices: members.map(({ machine, device }) => `${machine.name}/${device.name}`),
    nextHops: gateways.map(({ address }) => address),
  }));
  const namespace: LabNamespace = {
    name,
    label,
    pod: null,
    interfaces,
    commands: [
      'link set lo up',
      ...uplinks.flatMap((uplink, i) => linkCommands(uplink, interfaces[i].name)),
      ...routeCommands(plan, nodes, uplinks),
      'route replace local 0.0.0.0/0 dev lo table main metric 1000',
      ...(hasIpv6 ? ['route replace local ::/0 dev lo table main metric 1000'] : []),
    ],
    sysctls: {
      ...ipv6Sysctls(hasIpv6),
      'net.ipv4.ip_forward': '1',
      // Servers answer under addresses that only the routes know.
      ...(hasIpv6 ? { 'net.ipv6.conf.all.forwarding': '1', 'net.ipv6.ip_nonlocal_bind': '1' } : {}),
      'net.ipv4.conf.all.rp_filter': '0',
      'net.ipv4.conf.default.rp_filter': '0',
      // Nodes of one link that route by the outside are to go on doing so.
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.default.send_redirects': '0',
    },
  };
  return { namespaces: [namespace], bindings };
}

/** Links on which some route goes by a machine that is not in the topology; else the first link of the first node. */
function findUplinks(plan: Plan, machines: readonly Machine[], elsewhere: readonly string[]): Uplink[] {
  const wires = findWires(plan, machines, elsewhere);
  const uplinks = wires.map((members, i) => uplinkOf(plan, members, i)).filter((uplink) => uplink !== null);
  if (uplinks.length > 0 || wires.length === 0) return uplinks;
  return [{ members: wires[0], gateways: freeAddresses(plan, wires[0]), mac: madeMac(0) }];
}

/** Devices by the link that they are on. Those on none are on one with others of their network. */
function findWires(plan: Plan, machines: readonly Machine[], elsewhere: readonly string[]): Member[][] {
  const wires = new Map<string, Member[]>();
  for (const machine of machines) {
    for (const device of machine.devices) {
      const end = `${machine.name}/${device.name}`;
      if (device.kind !== 'physical' || device.peer !== null || elsewhere.includes(end)) continue;
      const link = plan.links.find(({ devices }) =>
        devices.some((other) => other.machine === machine.name && other.device === device.name),
      );
      const [network] = device.addresses;
      const key =
        link !== undefined
          ? `link ${link.name}`
          : network === undefined
            ? end
            : `${addressText(networkAddress(network))}/${network.length}`;
      wires.set(key, [...(wires.get(key) ?? []), { machine, device }]);
    }
  }
  return [...wires.values()];
}

/** Null where no route leads to a machine that is not there. */
function uplinkOf(plan: Plan, members: readonly Member[], number: number): Uplink | null {
  const own = allAddresses(plan);
  const gateways = new Map<string, Prefix>();
  let mac: Uint8Array | null = null;
  for (const { machine, device } of members) {
    for (const { gateway, ifindex } of machine.routes) {
      if (gateway === undefined || gateway === null || ifindex !== device.ifindex) continue;
      const text = addressText(gateway);
      if (own.has(text)) continue;
      const network = device.addresses.find((prefix) => contains(prefix, gateway));
      gateways.set(text, { address: gateway, length: network?.length ?? 8 * gateway.length });
      const known = machine.neighbours.find((neighbour) => addressText(neighbour.address) === text);
      mac ??= known?.mac ?? null;
    }
  }
  if (gateways.size === 0) return null;
  return { members, gateways: [...gateways.values()], mac: mac ?? madeMac(number) };
}

function madeMac(number: number): Uint8Array {
  return Uint8Array.from(MAC, (byte, i) => (i === MAC.length - 1 ? number : byte));
}

function allAddresses(plan: Plan): Set<string> {
  const machines: readonly Machine[] = [...plan.nodes, ...plan.routers];
  return new Set(
    machines.flatMap(({ devices }) =>
      devices.flatMap(({ addresses }) => addresses.map(({ address }) => addressText(address))),
    ),
  );
}

/** The last host address of each network on the wire that nobody has. */
function freeAddresses(plan: Plan, members: readonly Member[]): Prefix[] {
  const taken = allAddresses(plan);
  const found: Prefix[] = [];
  for (const prefix of members[0].device.addresses) {
    const { length } = prefix;
    if (length > 8 * prefix.address.length - 2) continue;
    const address = networkAddress(prefix);
    for (let bit = length; bit < 8 * address.length; bit++) address[bit >> 3] |= 0x80 >> (bit & 7);
    do address[address.length - 1]--;
    while (taken.has(addressText(address)));
    found.push({ address, length });
  }
  return found;
}

function linkCommands({ gateways, members }: Uplink, device: string): string[] {
  const commands = gateways.map(
    ({ address, length }) => `addr replace ${addressText(address)}/${length} dev ${device}${noDad(address)}`,
  );
  for (const member of members) {
    for (const { address } of member.device.addresses) {
      const isOnLink = gateways.some(
        (gateway) => gateway.address.length === address.length && contains(gateway, address),
      );
      if (!isOnLink)
        commands.push(`route replace ${addressText(address)}/${8 * address.length} dev ${device}`);
    }
  }
  return commands;
}

/** Routes to the pods of each node, to nodes behind routers, and to the addresses of services for the outside. */
function routeCommands(
  plan: Plan,
  nodes: readonly PlannedNode[],
  uplinks: readonly Uplink[],
): readonly string[] {
  const commands = new Set<string>();
  const add = (prefix: Prefix, via: Uint8Array | undefined): void => {
    if (via === undefined) return;
    const to = `${addressText(networkAddress(prefix))}/${prefix.length}`;
    commands.add(`route replace ${to} via ${addressText(via)}`);
  };
  for (const node of nodes) {
    for (const length of [4, 16]) {
      const via = wayTo(node, uplinks, length);
      for (const prefix of podPrefixes(node)) if (prefix.address.length === length) add(prefix, via.address);
      if (via.isDirect) continue;
      for (const prefix of node.devices.flatMap(({ kind, addresses }) =>
        kind === 'physical' ? addresses : [],
      )) {
        if (prefix.address.length === length) add(prefix, via.address);
      }
    }
  }
  for (const { address, flags } of plan.services) {
    if ((flags & (LOADBALANCER | EXTERNAL_IP)) === 0) continue;
    add({ address, length: 8 * address.length }, wayTo(nodes[0], uplinks, address.length).address);
  }
  return [...commands];
}

/** By which address the outside reaches a node: its own on a link with the outside, else that of a router there. */
function wayTo(
  node: PlannedNode,
  uplinks: readonly Uplink[],
  length: number,
): { address: Uint8Array | undefined; isDirect: boolean } {
  const members = uplinks.flatMap((uplink) => uplink.members);
  const addressOf = (member: Member | undefined): Uint8Array | undefined =>
    member?.device.addresses.find(({ address }) => address.length === length)?.address;
  const own = addressOf(members.find(({ machine }) => machine === node));
  if (own !== undefined) return { address: own, isDirect: true };
  return { address: addressOf(members.find(({ machine }) => !('pods' in machine))), isDirect: false };
}

function podPrefixes(node: PlannedNode): readonly Prefix[] {
  if (node.podPrefixes.length > 0) return node.podPrefixes;
  return node.pods.flatMap(({ addresses }) =>
    addresses.map((address) => ({ address, length: 8 * address.length })),
  );
}
