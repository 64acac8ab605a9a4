/**
 * Cilium's small lists (`cilium-dbg bpf egress list` and its like), as of 1.18: titles, rows, and what JSON makes of
 * a row. Rows are in map order.
 */
import { formatAddress, formatIpv4, formatMac } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { authName, netIp, protocolName, u16be, u16le, u32le, u64le } from './names.js';
import type { MapTableRow } from './tab-writer.js';

/** A table whose cells are texts, and the same rows as JSON has them. */
export interface SmallList {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly objects: readonly object[];
}

function smallList(
  titles: readonly string[],
  names: readonly string[],
  rows: readonly (readonly (string | number | bigint)[])[],
  objects?: readonly object[],
): SmallList {
  return {
    titles,
    rows: rows.map((cells) => cells.map(String)),
    objects: objects ?? rows.map((cells) => Object.fromEntries(cells.map((cell, i) => [names[i], cell]))),
  };
}

/** `bpf egress list`: an IPv4 and an IPv6 map. */
export function egressList(maps: readonly BpfMap[]): SmallList {
  const rows = maps.flatMap((map) => {
    const length = map.spec.keySize === 12 ? 4 : 16;
    return recordsOf(map).map(({ key, value }) => {
      const gateway = formatIpv4(value, length);
      return [
        formatAddress(key, 4, length),
        `${formatAddress(key, 4 + length, length)}/${u32le(key, 0) - 8 * length}`,
        formatAddress(value, 0, length),
        length === 16 ? gateway : gatewayText(gateway),
      ];
    });
  });
  return smallList(
    ['Source IP', 'Destination CIDR', 'Egress IP', 'Gateway IP'],
    ['SourceIP', 'DestCIDR', 'EgressIP', 'GatewayIP'],
    rows,
  );
}

/** The two addresses of gateways that are none have names. */
export function gatewayText(gateway: string): string {
  return gateway === '0.0.0.0' ? 'Not Found' : gateway === '0.0.0.1' ? 'Excluded CIDR' : gateway;
}

/** Keys that are prefix length and address: `bpf ipmasq list`. */
export function prefixTexts(maps: readonly BpfMap[]): string[] {
  return maps.flatMap((map) =>
    recordsOf(map).map(({ key }) => `${formatAddress(key, 4, key.length - 4)}/${u32le(key, 0)}`),
  );
}

/** `bpf frag list`: ports are printed in raw order. */
export function fragmentList(maps: readonly BpfMap[]): SmallList {
  const records = maps.flatMap((map) =>
    recordsOf(map).map(({ key, value }) => {
      const isV4 = key.length === 12;
      const length = isV4 ? 4 : 16;
      const source = netIp(key, isV4 ? 4 : 8, length);
      const destination = netIp(key, isV4 ? 0 : 24, length);
      return {
        ID: isV4 ? u16be(key, 8) : new DataView(key.buffer, key.byteOffset).getUint32(0),
        Proto: key[isV4 ? 10 : 4],
        SourceAddress: `${source}:${u16le(value, 0)}`,
        DestAddress: `${destination.includes(':') ? `[${destination}]` : destination}:${u16le(value, 2)}`,
      };
    }),
  );
  return smallList(
    ['ID', 'PROTO', 'SOURCE ADDRESS:PORT', 'DEST ADDRESS:PORT'],
    [],
    records.map(({ ID, Proto, SourceAddress, DestAddress }) => [
      ID,
      protocolName(Proto),
      SourceAddress,
      DestAddress,
    ]),
    records,
  );
}

/** `bpf vtep list`. */
export function vtepRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key, value }) => [
    formatIpv4(key),
    `vtepmac=${formatMac(value)} tunnelendpoint=${formatIpv4(value, 8)}`,
  ]);
}

