/** The ways out of routes that have several (fib_select_multipath): each a route of its own, of which a flow takes one. */
import type { Namespace } from '../namespace.js';
import type { Route, RouteTable } from './route-table.js';

/** Hashes have 31 bits. */
const HASHES = 0x80000000;

export class NextHops {
  /** Columns of the next hops, those of one route in a row. */
  readonly table: RouteTable;
  /** By row: its weight, and how many of its route follow. */
  readonly #weights: number[] = [];
  readonly #following: number[] = [];

  constructor(table: RouteTable) {
    this.table = table;
  }

  /** Adds a route's next hops; answers the first one's row. */
  add(route: Route): number {
    const first = this.#weights.length;
    const { nextHops = [], ...common } = route;
    nextHops.forEach(({ ifindex, gateway = null, weight = 1 }, i) => {
      this.table.add({ ...common, ifindex, gateway });
      this.#weights.push(weight);
      this.#following.push(nextHops.length - 1 - i);
    });
    return first;
  }

  /**
   * The row of the next hop that flows of a 31-bit hash take, among those that begin at `first`: each has as large a part
   * of all hashes as it weighs. Those whose devices are down have none; the first where all are.
   */
  choose(first: number, hash: number, namespace: Namespace): number {
    const last = first + this.#following[first];
    let total = 0;
    for (let row = first; row <= last; row++) total += this.#weightOf(row, namespace);
    let sum = 0;
    for (let row = first; row <= last; row++) {
      const weight = this.#weightOf(row, namespace);
      sum += weight;
      if (weight !== 0 && hash < Math.floor((sum * HASHES + (total >> 1)) / total)) return row;
    }
    return first;
  }

  /** The row of the next hop by a device, or -1. */
  by(first: number, ifindex: number): number {
    const last = first + this.#following[first];
    for (let row = first; row <= last; row++) if (this.table.ifindex[row] === ifindex) return row;
    return -1;
  }

  #weightOf(row: number, namespace: Namespace): number {
    return namespace.device(this.table.ifindex[row])?.up === true ? this.#weights[row] : 0;
  }
}
