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
  FIB_SOURCE,
  FIB_SOURCE_MAC,
  FIB_SUCCESS,
  FIB_UNREACHABLE,
  type FibLookup,
} from '../fib.js';
import { EAFNOSUPPORT, ENODEV } from '../hooks/errno.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import { copy, i32le, put16le, put32le, u16le } from '../wire/bytes.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import { sourceTowards } from './addresses.js';
import type { NextHops } from './next-hops.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_PROHIBIT,
  ROUTE_UNICAST,
  ROUTE_UNREACHABLE,
  type RouteTable,
} from './route-table.js';
import { LOOPBACK_IFINDEX, TABLE_MAIN } from './routing-policy.js';

/** Further fields of `struct bpf_fib_lookup`: protocol, ports; total length in, MTU out; flow label; VLAN. */
const PROTOCOL = 1;
const PORTS = 2;
const FLOW_INFO = 12;
const LENGTH = 6;
const VLAN = 48;
const VLAN_BYTES = 4;

/** Flags (BPF_FIB_LOOKUP_*): without rules; for what leaves by the device; no MACs; a table's number; source; mark. */
const DIRECT = 1;
const OUTPUT = 2;
const SKIP_NEIGHBOUR = 4;
const TABLE_ID = 8;
const SOURCE = 16;
const MARK = 32;
/** The table's number is where the VLAN fields are, the mark where the MACs are. */
const TABLE_ID_AT = 48;
const MARK_AT = 52;

/** Remembered answers: IPv4 destination, device, then the four words of the structure from the gateway on. */
const MEMO_SLOTS = 1024;
const MEMO_WORDS = 8;
const MEMO_IFINDEX = 1;
const MEMO_GATEWAY = 2;
const MEMO_MACS = 3;
/** The words that hold the two MACs, behind the VLAN word. */
const MAC_WORDS_AT = 52;

