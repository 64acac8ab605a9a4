/** What packets have left in a node's netfilter, as plain data: connections, and what rules have counted. */
import { ORIGINAL, PENDING } from '../engine/netfilter/conntrack.js';
import type { Netfilter } from '../engine/netfilter/netfilter.js';
import { TUPLE_WORDS } from '../engine/netfilter/tuple.js';

interface Connection {
  /** Of both directions. */
  readonly tuples: Int32Array;
  readonly status: number;
  readonly mark: number;
  readonly expiresNs: number;
  readonly tcpState: number;
}

export interface NetfilterSnapshot {
  readonly connections: readonly Connection[];
  /** Packets and bytes of each chain and rule, in the order of `counted`. */
  readonly counts: readonly (readonly [packets: number, bytes: number])[];
}

/** Whatever of the tables counts. */
function counted(netfilter: Netfilter): { packets: number; bytes: number }[] {
  const tables = [...netfilter.tables(4), ...netfilter.tables(6)];
  return tables.flatMap(({ chains }) => chains.flatMap((chain) => [chain, ...chain.rules]));
}

export function takeNetfilter(netfilter: Netfilter): NetfilterSnapshot {
  const { conntrack } = netfilter;
  const connections: Connection[] = [];
  for (let row = conntrack.next(PENDING); row > 0; row = conntrack.next(row)) {
    const at = conntrack.tupleAt(row, ORIGINAL);
    connections.push({
      tuples: conntrack.tuples.slice(at, at + 2 * TUPLE_WORDS),
      status: conntrack.status[row],
      mark: conntrack.marks[row],
      expiresNs: conntrack.expiresNs[row],
      tcpState: conntrack.tcp.states[row],
    });
  }
  return { connections, counts: counted(netfilter).map(({ packets, bytes }) => [packets, bytes]) };
}

/** Adds a snapshot to what a netfilter with the same rules holds. */
export function addNetfilter(netfilter: Netfilter, { connections, counts }: NetfilterSnapshot): void {
  const { conntrack } = netfilter;
  for (const { tuples, status, mark, expiresNs, tcpState } of connections) {
    conntrack.tuples.set(tuples, conntrack.tupleAt(PENDING, ORIGINAL));
    conntrack.status[PENDING] = status;
    conntrack.marks[PENDING] = mark;
    conntrack.expiresNs[PENDING] = expiresNs;
    conntrack.tcp.states[PENDING] = tcpState;
    conntrack.entry = PENDING;
    conntrack.confirm();
  }
  counted(netfilter).forEach((counter, i) => {
    counter.packets += counts[i]?.[0] ?? 0;
    counter.bytes += counts[i]?.[1] ?? 0;
  });
}
