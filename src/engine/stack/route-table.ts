/**
 * Routes of one address family and their longest-prefix match. Routes are rows; the match is a trie with a stride of
 * one byte in one Int32Array: a node is 256 children followed by 256 best routes of this level (a prefix that ends
 * inside a byte fills all values it covers). A lookup is at most one step per address byte and allocates nothing.
 * Changing routes rebuilds the trie at the next lookup.
 */
import { NextHops } from './next-hops.js';
import type { RoutingPolicy } from './routing-policy.js';

export const ROUTE_UNICAST = 0;
export const ROUTE_LOCAL = 1;
export const ROUTE_BROADCAST = 2;
export const ROUTE_BLACKHOLE = 3;
export const ROUTE_UNREACHABLE = 4;
export const ROUTE_PROHIBIT = 5;
/** Not in this table: the next rule goes on. Where there are no rules it is as no route. */
export const ROUTE_THROW = 6;

export interface Route {
  /** 4 or 16 bytes; bits behind the prefix are ignored. */
  readonly prefix: Uint8Array;
  readonly prefixLength: number;
  /** Default ROUTE_UNICAST. */
  readonly kind?: number;
  /** Outgoing device; 0 for the kinds without one. */
  readonly ifindex: number;
  /** Next hop, 4 or 16 bytes (an IPv4 route may have an IPv6 gateway); none for destinations on the link. */
  readonly gateway?: Uint8Array | null;
  /** The lowest wins among routes of one prefix; then local ones; then the first. Default 0. */
  readonly metric?: number;
  /** The route's own MTU; 0 for the device's. */
  readonly mtu?: number;
  /** Source address of what the namespace itself sends by it; default one of the device's. */
  readonly source?: Uint8Array | null;
  /** From a redirect: no listing shows it. */
  readonly isLearned?: boolean;
  /** Of a route with several ways out: these, the first of which are `ifindex` and `gateway` as well. */
  readonly nextHops?: readonly NextHop[];
}

export interface NextHop {
  readonly ifindex: number;
  readonly gateway?: Uint8Array | null;
  /** Its share of the flows, against the weights of the others; default 1. */
  readonly weight?: number;
}

/** Whether a route, or one of its next hops, goes out of a device. */
export function leadsBy({ ifindex, nextHops }: Route, other: number): boolean {
  return ifindex === other || nextHops?.some((hop) => hop.ifindex === other) === true;
}

/** Whether the route's prefix holds the address at `bytes[at]`. */
function covers({ prefix, prefixLength }: Route, bytes: Uint8Array, at: number): boolean {
  for (let bit = 0; bit < prefixLength; bit += 8) {
    const i = bit >> 3;
    const mask = 0xff00 >> Math.min(8, prefixLength - bit);
    if (((prefix[i] ^ bytes[at + i]) & mask & 0xff) !== 0) return false;
  }
  return true;
}

const NODE_WORDS = 512;
const ROUTES_AT = 256;
const GATEWAY_BYTES = 16;

/** The trie of a table without routes. */
const NO_ROUTES = new Int32Array(NODE_WORDS);

export class RouteTable {
  /** Bytes of an address: 4 or 16. */
  readonly addressLength: 4 | 16;
  /** Columns, by row of `routes`; a gateway is at `row * 16`, its length (0, 4, 16) in `gatewayLength`. */
  kind: Int32Array = new Int32Array(0);
  ifindex: Int32Array = new Int32Array(0);
  mtu: Int32Array = new Int32Array(0);
  gatewayLength: Int32Array = new Int32Array(0);
  gateways = new Uint8Array(0);
  /** First row of the route's next hops in `nextHops`, plus one; 0 for a route with one way out. */
  choices: Int32Array = new Int32Array(0);
  /** Rows of the next hops of routes that have several; null as long as there is none. */
  nextHops: NextHops | null = null;

  /** Rules that lead to other tables; null as long as this one alone decides. */
  policy: RoutingPolicy | null = null;

  readonly #routes: Route[] = [];
  #trie = NO_ROUTES;
  #nodes = 1;
  #stale = false;
  /** Grows with every change, so that answers can be remembered. */
  changes = 0;

  constructor(addressLength: 4 | 16) {
    this.addressLength = addressLength;
  }

  get routes(): readonly Route[] {
    return this.#routes;
  }

