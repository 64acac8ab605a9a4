/** bpf_fib_lookup against the routes and neighbours of a network namespace. */
import {
  AF_INET,
  AF_INET6,
  FIB_BLACKHOLE,
  FIB_DESTINATION,
  FIB_DESTINATION_MAC,
  FIB_FAMILY,
  FIB_FORWARDING_DISABLED,
  FIB_FRAGMENTATION_NEEDED,
  FIB_IFINDEX,
  FIB_NO_NEIGHBOUR,
  FIB_NOT_FORWARDED,
  FIB_PROHIBIT,
  FIB_SOURCE_MAC,
  FIB_SUCCESS,
  FIB_UNREACHABLE,
  type FibLookup,
} from '../fib.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import { copy, i32le, put16le, put32le, u16le } from '../wire/bytes.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_PROHIBIT,
  ROUTE_UNICAST,
  ROUTE_UNREACHABLE,
  type RouteTable,
} from './route-table.js';

/** Further fields of `struct bpf_fib_lookup`: total length in, MTU out; and the VLAN fields. */
const LENGTH = 6;
const VLAN = 48;
const VLAN_BYTES = 4;

const SKIP_NEIGHBOUR = 4;

const ENODEV = -19;
const EAFNOSUPPORT = -97;

export class NamespaceFib implements FibLookup {
  readonly #namespace: Namespace;

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  lookup(packet: PacketContext, params: Uint8Array, flags: number): number {
    const namespace = this.#namespace;
    if (namespace.device(i32le(params, FIB_IFINDEX)) === null) return ENODEV;
    const family = params[FIB_FAMILY];
    if (family === AF_INET) {
      if (!namespace.ipv4Forwarding) return FIB_FORWARDING_DISABLED;
      return this.#resolve(packet, namespace.ipv4Routes, params, flags, ipv4.ADDRESS_LENGTH);
    }
    if (family !== AF_INET6) return EAFNOSUPPORT;
    if (!namespace.ipv6Forwarding) return FIB_FORWARDING_DISABLED;
    return this.#resolve(packet, namespace.ipv6Routes, params, flags, ipv6.ADDRESS_LENGTH);
  }

  #resolve(
    packet: PacketContext,
    routes: RouteTable,
    params: Uint8Array,
    flags: number,
    addressLength: number,
  ): number {
    const row = routes.lookup(params, FIB_DESTINATION);
    if (row < 0) return FIB_NOT_FORWARDED;
    const kind = routes.kind[row];
    if (kind === ROUTE_BLACKHOLE) return FIB_BLACKHOLE;
    if (kind === ROUTE_UNREACHABLE) return FIB_UNREACHABLE;
    if (kind === ROUTE_PROHIBIT) return FIB_PROHIBIT;
    const out = this.#namespace.device(routes.ifindex[row]);
    if (kind !== ROUTE_UNICAST || out === null || !out.up) return FIB_NOT_FORWARDED;

    const mtu = routes.mtu[row] === 0 ? out.mtu : routes.mtu[row];
    const totalLength = u16le(params, LENGTH);
    if (totalLength > mtu) {
      put16le(params, LENGTH, mtu);
      return FIB_FRAGMENTATION_NEEDED;
    }
    put32le(params, FIB_IFINDEX, out.ifindex);
    let hopLength = routes.gatewayLength[row];
    if (hopLength === 0) hopLength = addressLength;
    else {
      copy(params, FIB_DESTINATION, routes.gateways, row * 16, hopLength);
      if (hopLength !== addressLength) params[FIB_FAMILY] = AF_INET6;
    }
    if ((flags & SKIP_NEIGHBOUR) === 0) {
      if (!this.#fillMacs(out, params, hopLength)) return FIB_NO_NEIGHBOUR;
    }
    params.fill(0, VLAN, VLAN + VLAN_BYTES);
    if (totalLength === 0 && packet.merged === 0 && packet.length > out.mtu + ethernet.HEADER_LENGTH) {
      put16le(params, LENGTH, out.mtu);
      return FIB_FRAGMENTATION_NEEDED;
    }
    return FIB_SUCCESS;
  }

  /** False when the next hop has no link address. */
  #fillMacs(
    out: { readonly ifindex: number; readonly mac: Uint8Array; readonly noArp: boolean },
    params: Uint8Array,
    hopLength: number,
  ): boolean {
    const { neighbours } = this.#namespace;
    if (out.noArp) copy(params, FIB_DESTINATION_MAC, out.mac, 0, ethernet.ADDRESS_LENGTH);
    else {
      const macAt = neighbours.macAt(out.ifindex, params, FIB_DESTINATION, hopLength);
      if (macAt < 0) return false;
      copy(params, FIB_DESTINATION_MAC, neighbours.macs, macAt, ethernet.ADDRESS_LENGTH);
    }
    copy(params, FIB_SOURCE_MAC, out.mac, 0, ethernet.ADDRESS_LENGTH);
    return true;
  }
}
