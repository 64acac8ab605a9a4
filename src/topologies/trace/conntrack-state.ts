/** What a packet is to the connection that conntrack looked for. */
import { formatAddress } from '../../engine/address-text.js';
import * as ct from '../../programs/tables/conntrack.js';
import { u16be, u16le } from '../../programs/tables/names.js';
import type { ConntrackState, Layer } from './model.js';

const IPV4_KEY = 14;
const PORT_PROTOCOLS = [6, 17, 132];

export function isConntrackMap(name: string): boolean {
  return /^cilium_(ct|per_cluster_ct.*_inner$)/.test(name);
}

/** By the key that was looked up, the entry found (null for none) and the packet's headers. */
export function conntrackState(
  key: Uint8Array,
  value: Uint8Array | null,
  layers: readonly Layer[],
): ConntrackState {
  const length = key.length === IPV4_KEY ? 4 : 16;
  const ports = 2 * length;
  const flags = key[ports + 5];
  if ((flags & ct.TUPLE_RELATED) !== 0) return value === null ? 'none' : 'related';
  const isService = (flags & ct.TUPLE_SERVICE) !== 0;
  // The client's end: of a service entry the key's second address, of others its first.
  const client = formatAddress(key, isService ? length : 0, length);
  const port = PORT_PROTOCOLS.includes(key[ports + 4]) ? u16be(key, ports + 2) : -1;
  const isForward = isService || comesFrom(layers, client, port);
  if (value === null) return isForward ? 'new' : 'none';
  if (!isForward) return 'reply';
  const closing = (u16le(value, ct.FLAGS * 4) & ct.CLOSING) !== 0;
  const isSyn = layers.some(
    ({ protocol, fields }) => protocol === 'TCP' && /^SYN$/.test(String(fields.flags)),
  );
  return closing && isSyn ? 'reopened' : 'established';
}

/** One of the frame's packets, outer or inner, has this source. */
function comesFrom(layers: readonly Layer[], address: string, port: number): boolean {
  return layers.some(({ protocol, fields }, i) => {
    if ((protocol !== 'IPv4' && protocol !== 'IPv6') || fields.source !== address) return false;
    const own = layers[i + 1]?.fields['source port'];
    return port < 0 || own === undefined || own === port;
  });
}
