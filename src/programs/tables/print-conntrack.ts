/** `cilium-dbg bpf ct list`: text of Cilium 1.18 and of older ones, records of 1.18's JSON. */
import type { BpfMap } from '../../engine/maps/map.js';
import { type MapRecord, recordsOf } from '../../engine/maps/records.js';
import * as ct from './conntrack.js';
import { netIp, numbers, protocolName, u16be, u16le, u32le, u64le } from './names.js';

/** Byte offset of a value's word. */
const at = (word: number): number => word * 4;

/** Minor versions of Cilium 1.x since which: both directions are counted as one, and no interface is printed. */
const COUNTED_TOGETHER = 16;
const WITHOUT_INTERFACE = 18;
/** … service entries have a direction of their own, and 0x80 has its present name. */
const SERVICE_DIRECTION = 15;
const DSR_INTERNAL = 16;

/** Names of the flags in printing order; 0x200 has none. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [ct.FLAG_RX_CLOSING, 'RxClosing'],
  [ct.FLAG_TX_CLOSING, 'TxClosing'],
  [0x4, 'Nat64'],
  [ct.FLAG_LB_LOOPBACK, 'LBLoopback'],
  [ct.FLAG_SEEN_NON_SYN, 'SeenNonSyn'],
  [ct.FLAG_NODE_PORT, 'NodePort'],
  [ct.FLAG_PROXY_REDIRECT, 'ProxyRedirect'],
  [ct.FLAG_DSR_INTERNAL, 'DSRInternal'],
  [ct.FLAG_FROM_L7_LB, 'FromL7LB'],
  [ct.FLAG_FROM_TUNNEL, 'FromTunnel'],
];
const UNKNOWN_FLAGS = 0xf800;

/** Offsets of a tuple key behind its two addresses of `length` bytes. */
function tupleOf(key: Uint8Array): { length: number; ports: number; protocol: number; flags: number } {
  const length = key.length === 14 ? 4 : 16;
  return { length, ports: 2 * length, protocol: key[2 * length + 4], flags: key[2 * length + 5] };
}

/**
 * The entries of one map and the empty line behind them. `nowSeconds`: with `--time-diff`, the clock that the
 * lifetimes are compared with; null without. `minor`: as Cilium 1.MINOR prints it.
 */
export function conntrackText(
  map: BpfMap,
  nowSeconds: number | null = null,
  minor = WITHOUT_INTERFACE,
): string {
  const lines = recordsOf(map)
    .filter(({ key }) => tupleOf(key).protocol !== 0)
    .map((record) => line(record, nowSeconds, minor));
  return `${lines.join('')}\n`;
}

function line({ key, value }: MapRecord, nowSeconds: number | null, minor: number): string {
  return `${conntrackTuple(key, minor)} ${valueText(value, nowSeconds, minor)}\n`;
}

/** `TCP OUT 10.0.0.1:1000 -> 10.0.0.2:80`, with `related` behind it for the entry of its ICMP errors. */
export function conntrackTuple(key: Uint8Array, minor = WITHOUT_INTERFACE): string {
  const { length, ports, protocol, flags } = tupleOf(key);
  const hasService = (flags & ct.TUPLE_SERVICE) !== 0;
  const isService = hasService && minor >= SERVICE_DIRECTION;
  const direction = isService ? 'SVC' : (flags & ct.TUPLE_IN) !== 0 ? 'IN' : 'OUT';
  // The field names fit service entries; of the others, addresses are swapped against them and ports are not.
  const [sourceAt, destinationAt] = isService ? [length, 0] : [0, length];
  const [sourcePortAt, destinationPortAt] = isService ? [ports, ports + 2] : [ports + 2, ports];
  const source = `${netIp(key, sourceAt, length)}:${u16be(key, sourcePortAt)}`;
  const destination = `${netIp(key, destinationAt, length)}:${u16be(key, destinationPortAt)}`;
  const related = (flags & ct.TUPLE_RELATED) !== 0 ? ' related' : '';
  const service = hasService && !isService ? ' service' : '';
  return `${protocolName(protocol)} ${direction} ${source} -> ${destination}${related}${service}`;
}

