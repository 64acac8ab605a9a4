/**
 * A stack's decision on an IP packet: for a local socket, out of which device, or dropped. Routed packets leave with
 * TTL lowered and link addresses written. Whoever has the namespace's ICMP errors tells the senders of those that are
 * dropped (icmp-errors.ts).
 */
import { type Device, PACKET_HOST } from '../device.js';
import * as fate from '../fate.js';
import { AF_INET } from '../fib.js';
import type { StackHooks } from '../hooks/netfilter.js';
import { NF_ACCEPT } from '../hooks/verdict.js';
import type { Namespace } from '../namespace.js';
import { type PacketContext, REDIRECT_NEIGHBOUR_SIZE } from '../packet.js';
import { i32le } from '../wire/bytes.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as input from './ip-input.js';
import {
  leadsBy,
  ROUTE_BLACKHOLE,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_UNICAST,
  ROUTE_UNREACHABLE,
  RouteTable,
} from './route-table.js';
import { LOOPBACK_IFINDEX, type RoutingPolicy } from './routing-policy.js';

/** Results besides drop reasons, which are positive. */
const TO_DEVICE = 0;
export const TO_LOCAL = -1;
/** To a device, in fragments of `mtu`. */
const TO_FRAGMENT = -2;
/** As TO_LOCAL, though the destination is none of the namespace's own: a rule says so (TPROXY). */
export const TO_TRANSPARENT = -3;

/** rp_filter: the route back must lead through the same device. */
const STRICT = 1;
const NO_ROUTES = new RouteTable(4);

/** `struct bpf_redir_neigh`: family, then the next hop's address. */
const NEXT_HOP_FAMILY = 0;
const NEXT_HOP_ADDRESS = 4;

/** What forwarding leaves of the IPv4 layer's flags in the last word but one of the control block. */
const IPSKB_FORWARDED = 1;

export class StackPath {
  /** The device to send out of after TO_DEVICE. */
  out: Device | null = null;
  /** After NO_NEIGHBOUR: the device that the next hop is behind, and where its address is. */
  unknown: Device | null = null;
  unknownAddress: Uint8Array;
  unknownAt = 0;
  unknownLength = 0;
  /** After FRAGMENTATION_NEEDED and TO_FRAGMENT: what the packet would have had to fit into. */
  mtu = 0;
  /** The packet to decide on. */
  packet: PacketContext;
  #row = -1;
  #routes: RouteTable;

  constructor(packet: PacketContext) {
    this.packet = packet;
    this.unknownAddress = packet.bytes;
    this.#routes = NO_ROUTES;
  }

  /** A packet that a device received (ip_rcv, ip_forward, their IPv6 counterparts). */
  input(device: Device): number {
    const { netfilter } = device.namespace;
    if (netfilter !== null) {
      netfilter.inDevice = device;
      netfilter.outDevice = null;
      const refused = this.#prerouting(netfilter);
      if (refused !== 0) return refused;
    }
    const { protocol } = this.packet;
    if (protocol === ethernet.TYPE_IPV4) return this.#inputIpv4(device);
    if (protocol === ethernet.TYPE_IPV6) return this.#inputIpv6(device);
    return fate.NO_PROTOCOL_HANDLER;
  }

  /**
   * What the chains of the namespace make of a decision: those for input, or for packets that go out (`received`: that
   * are forwarded; else that are the namespace's own). Answers the decision, or NETFILTER_DROP.
   */
  filter(namespace: Namespace, netfilter: StackHooks, decision: number, received: boolean): number {
    const { packet } = this;
    if (decision === TO_LOCAL || decision === TO_TRANSPARENT) {
      if (!received)
        return decision === TO_LOCAL ? this.#filterOwn(namespace, netfilter, decision) : decision;
      return netfilter.input.run(packet) === NF_ACCEPT ? decision : fate.NETFILTER_DROP;
    }
    if (decision > 0 && decision !== fate.NO_NEIGHBOUR) return decision;
    if (!received) return this.#filterOwn(namespace, netfilter, decision);
    netfilter.outDevice = this.out;
    if (netfilter.forward.run(packet) !== NF_ACCEPT) return fate.NETFILTER_DROP;
    return netfilter.postrouting.run(packet) === NF_ACCEPT ? decision : fate.NETFILTER_DROP;
  }

