/** Claims the flows that a worker has in its maps: after a restart, and when the rule changes by which flows are shared. */
import type { BpfMap } from '../../engine/maps/map.js';
import { u16le } from '../../engine/wire/bytes.js';
import * as ct from '../../programs/tables/conntrack.js';
import type { BuiltTopology } from '../../topologies/built.js';
import type { Steering } from './steering.js';

const CONNTRACK = [
  'cilium_ct4_global',
  'cilium_ct_any4_global',
  'cilium_ct6_global',
  'cilium_ct_any6_global',
];
const NAT = ['cilium_snat_v4_external', 'cilium_snat_v6_external'];
/** Bytes of an IPv4 tuple. */
const IPV4_TUPLE = 14;

export function claimFlows({ nodes, clock }: BuiltTopology, steering: Steering): void {
  for (const { datapath } of nodes) {
    for (const name of CONNTRACK) claimAll(datapath.map(name), true, steering, clock.nowSeconds);
    for (const name of NAT) claimAll(datapath.map(name), false, steering, clock.nowSeconds);
  }
}

/**
 * Two addresses, then two ports, protocol and flags. A NAT tuple's first port is its first address's; in conntrack it is
 * the second address's (see print-conntrack.ts).
 */
function claimAll(map: BpfMap, isConntrack: boolean, steering: Steering, second: number): void {
  const words = map.spec.keySize === IPV4_TUPLE ? 1 : 4;
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    const { bytes } = map;
    const at = map.keyAt(cursor);
    const portsAt = at + 8 * words;
    // That entry is of errors about a flow that has one of its own.
    if (isConntrack && (bytes[portsAt + 5] & ct.TUPLE_RELATED) !== 0) continue;
    const [one, other] = [u16le(bytes, portsAt), u16le(bytes, portsAt + 2)];
    const [first, last] = isConntrack ? [other, one] : [one, other];
    steering.claimTuple(bytes, at, words, bytes[portsAt + 4], first, last, second);
  }
}
