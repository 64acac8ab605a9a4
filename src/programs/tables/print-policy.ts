/** `cilium-dbg bpf policy get`: text and JSON of Cilium 1.18. */
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { authName, protocolName, reservedLabel, u16be, u16le, u32le } from './names.js';
import { authType, DENY, DIRECTION_EGRESS, DIRECTION_INGRESS, proxyPort, STATIC_PREFIX } from './policy.js';
import { tabulate } from './tab-writer.js';

/** Labels of an identity that is not reserved, or null when it is not known. */
export type LabelsOf = (identity: number) => readonly string[] | null;

export interface PolicyListing {
  readonly text: string;
  /** What Cilium says on standard error: identities without labels. */
  readonly errors: string;
}

const UNAVAILABLE = 18446744073709551615n;
const DIRECTIONS: Readonly<Record<number, string>> = {
  [DIRECTION_INGRESS]: 'Ingress',
  [DIRECTION_EGRESS]: 'Egress',
};

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly deny: boolean;
  readonly identity: number;
  readonly direction: number;
  /** Bits of protocol and port. */
  readonly prefix: number;
  readonly counters: { readonly packets: bigint; readonly bytes: bigint } | null;
}

/**
 * The table of an endpoint's policy map. `stats` is `cilium_policystats`, null when the node keeps none. `labelsOf`
 * null prints identities as numbers (`-n`).
 */
export function policyText(
  map: BpfMap,
  endpointId: number,
  stats: BpfMap | null,
  labelsOf: LabelsOf | null,
): PolicyListing {
  const titles = `POLICY\tDIRECTION\t${labelsOf === null ? 'IDENTITY' : 'LABELS (source:key[=value])'}\t`;
  const rest = 'PORT/PROTO\tPROXY PORT\tAUTH TYPE\tBYTES\tPACKETS\tPREFIX\t\n';
  const rows = sortedRows(map, endpointId, stats);
  let errors = '';
  const lines = rows.flatMap((row) => {
    const [first, ...others] = identityLines(row.identity, labelsOf, (text) => {
      errors += text;
    });
    return [rowText(row, first), ...others.map((label) => `\t\t${label}\t\t\t\t\t\t\t\n`)];
  });
  const empty = rows.length === 0 ? 'Policy stats empty. Perhaps the policy enforcement is disabled?\n' : '';
  return { text: tabulate(titles + rest + lines.join('')) + empty, errors };
}

/** Deny first, then by direction, then by identity; ties stay in map order. */
function sortedRows(map: BpfMap, endpointId: number, stats: BpfMap | null): Row[] {
  const counters = stats === null ? null : countersOf(stats, endpointId);
  return recordsOf(map)
    .map(({ key, value }) => {
      const prefix = u32le(key, 0) - STATIC_PREFIX;
      return {
        key,
        value,
        deny: (u32le(value, 0) & DENY) !== 0,
        identity: u32le(key, 4),
        direction: key[8] & 1,
        prefix,
        counters: counters?.get(statsName(prefix, key)) ?? null,
      };
    })
    .sort((a, b) => Number(b.deny) - Number(a.deny) || a.direction - b.direction || a.identity - b.identity);
}

/** Sums over the CPUs of an endpoint's counters, by what `statsName` makes of an entry. */
function countersOf(stats: BpfMap, endpointId: number): Map<string, NonNullable<Row['counters']>> {
  return new Map(
    recordsOf(stats)
      .filter(({ key }) => u16le(key, 0) === endpointId)
      .map(({ key, values }) => {
        const sum = (at: number): bigint =>
          values.reduce(
            (total, value) => total + new DataView(value.buffer, value.byteOffset).getBigUint64(at, true),
            0n,
          );
        return [statsName(key[3], key), { packets: sum(0), bytes: sum(8) }];
      }),
  );
}

/** Policy and statistics keys agree from byte 4 on: identity, direction, protocol, port. */
function statsName(prefix: number, key: Uint8Array): string {
  return `${prefix}:${key.slice(4, 12).join('.')}`;
}

function identityLines(
  identity: number,
  labelsOf: LabelsOf | null,
  complain: (text: string) => void,
): readonly string[] {
  if (labelsOf === null) return [String(identity)];
  if (identity === 0) return ['ANY'];
  const reserved = reservedLabel(identity);
  const labels = reserved === null ? labelsOf(identity) : [reserved];
  if (labels !== null && labels.length > 0) return labels;
  complain(`Was impossible to retrieve label ID ${identity}: identity not found\n`);
  return [String(identity)];
}

function rowText(row: Row, identity: string): string {
  const { value, counters, prefix } = row;
  const proxy = u16be(value, 0);
  return [
    row.deny ? 'Deny' : 'Allow',
    DIRECTIONS[row.direction],
    identity,
    portText(row),
    proxy === 0 ? 'NONE' : proxy,
    authName(authType(u32le(value, 0))),
    counters?.bytes ?? '-',
    counters?.packets ?? '-',
    prefix,
    '\n',
  ].join('\t');
}

/** `ANY`, `TCP`, `8080-8081/TCP`, `80/TCP`. */
function portText({ key, prefix }: Row): string {
  const protocol = protocolName(key[9]);
  const low = u16be(key, 10);
  if (prefix === 0 || prefix === 8) return protocol;
  if (prefix < 8 || prefix > 24) return `<INVALID PREFIX LENGTH: ${prefix}>`;
  return prefix === 24 ? `${low}/${protocol}` : `${low}-${low + 2 ** (24 - prefix) - 1}/${protocol}`;
}

/** The list that the table is in JSON; values in network order are not swapped. */
export function policyObjects(map: BpfMap, endpointId: number, stats: BpfMap | null): object[] {
  return sortedRows(map, endpointId, stats).map(({ key, value, counters }) => ({
    ProxyPortNetwork: proxyPort(u32le(value, 0)),
    Flags: value[2],
    AuthRequirement: value[3],
    ProxyPortPriority: value[4],
    Pad1: value[5],
    Pad2: u16le(value, 6),
    Packets: counters?.packets ?? UNAVAILABLE,
    Bytes: counters?.bytes ?? UNAVAILABLE,
    Key: {
      Prefixlen: u32le(key, 0),
      Identity: u32le(key, 4),
      TrafficDirection: key[8],
      Nexthdr: key[9],
      DestPortNetwork: u16le(key, 10),
    },
  }));
}
