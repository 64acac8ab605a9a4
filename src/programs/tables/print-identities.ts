/** `cilium-dbg bpf ipcache list` and `bpf endpoint list`: rows of Cilium's map tables, as of 1.18. */
import { formatIpv4, formatIpv6, formatMac } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import * as endpoints from './endpoints.js';
import * as ipcache from './ipcache.js';
import { atCluster, netipAddress, u16le, u32le } from './names.js';
import type { MapTableRow } from './tab-writer.js';

const IPV4 = 1;
const IPV6 = 2;

const TUNNEL_FLAGS: readonly (readonly [number, string])[] = [
  [ipcache.FLAG_SKIP_TUNNEL, 'skiptunnel'],
  [ipcache.FLAG_HAS_TUNNEL_ENDPOINT, 'hastunnel'],
  [ipcache.FLAG_IPV6_TUNNEL_ENDPOINT, 'ipv6tunnel'],
];

/** `bpf ipcache list`. */
export function ipcacheRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key, value }) => [ipcachePrefix(key), ipcacheValue(value)]);
}

function ipcachePrefix(key: Uint8Array): string {
  const family = key[7];
  if (family !== IPV4 && family !== IPV6) return '<unknown>';
  const address = netipAddress(key, 8, family === IPV4 ? 4 : 16);
  return `${address}/${u32le(key, 0) - ipcache.STATIC_PREFIX}${atCluster(u16le(key, 4))}`;
}

/** `identity=1 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`. */
function ipcacheValue(value: Uint8Array): string {
  const flags = value[ipcache.FLAGS];
  const isV6 = (flags & ipcache.FLAG_IPV6_TUNNEL_ENDPOINT) !== 0;
  const tunnel = isV6
    ? formatIpv6(value, ipcache.TUNNEL_ENDPOINT)
    : formatIpv4(value, ipcache.TUNNEL_ENDPOINT);
  const names = TUNNEL_FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return (
    `identity=${u32le(value, ipcache.SECURITY_IDENTITY)} encryptkey=${value[ipcache.KEY]} ` +
    `tunnelendpoint=${tunnel} flags=${names.length === 0 ? '<none>' : names.join(',')}`
  );
}

/** `bpf endpoint list`. */
export function endpointRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key, value }) => {
    const address = netipAddress(key, 0, key[16] === IPV4 ? 4 : 16);
    return [`${address}${atCluster(u16le(key, 18))}:${key[17]}`, endpointText(value)];
  });
}

function endpointText(value: Uint8Array): string {
  const flags = u32le(value, endpoints.FLAGS);
  if ((flags & endpoints.FLAG_HOST) !== 0) return '(localhost)';
  const number = (at: number, width: number): string => String(u32le(value, at)).padEnd(width);
  const mac = (at: number): string => formatMac(value, at).toUpperCase();
  return (
    `id=${String(u16le(value, endpoints.LXC_ID)).padEnd(5)} sec_id=${number(endpoints.SECURITY_ID, 5)} ` +
    `flags=0x${flags.toString(16).toUpperCase().padStart(4, '0')} ifindex=${number(endpoints.IFINDEX, 3)} ` +
    `mac=${mac(endpoints.MAC)} nodemac=${mac(endpoints.NODE_MAC)} ` +
    `parent_ifindex=${number(endpoints.PARENT_IFINDEX, 3)}`
  );
}