function valueText(value: Uint8Array, nowSeconds: number | null, minor: number): string {
  const expires = u32le(value, at(ct.LIFETIME));
  const remaining = nowSeconds === null ? '' : ` (remaining: ${expires - nowSeconds} sec(s))`;
  const isTogether = minor >= COUNTED_TOGETHER;
  const backend = `BackendID=${u64le(value, at(ct.BACKEND_ID))} `;
  return [
    `expires=${expires}${remaining}`,
    isTogether
      ? countText('', value, ct.PACKETS, ct.BYTES)
      : countText('Rx', value, ct.RX_PACKETS, ct.RX_BYTES),
    `RxFlagsSeen=0x${hex(value[at(ct.FLAGS_SEEN) + 3], 2)}`,
    `LastRxReport=${u32le(value, at(ct.LAST_RX_REPORT))}`,
    ...(isTogether ? [] : [countText('Tx', value, ct.TX_PACKETS, ct.TX_BYTES)]),
    `TxFlagsSeen=0x${hex(value[at(ct.FLAGS_SEEN) + 2], 2)}`,
    `LastTxReport=${u32le(value, at(ct.LAST_TX_REPORT))}`,
    `Flags=${flagsText(u16le(value, at(ct.FLAGS)), minor)}`,
    `RevNAT=${u16be(value, at(ct.FLAGS) + 2)}`,
    `SourceSecurityID=${u32le(value, at(ct.SOURCE_IDENTITY))}`,
    ...(minor >= WITHOUT_INTERFACE ? [] : [isTogether ? 'IfIndex=0' : 'IfIndex=0 ']),
    ...(isTogether ? [backend] : []),
  ].join(' ');
}

function countText(side: string, value: Uint8Array, packets: number, bytes: number): string {
  return `${side}Packets=${u64le(value, at(packets))} ${side}Bytes=${u64le(value, at(bytes))}`;
}

/** Names of an entry's flags, in printing order. */
export function conntrackFlags(flags: number): string[] {
  return FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

function flagsText(flags: number, minor: number): string {
  const names = conntrackFlags(flags).map((name) =>
    name === 'DSRInternal' && minor < DSR_INTERNAL ? 'DSR ' : `${name} `,
  );
  const unknown = (flags & UNKNOWN_FLAGS) === 0 ? '' : `Unknown=0x${hex(flags & UNKNOWN_FLAGS, 4)} `;
  return `0x${hex(flags, 4)} [ ${names.join('')}${unknown}]`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Records of the JSON form: raw fields, not swapped. */
export function conntrackObjects(map: BpfMap): object[] {
  return recordsOf(map)
    .filter(({ key }) => tupleOf(key).protocol !== 0)
    .map(({ key, value }) => ({
      Key: tupleObject(key),
      Value: {
        Reserved0: u64le(value, 0),
        BackendID: u64le(value, at(ct.BACKEND_ID)),
        Packets: u64le(value, at(ct.PACKETS)),
        Bytes: u64le(value, at(ct.BYTES)),
        Lifetime: u32le(value, at(ct.LIFETIME)),
        Flags: u16le(value, at(ct.FLAGS)),
        RevNAT: u16le(value, at(ct.FLAGS) + 2),
        Reserved4: u16le(value, at(ct.FLAGS_SEEN)),
        TxFlagsSeen: value[at(ct.FLAGS_SEEN) + 2],
        RxFlagsSeen: value[at(ct.FLAGS_SEEN) + 3],
        SourceSecurityID: u32le(value, at(ct.SOURCE_IDENTITY)),
        LastTxReport: u32le(value, at(ct.LAST_TX_REPORT)),
        LastRxReport: u32le(value, at(ct.LAST_RX_REPORT)),
      },
    }));
}

/** A tuple key as JSON shows it, of conntrack and of NAT. */
export function tupleObject(key: Uint8Array): object {
  const { length, ports, protocol, flags } = tupleOf(key);
  return {
    DestAddr: numbers(key, 0, length),
    SourceAddr: numbers(key, length, length),
    DestPort: u16le(key, ports),
    SourcePort: u16le(key, ports + 2),
    NextHeader: protocol,
    Flags: flags,
  };
}