export class NamespaceFib implements FibLookup {
  readonly #namespace: Namespace;
  /**
   * Plain successes for IPv4, remembered until a route or neighbour changes: route, neighbour and copying cost 60
   * ns, this 10.
   */
  readonly #memo = new Int32Array(MEMO_SLOTS * MEMO_WORDS);
  #routeChanges = -1;
  #ruleChanges = 0;
  /** Where the route of the last lookup is. */
  #table: RouteTable;
  /** Whether that route has several next hops. */
  #isChoice = false;
  #neighbourChanges = -1;
  /** The caller's structure as words; a caller uses the same one all the time. */
  #params: Uint8Array | null = null;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
    this.#table = namespace.ipv4Routes;
  }

  lookup(packet: PacketContext, params: Uint8Array, flags: number): number {
    if (params !== this.#params) {
      this.#params = params;
      this.#view = new DataView(params.buffer, params.byteOffset, params.byteLength);
    }
    const { ipv4Routes, neighbours } = this.#namespace;
    const ruleChanges = ipv4Routes.policy?.changes ?? 0;
    if (
      ipv4Routes.changes !== this.#routeChanges ||
      neighbours.changes !== this.#neighbourChanges ||
      ruleChanges !== this.#ruleChanges
    ) {
      this.#memo.fill(0);
      this.#routeChanges = ipv4Routes.changes;
      this.#ruleChanges = ruleChanges;
      this.#neighbourChanges = neighbours.changes;
    }
    if (params[FIB_FAMILY] !== AF_INET || flags !== 0 || this.#view.getInt16(LENGTH, true) !== 0) {
      return this.#ask(packet, params, flags);
    }
    const destination = this.#view.getInt32(FIB_DESTINATION, true);
    const slot = (Math.imul(destination, 0x9e3779b1) >>> 22) * MEMO_WORDS;
    if (this.#recall(packet, slot, destination)) return FIB_SUCCESS;
    const result = this.#ask(packet, params, flags);
    // Rules may go by more than the destination.
    const isPlain = !ipv4Routes.policy?.concerns(0) && !this.#isChoice;
    if (isPlain && result === FIB_SUCCESS && params[FIB_FAMILY] === AF_INET)
      this.#remember(slot, destination);
    return result;
  }

  #recall(packet: PacketContext, slot: number, destination: number): boolean {
    const memo = this.#memo;
    const ifindex = memo[slot + MEMO_IFINDEX];
    if (ifindex === 0 || memo[slot] !== destination) return false;
    const view = this.#view;
    const namespace = this.#namespace;
    const out = namespace.device(ifindex);
    if (out === null || !out.up || !namespace.ipv4Forwarding) return false;
    if (packet.merged === 0 && packet.length > out.mtu + ethernet.HEADER_LENGTH) return false;
    if (namespace.device(view.getInt32(FIB_IFINDEX, true)) === null) return false;
    view.setInt32(FIB_IFINDEX, ifindex, true);
    view.setInt32(FIB_DESTINATION, memo[slot + MEMO_GATEWAY], true);
    view.setInt32(VLAN, 0, true);
    view.setInt32(MAC_WORDS_AT, memo[slot + MEMO_MACS], true);
    view.setInt32(MAC_WORDS_AT + 4, memo[slot + MEMO_MACS + 1], true);
    view.setInt32(MAC_WORDS_AT + 8, memo[slot + MEMO_MACS + 2], true);
    return true;
  }

  #remember(slot: number, destination: number): void {
    const view = this.#view;
    const memo = this.#memo;
    memo[slot] = destination;
    memo[slot + MEMO_IFINDEX] = view.getInt32(FIB_IFINDEX, true);
    memo[slot + MEMO_GATEWAY] = view.getInt32(FIB_DESTINATION, true);
    for (let i = 0; i < 3; i++) memo[slot + MEMO_MACS + i] = view.getInt32(MAC_WORDS_AT + 4 * i, true);
  }

  #ask(packet: PacketContext, params: Uint8Array, flags: number): number {
    const namespace = this.#namespace;
    const device = namespace.device(i32le(params, FIB_IFINDEX));
    if (device === null) return -ENODEV;
    const family = params[FIB_FAMILY];
    if (family === AF_INET) {
      if (!(device.ipv4Forwarding ?? namespace.ipv4Forwarding)) return FIB_FORWARDING_DISABLED;
      return this.#resolve(packet, namespace.ipv4Routes, params, flags, ipv4.ADDRESS_LENGTH);
    }
    if (family !== AF_INET6) return -EAFNOSUPPORT;
    if (!namespace.ipv6Forwarding) return FIB_FORWARDING_DISABLED;
    return this.#resolve(packet, namespace.ipv6Routes, params, flags, ipv6.ADDRESS_LENGTH);
  }

  #resolve(
    packet: PacketContext,
    all: RouteTable,
    params: Uint8Array,
    flags: number,
    addressLength: number,
  ): number {
    let row = this.#find(all, params, flags);
    let routes = this.#table;
    this.#isChoice = row >= 0 && routes.choices[row] !== 0;
    if (row < 0) return FIB_NOT_FORWARDED;
    if (this.#isChoice) {
      const nextHops = routes.nextHops!;
      row = this.#choose(nextHops, routes.choices[row] - 1, params, flags);
      routes = nextHops.table;
    }
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
    if ((flags & SOURCE) !== 0) {
      const source = routes.routes[row].source ?? sourceTowards(out, params, FIB_DESTINATION, addressLength);
      if (source !== null) copy(params, FIB_SOURCE, source, 0, source.length);
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

  /** Row of the route in `#table`, by rules unless the flags say otherwise, or -1. */
  #find(all: RouteTable, params: Uint8Array, flags: number): number {
    this.#table = all;
    const { policy } = all;
    if ((flags & DIRECT) !== 0) {
      const number = (flags & TABLE_ID) === 0 ? TABLE_MAIN : i32le(params, TABLE_ID_AT);
      this.#table = this.#namespace.policy(all.addressLength).table(number);
      return this.#table.lookup(params, FIB_DESTINATION);
    }
    const mark = (flags & MARK) === 0 ? 0 : i32le(params, MARK_AT);
    const ifindex = i32le(params, FIB_IFINDEX);
    const isOutput = (flags & OUTPUT) !== 0;
    if (!policy?.concerns(mark)) {
      return isOutput ? all.lookupBy(params, FIB_DESTINATION, ifindex) : all.lookup(params, FIB_DESTINATION);
    }
    const [from, to] = isOutput ? [LOOPBACK_IFINDEX, ifindex] : [ifindex, 0];
    const row = policy.lookup(params, FIB_DESTINATION, FIB_SOURCE, mark, from, to);
    this.#table = policy.found;
    return row;
  }

  /** Of a route with several ways out that of the device asked for, or of the flow. */
  #choose(nextHops: NextHops, first: number, params: Uint8Array, flags: number): number {
    const by = (flags & OUTPUT) === 0 ? -1 : nextHops.by(first, i32le(params, FIB_IFINDEX));
    if (by >= 0) return by;
    const namespace = this.#namespace;
    const { addressLength } = nextHops.table;
    const hash = namespace.flowHash.ofFlow(
      params,
      FIB_SOURCE,
      FIB_DESTINATION,
      addressLength,
      params[PROTOCOL],
      i32le(params, PORTS),
      i32le(params, FLOW_INFO),
    );
    return nextHops.choose(first, hash, namespace);
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