  /**
   * A packet of the namespace's own; its chains may give it a destination that is elsewhere (ip_route_me_harder). What
   * it sends to itself leaves by the loopback, and comes in there without being tracked once more.
   */
  #filterOwn(namespace: Namespace, netfilter: StackHooks, decision: number): number {
    const { packet } = this;
    let result = decision;
    netfilter.inDevice = null;
    netfilter.outDevice = result === TO_LOCAL ? namespace.loopback : this.out;
    netfilter.rerouted = false;
    if (netfilter.output.run(packet) !== NF_ACCEPT) return fate.NETFILTER_DROP;
    if (netfilter.rerouted) {
      result = this.send(namespace);
      if (result > 0 && result !== fate.NO_NEIGHBOUR) return result;
      netfilter.outDevice = result === TO_LOCAL ? namespace.loopback : this.out;
    }
    if (netfilter.postrouting.run(packet) !== NF_ACCEPT) return fate.NETFILTER_DROP;
    if (result !== TO_LOCAL || namespace.loopback !== null) return result;
    netfilter.outDevice = null;
    return netfilter.input.run(packet) === NF_ACCEPT ? result : fate.NETFILTER_DROP;
  }

  /** Packets that are none do not come to the chains. */
  #prerouting(netfilter: StackHooks): number {
    const { packet } = this;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    let invalid = 0;
    if (packet.protocol === ethernet.TYPE_IPV4) invalid = input.checkIpv4(packet, ipAt);
    else if (packet.protocol === ethernet.TYPE_IPV6) invalid = input.checkIpv6(packet, ipAt);
    else return 0;
    if (invalid !== 0) return invalid;
    return netfilter.prerouting.run(packet) === NF_ACCEPT ? 0 : fate.NETFILTER_DROP;
  }

  /** A packet that the namespace itself sends. */
  send(namespace: Namespace): number {
    const packet = this.packet;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    if (packet.protocol === ethernet.TYPE_IPV4) {
      const invalid = input.checkIpv4(packet, ipAt);
      if (invalid !== 0) return invalid;
      return this.#sendBy(namespace, namespace.ipv4Routes, ipv4.destinationAt(ipAt), ipv4.sourceAt(ipAt));
    }
    if (packet.protocol !== ethernet.TYPE_IPV6) return fate.NO_PROTOCOL_HANDLER;
    const invalid = input.checkIpv6(packet, ipAt);
    if (invalid !== 0) return invalid;
    return this.#sendBy(namespace, namespace.ipv6Routes, ipv6.destinationAt(ipAt), ipv6.sourceAt(ipAt));
  }

  #sendBy(namespace: Namespace, routes: RouteTable, destinationAt: number, sourceAt: number): number {
    const result = this.#route(namespace, routes, destinationAt, sourceAt, LOOPBACK_IFINDEX);
    return result === TO_DEVICE ? this.#finish(destinationAt) : result;
  }

  /** What becomes of a decision on a packet of the namespace's own when it is longer than its way; TCP is segmented. */
  fitOwn(decision: number): number {
    const { packet } = this;
    const isIpv4 = packet.protocol === ethernet.TYPE_IPV4;
    if (decision !== TO_DEVICE || !this.#exceedsMtu()) return decision;
    const { bytes } = packet;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    const protocol = isIpv4 ? ipv4.protocol(bytes, ipAt) : ipv6.nextHeader(bytes, ipAt);
    if (protocol === ipv4.PROTOCOL_TCP) {
      packet.merged = 1;
      return decision;
    }
    const forbidden = isIpv4 && (ipv4.fragmentField(bytes, ipAt) & ipv4.DONT_FRAGMENT) !== 0;
    return forbidden ? fate.FRAGMENTATION_NEEDED : TO_FRAGMENT;
  }

  /** Writes the link addresses for a neighbour behind a device; false when it is not known. */
  resolve(device: Device, nextHop: Uint8Array): boolean {
    return this.#writeMacs(device, nextHop, 0, nextHop.length);
  }

  /** Writes the link addresses for bpf_redirect_neigh out of `device`; false when the next hop is not known. */
  resolveRedirect(device: Device): boolean {
    const packet = this.packet;
    this.unknown = null;
    const isIpv4 = packet.protocol === ethernet.TYPE_IPV4;
    if (!isIpv4 && packet.protocol !== ethernet.TYPE_IPV6) return false;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    if (packet.redirectNeighbourLength === REDIRECT_NEIGHBOUR_SIZE) {
      const next = packet.redirectNeighbour;
      const length = i32le(next, NEXT_HOP_FAMILY) === AF_INET ? ipv4.ADDRESS_LENGTH : ipv6.ADDRESS_LENGTH;
      return this.#writeMacs(device, next, NEXT_HOP_ADDRESS, length);
    }
    const routes = isIpv4 ? device.namespace.ipv4Routes : device.namespace.ipv6Routes;
    const at = isIpv4 ? ipv4.destinationAt(ipAt) : ipv6.destinationAt(ipAt);
    if (at + routes.addressLength > packet.end) return false;
    let table = routes;
    let row = routes.lookup(packet.bytes, at);
    if (row >= 0 && routes.choices[row] !== 0) {
      row = routes.nextHops!.by(routes.choices[row] - 1, device.ifindex);
      table = routes.nextHops!.table;
    }
    if (row >= 0 && table.ifindex[row] === device.ifindex && table.gatewayLength[row] !== 0) {
      return this.#writeMacs(device, table.gateways, row * 16, table.gatewayLength[row]);
    }
    return this.#writeMacs(device, packet.bytes, at, routes.addressLength);
  }

  #inputIpv4(device: Device): number {
    const packet = this.packet;
    const { bytes } = packet;
    const { namespace } = device;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    const invalid = input.checkIpv4(packet, ipAt);
    if (invalid !== 0) return invalid;

    const sourceAt = ipv4.sourceAt(ipAt);
    const destinationAt = ipv4.destinationAt(ipAt);
    if (ipv4.isMartianSource(bytes, sourceAt) && device.kind !== 'loopback') return fate.MARTIAN_SOURCE;
    if (!ipv4.isOrdinaryDestination(bytes, destinationAt)) {
      if (ipv4.isGroupAddress(bytes, destinationAt)) return TO_LOCAL;
      const isMartian = ipv4.isMartianDestination(bytes, destinationAt);
      if (isMartian && device.kind !== 'loopback') return fate.MARTIAN_DESTINATION;
    }
    const routes = namespace.ipv4Routes;
    if (!device.acceptLocal && routes.isLocal(bytes, sourceAt)) return fate.MARTIAN_SOURCE;
    const result = this.#route(namespace, routes, destinationAt, sourceAt, device.ifindex);
    if (device.reversePathFilter !== 0 && result <= 0) {
      if (!this.#isReversePath(device, routes, sourceAt, destinationAt)) return fate.REVERSE_PATH;
    }
    if (result !== TO_DEVICE) return result;

    if (!(device.ipv4Forwarding ?? namespace.ipv4Forwarding)) return fate.FORWARDING_DISABLED;
    if (packet.packetType !== PACKET_HOST) return fate.OTHER_HOST;
    if (ipv4.timeToLive(bytes, ipAt) <= 1) return fate.TTL_EXCEEDED;
    const isLong = this.#exceedsMtu();
    if (isLong && (ipv4.fragmentField(bytes, ipAt) & ipv4.DONT_FRAGMENT) !== 0) {
      return fate.FRAGMENTATION_NEEDED;
    }
    ipv4.decrementTimeToLive(bytes, ipAt);
    packet.cb3 = IPSKB_FORWARDED;
    if (this.out === device) namespace.redirects?.consider(packet, device, this.#gatewayRaw());
    const decision = this.#finish(destinationAt);
    return isLong && decision === TO_DEVICE ? TO_FRAGMENT : decision;
  }

  #inputIpv6(device: Device): number {
    const packet = this.packet;
    const { bytes } = packet;
    const { namespace } = device;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    const invalid = input.checkIpv6(packet, ipAt);
    if (invalid !== 0) return invalid;

    const destinationAt = ipv6.destinationAt(ipAt);
    if (ipv6.isLinkScopeAddress(bytes, destinationAt)) return TO_LOCAL;
    const routes = namespace.ipv6Routes;
    const sourceAt = ipv6.sourceAt(ipAt);
    const result = this.#route(namespace, routes, destinationAt, sourceAt, device.ifindex);
    if (result !== TO_DEVICE) return result;

    if (!namespace.ipv6Forwarding) return fate.FORWARDING_DISABLED;
    if (packet.packetType !== PACKET_HOST) return fate.OTHER_HOST;
    if (ipv6.isMartianSource(bytes, sourceAt)) return fate.MARTIAN_SOURCE;
    if (ipv6.isLinkScopeAddress(bytes, sourceAt)) return fate.SCOPE_EXCEEDED;
    const hopLimit = ipv6.hopLimit(bytes, ipAt);
    if (hopLimit <= 1) return fate.TTL_EXCEEDED;
    // IPv6 routers never fragment (RFC 8200 section 5).
    if (this.#exceedsMtu()) return fate.FRAGMENTATION_NEEDED;
    ipv6.putHopLimit(bytes, ipAt, hopLimit - 1);
    return this.#finish(destinationAt);
  }

  /** Looks the destination up; after TO_DEVICE `out` and the route's table and row are set. */
  #route(
    namespace: Namespace,
    routes: RouteTable,
    destinationAt: number,
    sourceAt: number,
    inIfindex: number,
  ): number {
    const { policy } = routes;
    if (policy?.concerns(this.packet.mark)) {
      return this.#routeByRules(namespace, routes, policy, destinationAt, sourceAt, inIfindex);
    }
    return this.#decide(namespace, routes, routes.lookup(this.packet.bytes, destinationAt));
  }

  #routeByRules(
    namespace: Namespace,
    routes: RouteTable,
    policy: RoutingPolicy,
    destinationAt: number,
    sourceAt: number,
    inIfindex: number,
  ): number {
    const { bytes, mark } = this.packet;
    const row = policy.lookup(bytes, destinationAt, sourceAt, mark, inIfindex, 0);
    const decision = this.#decide(namespace, policy.found, row);
    if (decision !== TO_LOCAL || routes.isLocal(bytes, destinationAt)) return decision;
    return TO_TRANSPARENT;
  }

  #decide(namespace: Namespace, routes: RouteTable, row: number): number {
    if (row < 0) return fate.NO_ROUTE;
    const kind = routes.kind[row];
    if (kind !== ROUTE_UNICAST) return decisionOf(kind);
    if (routes.choices[row] !== 0) return this.#chooseNextHop(namespace, routes, routes.choices[row] - 1);
    const out = namespace.device(routes.ifindex[row]);
    if (out === null || !out.up) return fate.DEVICE_DOWN;
    this.out = out;
    this.#row = row;
    this.#routes = routes;
    return TO_DEVICE;
  }

  /** Of a route with several ways out the flow's own. */
  #chooseNextHop(namespace: Namespace, routes: RouteTable, first: number): number {
    const { packet } = this;
    const nextHops = routes.nextHops!;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    const hash = namespace.flowHash.ofPacket(packet.bytes, ipAt, packet.end, routes.addressLength === 4);
    return this.#decide(namespace, nextHops.table, nextHops.choose(first, hash, namespace));
  }

  /** Whether a route leads back to the source: by that device, or with loose filtering by any (fib_validate_source). */
  #isReversePath(device: Device, routes: RouteTable, sourceAt: number, destinationAt: number): boolean {
    const { bytes } = this.packet;
    const { policy } = routes;
    let table = routes;
    let row: number;
    if (policy === null) row = routes.lookup(bytes, sourceAt);
    else {
      row = policy.lookup(bytes, sourceAt, destinationAt, 0, LOOPBACK_IFINDEX, 0);
      table = policy.found;
    }
    if (row < 0) return false;
    const kind = table.kind[row];
    if (kind === ROUTE_LOCAL) return device.acceptLocal;
    if (kind !== ROUTE_UNICAST) return false;
    return device.reversePathFilter !== STRICT || leadsBy(table.routes[row], device.ifindex);
  }

  #exceedsMtu(): boolean {
    const packet = this.packet;
    if (packet.merged !== 0) return false;
    const routeMtu = this.#routes.mtu[this.#row];
    this.mtu = routeMtu === 0 ? this.out!.mtu : routeMtu;
    return packet.length - ethernet.HEADER_LENGTH > this.mtu;
  }

  /** IPv4 gateway of the route found, or 0. */
  #gatewayRaw(): number {
    const isIpv4 = this.#routes.gatewayLength[this.#row] === ipv4.ADDRESS_LENGTH;
    return isIpv4 ? i32le(this.#routes.gateways, this.#row * 16) : 0;
  }

  /** Neighbour and link addresses of the route found. */
  #finish(destinationAt: number): number {
    const routes = this.#routes;
    const row = this.#row;
    const length = routes.gatewayLength[row];
    const known =
      length === 0
        ? this.#writeMacs(this.out!, this.packet.bytes, destinationAt, routes.addressLength)
        : this.#writeMacs(this.out!, routes.gateways, row * 16, length);
    return known ? TO_DEVICE : fate.NO_NEIGHBOUR;
  }

  /** Source and destination MAC for a next hop, whose address of `length` bytes is at `address[at]`. */
  #writeMacs(device: Device, address: Uint8Array, at: number, length: number): boolean {
    const { bytes, start } = this.packet;
    if (device.noArp) ethernet.putDestination(bytes, start, device.mac, 0);
    else {
      const { neighbours } = device.namespace;
      const macAt = neighbours.macAt(device.ifindex, address, at, length);
      if (macAt < 0) return this.#noteUnknown(device, address, at, length);
      ethernet.putDestination(bytes, start, neighbours.macs, macAt);
    }
    ethernet.putSource(bytes, start, device.mac, 0);
    return true;
  }

  #noteUnknown(device: Device, address: Uint8Array, at: number, length: number): false {
    this.unknown = device;
    this.unknownAddress = address;
    this.unknownAt = at;
    this.unknownLength = length;
    return false;
  }
}

/** What a route says that leads to no device. */
function decisionOf(kind: number): number {
  switch (kind) {
    case ROUTE_LOCAL:
    case ROUTE_BROADCAST:
      return TO_LOCAL;
    case ROUTE_BLACKHOLE:
      return fate.ROUTE_BLACKHOLE;
    case ROUTE_UNREACHABLE:
      return fate.ROUTE_UNREACHABLE;
    case ROUTE_PROHIBIT:
      return fate.ROUTE_PROHIBITED;
    default:
      return fate.NO_ROUTE;
  }
}
