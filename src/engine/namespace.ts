import { Device, type DeviceOptions } from './device.js';
import { type NetfilterChain, type StackHook, StackHooks } from './hooks/netfilter.js';
import { TcpTrackingSettings } from './netfilter/tcp-window.js';
import type { Node } from './node.js';
import { FlowHash } from './stack/flow-hash.js';
import type { IcmpErrors } from './stack/icmp-errors.js';
import type { LocalDelivery } from './stack/local-delivery.js';
import { NeighbourTable } from './stack/neighbour.js';
import type { Redirects } from './stack/redirects.js';
import type { NeighbourResolver } from './stack/resolver.js';
import { ROUTE_BROADCAST, ROUTE_LOCAL, ROUTE_UNICAST, RouteTable } from './stack/route-table.js';
import { RoutingPolicy } from './stack/routing-policy.js';

/** Interface indexes are looked up in a table of this many words at most. */
const MAXIMUM_IFINDEX = 1_000_000;

/**
 * A network namespace: devices and the stack's state. A node has one for itself (`isHost`) and one for each pod; the
 * frames that a pod's stack takes are delivered, those of the node's are consumed.
 */
export class Namespace {
  /** Row in `Network.namespaces`; set when the network takes the node. */
  index = -1;
  readonly name: string;
  readonly node: Node;
  readonly isHost: boolean;
  /** Its name under /run/netns, by which tools on the node call it; null when it has none. */
  mountedAs: string | null = null;
  readonly devices: Device[] = [];

  readonly ipv4Routes = new RouteTable(4);
  readonly ipv6Routes = new RouteTable(16);
  readonly neighbours = new NeighbourTable();
  /** Chooses among the next hops of routes that have several. */
  readonly flowHash = new FlowHash();
  ipv4Forwarding = false;
  ipv6Forwarding = false;
  /** Mark of what the namespace's own stack sends unasked, as an iptables OUTPUT rule gives it. */
  ownMark = 0;
  /** Takes packets that a rule makes local although their destination is not (TPROXY); null: they end there. */
  transparent: LocalDelivery | null = null;
  /** Where what the namespace sends to itself goes by; null: it is delivered at once. */
  loopback: Device | null = null;

  /** Asks for neighbours that are not known; with null, packets to them are lost. */
  resolver: NeighbourResolver | null = null;
  /** Tells senders why their packets are refused; with null they are dropped in silence. */
  errors: IcmpErrors | null = null;
  /** Tells senders of better ways, and goes by those that it is told of; with null neither. */
  redirects: Redirects | null = null;
  /** What takes the packets that are for the namespace itself; with null they end there, unanswered. */
  localDelivery: LocalDelivery | null = null;
  /** How its conntrack, where it has one, takes TCP. */
  readonly tcpTracking = new TcpTrackingSettings();
  /** The chains at the stack's hooks; null as long as there are none. */
  netfilter: StackHooks | null = null;

  /** Devices that take what arrives for their UDP port out of its outer packet. */
  readonly tunnels: Device[] = [];

  /** Row of `devices` plus one, by ifindex. */
  #byIfindex = new Int32Array(64);
  readonly #byName = new Map<string, Device>();

  constructor(node: Node, name: string, isHost: boolean) {
    this.node = node;
    this.name = name;
    this.isHost = isHost;
  }

  addDevice(options: DeviceOptions): Device {
    const { ifindex } = options;
    if (ifindex < 1 || ifindex > MAXIMUM_IFINDEX) throw new RangeError(`ifindex ${ifindex}`);
    if (this.device(ifindex) !== null) throw new Error(`ifindex ${ifindex} is taken`);
    const device = new Device(this, options);
    if (ifindex >= this.#byIfindex.length) {
      const table = new Int32Array(Math.max(ifindex + 1, this.#byIfindex.length * 2));
      table.set(this.#byIfindex);
      this.#byIfindex = table;
    }
    this.devices.push(device);
    if (device.kind === 'loopback') this.loopback ??= device;
    if (!this.#byName.has(device.name)) this.#byName.set(device.name, device);
    this.#byIfindex[ifindex] = this.devices.length;
    return device;
  }

  /** The device goes away, before the namespace's network is made. */
  removeDevice(device: Device): void {
    device.hooks.release();
    this.devices.splice(this.devices.indexOf(device), 1);
    this.#byIfindex.fill(0);
    this.#byName.clear();
    this.devices.forEach((other, row) => {
      this.#byIfindex[other.ifindex] = row + 1;
      if (!this.#byName.has(other.name)) this.#byName.set(other.name, other);
    });
  }

  device(ifindex: number): Device | null {
    if (ifindex < 0 || ifindex >= this.#byIfindex.length) return null;
    const row = this.#byIfindex[ifindex];
    return row === 0 ? null : this.devices[row - 1];
  }

  deviceNamed(name: string): Device | null {
    return this.#byName.get(name) ?? null;
  }

  /**
   * Gives a device an address of 4 or 16 bytes: a local route to it, unless the prefix is the whole address the route to
   * its link, and the one to its broadcast address, as the kernel does.
   */
  addAddress(device: Device, address: Uint8Array, prefixLength: number): void {
    if (address.length === 4) device.ipv4Address ??= address;
    else device.ipv6Address ??= address;
    device.addresses.push({ address, prefixLength });
    const routes = this.routes(address.length);
    const all = address.length * 8;
    routes.add({ prefix: address, prefixLength: all, kind: ROUTE_LOCAL, ifindex: device.ifindex });
    if (prefixLength < all) {
      routes.add({ prefix: address, prefixLength, kind: ROUTE_UNICAST, ifindex: device.ifindex });
    }
    if (address.length === 4 && prefixLength < all - 1) {
      const prefix = address.map(
        (byte, i) => byte | (0xff >> Math.max(0, Math.min(8, prefixLength - 8 * i))),
      );
      routes.add({ prefix, prefixLength: all, kind: ROUTE_BROADCAST, ifindex: device.ifindex });
    }
  }

  /** Adds a chain at a hook of the stack. */
  addNetfilterChain(hook: StackHook, chain: NetfilterChain): void {
    this.netfilter ??= new StackHooks();
    this.netfilter[hook].add(chain);
  }

  /** The rules of a family, those of every kernel at first. */
  policy(addressLength: number): RoutingPolicy {
    const routes = this.routes(addressLength);
    routes.policy ??= new RoutingPolicy(routes);
    return routes.policy;
  }

  routes(addressLength: number): RouteTable {
    return addressLength === 4 ? this.ipv4Routes : this.ipv6Routes;
  }
}