  add(route: Route): void {
    if (route.prefix.length !== this.addressLength) throw new Error('route of another family');
    if (this.#routes.length === this.kind.length) this.#growColumns();
    this.#setRow(this.#routes.length, route);
    this.#routes.push(route);
    this.#stale = true;
    this.changes++;
  }

  remove(route: Route): void {
    const at = this.#routes.indexOf(route);
    if (at < 0) return;
    this.#routes.splice(at, 1);
    this.nextHops = null;
    this.#routes.forEach((other, row) => {
      this.#setRow(row, other);
    });
    this.#stale = true;
    this.changes++;
  }

  /** Row of the best route to the address at `bytes[at]`, or -1. */
  lookup(bytes: Uint8Array, at: number): number {
    if (this.#stale) this.#rebuild();
    const trie = this.#trie;
    const length = this.addressLength;
    let best = 0;
    let node = 0;
    for (let i = 0; i < length; i++) {
      const slot = node + bytes[at + i];
      const route = trie[slot + ROUTES_AT];
      if (route !== 0) best = route;
      node = trie[slot];
      if (node === 0) break;
    }
    return best - 1;
  }

  /** As `lookup`, but of the routes that go out of one device; goes through all of them. */
  lookupBy(bytes: Uint8Array, at: number, ifindex: number): number {
    let best = -1;
    this.#routes.forEach((route, row) => {
      if (!leadsBy(route, ifindex) || !covers(route, bytes, at)) return;
      if (best < 0 || this.#compare(best, row) < 0) best = row;
    });
    return best;
  }

  /** Whether the address at `bytes[at]` is one of the namespace's own. */
  isLocal(bytes: Uint8Array, at: number): boolean {
    const row = this.lookup(bytes, at);
    return row >= 0 && this.kind[row] === ROUTE_LOCAL;
  }

  #setRow(row: number, route: Route): void {
    this.kind[row] = route.kind ?? ROUTE_UNICAST;
    this.ifindex[row] = route.ifindex;
    this.mtu[row] = route.mtu ?? 0;
    this.gatewayLength[row] = route.gateway?.length ?? 0;
    if (route.gateway) this.gateways.set(route.gateway, row * GATEWAY_BYTES);
    this.choices[row] = 0;
    if (route.nextHops === undefined) return;
    this.nextHops ??= new NextHops(new RouteTable(this.addressLength));
    this.choices[row] = this.nextHops.add(route) + 1;
  }

  #growColumns(): void {
    const rows = Math.max(8, this.kind.length * 2);
    const grown = (column: Int32Array): Int32Array => {
      const larger = new Int32Array(rows);
      larger.set(column);
      return larger;
    };
    this.kind = grown(this.kind);
    this.ifindex = grown(this.ifindex);
    this.mtu = grown(this.mtu);
    this.gatewayLength = grown(this.gatewayLength);
    this.choices = grown(this.choices);
    const gateways = new Uint8Array(rows * GATEWAY_BYTES);
    gateways.set(this.gateways);
    this.gateways = gateways;
  }

  #rebuild(): void {
    this.#trie = new Int32Array(NODE_WORDS);
    this.#nodes = 1;
    // Later rows overwrite earlier ones, so the better route comes later.
    const rows = this.#routes.map((_, row) => row).sort((a, b) => this.#compare(a, b));
    for (const row of rows) this.#insert(row);
    this.#stale = false;
  }

  #compare(a: number, b: number): number {
    const [first, second] = [this.#routes[a], this.#routes[b]];
    return (
      first.prefixLength - second.prefixLength ||
      Number(this.kind[a] === ROUTE_LOCAL) - Number(this.kind[b] === ROUTE_LOCAL) ||
      (second.metric ?? 0) - (first.metric ?? 0) ||
      b - a
    );
  }

  #insert(row: number): void {
    const { prefix, prefixLength } = this.#routes[row];
    const level = prefixLength === 0 ? 0 : (prefixLength - 1) >> 3;
    let node = 0;
    for (let i = 0; i < level; i++) {
      const slot = node + prefix[i];
      if (this.#trie[slot] === 0) {
        const child = this.#addNode();
        this.#trie[slot] = child;
      }
      node = this.#trie[slot];
    }
    const covered = 1 << (8 * (level + 1) - prefixLength);
    const first = prefix[level] & (256 - covered);
    const slot = node + ROUTES_AT + first;
    this.#trie.fill(row + 1, slot, slot + covered);
  }

  #addNode(): number {
    const node = this.#nodes++ * NODE_WORDS;
    if (node === this.#trie.length) {
      const trie = new Int32Array(this.#trie.length * 2);
      trie.set(this.#trie);
      this.#trie = trie;
    }
    return node;
  }
}