/** `bpf nodeid list`. */
export function nodeList(map: BpfMap): SmallList {
  const records = recordsOf(map).map(({ key, value }) => ({
    ID: u16le(value, 0),
    Address: netIp(key, 4, key[3] === 1 ? 4 : 16),
    SPI: value[2],
  }));
  return smallList(
    ['NODE ID', 'IP ADDRESSES', 'SPI'],
    [],
    records.map(({ ID, Address, SPI }) => [`0x${ID.toString(16)}`, Address, SPI]),
    records,
  );
}

/** A stored expiry counts ticks of 512 ns. */
const TICKS_PER_SECOND = 1_953_125n;

/** `bpf auth list`, in UTC. */
export function authList(map: BpfMap): SmallList {
  const records = recordsOf(map).map(({ key, value }) => {
    const ticks = u64le(value, 0);
    return {
      identities: [u32le(key, 0), u32le(key, 4), u16le(key, 8)] as const,
      auth: authName(key[10] & 0x7f),
      seconds: Number(ticks / TICKS_PER_SECOND),
      nanoseconds: Number((ticks % TICKS_PER_SECOND) * 512n),
    };
  });
  return smallList(
    ['SRC IDENTITY', 'DST IDENTITY', 'REMOTE NODE ID', 'AUTH TYPE', 'EXPIRATION'],
    [],
    records.map(({ identities, auth, seconds, nanoseconds }) => {
      const [date, time] = utc(seconds);
      return [...identities, auth, `${date} ${time}${fraction(nanoseconds)} +0000 UTC`];
    }),
    records.map(({ identities: [local, remote, node], auth, seconds, nanoseconds }) => {
      const [date, time] = utc(seconds);
      return {
        LocalIdentity: local,
        RemoteIdentity: remote,
        RemoteNodeID: node,
        AuthType: auth,
        Expiration: `${date}T${time}${fraction(nanoseconds)}Z`,
      };
    }),
  );
}

function utc(seconds: number): readonly [date: string, time: string] {
  const text = new Date(seconds * 1000).toISOString();
  return [text.slice(0, 10), text.slice(11, 19)];
}

/** `.5`: as Go prints it, without trailing zeros. */
function fraction(nanoseconds: number): string {
  const digits = String(nanoseconds).padStart(9, '0').replace(/0+$/, '');
  return digits === '' ? '' : `.${digits}`;
}

/** `bpf srv6 policy`. */
export function srv6PolicyList(maps: readonly BpfMap[]): SmallList {
  const rows = maps.flatMap((map) =>
    recordsOf(map).map(({ key, value }) => {
      const prefix = `${formatAddress(key, 8, key.length - 8)}/${u32le(key, 0) - 32}`;
      return [u32le(key, 4), prefix, formatAddress(value, 0, 16)];
    }),
  );
  return smallList(['VRF ID', 'Destination CIDR', 'SID'], ['VRFID', 'DestCIDR', 'SID'], rows);
}

/** `bpf srv6 sid`. */
export function srv6SegmentList(map: BpfMap): SmallList {
  const rows = recordsOf(map).map(({ key, value }) => [formatAddress(key, 0, 16), u32le(value, 0)]);
  return smallList(['SID', 'VRF ID'], ['SID', 'VRFID'], rows);
}

/** `bpf srv6 vrf`. */
export function srv6VrfList(maps: readonly BpfMap[]): SmallList {
  const rows = maps.flatMap((map) => {
    const length = map.spec.keySize === 12 ? 4 : 16;
    return recordsOf(map).map(({ key, value }) => [
      formatAddress(key, 4, length),
      `${formatAddress(key, 4 + length, length)}/${u32le(key, 0) - 8 * length}`,
      u32le(value, 0),
    ]);
  });
  return smallList(['Source IP', 'Destination CIDR', 'VRF ID'], ['SourceIP', 'DestCIDR', 'ID'], rows);
}

/** `bpf config list`: two rows, whatever else the map holds. */
export function configList(map: BpfMap): SmallList {
  const records = recordsOf(map);
  const rows = [
    ['AgentLiveness', u64le(records[1].value, 0)],
    ['UTimeOffset', u64le(records[0].value, 0)],
  ];
  return smallList(['KEY', 'VALUE'], ['Key', 'Value'], rows);
}
