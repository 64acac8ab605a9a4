/** `cilium-dbg bpf metrics list`: text and JSON of Cilium 1.18. */
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { reasonText } from '../drop-reasons.js';
import { u16le, u64le } from './names.js';
import { plainTable } from './tab-writer.js';

const TITLES = ['REASON', 'DIRECTION', 'PACKETS', 'BYTES', 'LINE', 'FILE'];
const DIRECTIONS = ['UNKNOWN', 'INGRESS', 'EGRESS', 'SERVICE'];

const FILES: ReadonlyMap<number, string> = new Map([
  ...['host', 'lxc', 'overlay', 'xdp', 'sock', 'network', 'wireguard'].map(
    (name, i) => [i + 1, `bpf_${name}.c`] as const,
  ),
  ...(
    'arp drop srv6 icmp6 nodeport lb mcast ipv4 conntrack local_delivery trace encap encrypt host_firewall ' +
    'nodeport_egress ipv6 classifiers'
  )
    .split(' ')
    .map((name, i) => [i + 101, `${name}.h`] as const),
]);

interface Row {
  readonly reason: string;
  readonly direction: string;
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly line: number;
  readonly file: string;
}

function rowsOf(map: BpfMap): Row[] {
  return recordsOf(map).map(({ key, values }) => ({
    reason: metricReason(key[0]),
    direction: DIRECTIONS[key[1] & 3],
    packets: values.reduce((sum, value) => sum + u64le(value, 0), 0n),
    bytes: values.reduce((sum, value) => sum + u64le(value, 8), 0n),
    line: u16le(key, 2),
    file: sourceFileName(key[4]),
  }));
}

/** `bpf_lxc.c`, by the number that metrics and drop events have. */
export function sourceFileName(file: number): string {
  return FILES.get(file) ?? `unknown(${file})`;
}

/** A number without a text prints as `n, 0`. */
function metricReason(reason: number): string {
  const text = reasonText(reason);
  return text === String(reason) ? `${reason}, 0` : text;
}

/** The table, or null when there is nothing in the map: rows sorted as texts, packets too. */
export function metricsText(map: BpfMap): string | null {
  const rows = rowsOf(map).map(({ reason, direction, packets, bytes, line, file }) => [
    reason,
    direction,
    String(packets),
    String(bytes),
    String(line),
    file,
  ]);
  if (rows.length === 0) return null;
  return plainTable(TITLES, rows.sort(compareTexts));
}

function compareTexts(a: readonly string[], b: readonly string[]): number {
  const column = a.findIndex((text, i) => text !== b[i]);
  return column < 0 ? 0 : a[column] < b[column] ? -1 : 1;
}

/** The JSON form; entries that agree in reason, direction, line and file are summed. Null when there are none. */
export function metricsObjects(map: BpfMap): object[] | null {
  const sums = new Map<string, Row>();
  for (const row of rowsOf(map)) {
    const name = [row.reason, row.direction, row.line, row.file].join('\t');
    const other = sums.get(name);
    const packets = row.packets + (other?.packets ?? 0n);
    const bytes = row.bytes + (other?.bytes ?? 0n);
    sums.set(name, { ...row, direction: row.direction.toLowerCase(), packets, bytes });
  }
  return sums.size === 0 ? null : [...sums.values()];
}
