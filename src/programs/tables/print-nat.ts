/** `cilium-dbg bpf nat list`: text of Cilium 1.18, records of its JSON. */
import type { BpfMap } from '../../engine/maps/map.js';
import { type MapRecord, recordsOf } from '../../engine/maps/records.js';
import { TUPLE_RELATED, TUPLE_SERVICE } from './conntrack.js';
import { addressPort, numbers, protocolName, u16be, u16le, u64le } from './names.js';
import * as nat from './nat.js';
import { tupleObject } from './print-conntrack.js';

const NEEDS_CONNTRACK_AT = nat.NEEDS_CONNTRACK * 4;
const ADDRESS_AT = nat.ADDRESS * 4;

/** The entries of one map and the empty line behind them. `nowSeconds` is the clock that entries are stamped with. */
export function natText(map: BpfMap, nowSeconds: number): string {
  return `${recordsOf(map)
    .map((record) => line(record, nowSeconds))
    .join('')}\n`;
}

function line({ key, value }: MapRecord, nowSeconds: number): string {
  const length = key.length === 14 ? 4 : 16;
  const isIn = (key[2 * length + 5] & nat.TUPLE_IN) !== 0;
  const translated = addressPort(value, ADDRESS_AT, length, u16be(value, ADDRESS_AT + length));
  const created = BigInt(nowSeconds) - u64le(value, nat.CREATED * 4);
  return (
    `${natTuple(key)} ${isIn ? 'XLATE_DST' : 'XLATE_SRC'} ${translated} Created=${created}sec ago ` +
    `NeedsCT=${u64le(value, NEEDS_CONNTRACK_AT)}\n`
  );
}

/** `TCP OUT 10.0.0.1:1000 -> 192.0.2.1:80`. */
export function natTuple(key: Uint8Array): string {
  const length = key.length === 14 ? 4 : 16;
  const ports = 2 * length;
  const [protocol, flags] = [key[ports + 4], key[ports + 5]];
  const isIn = (flags & nat.TUPLE_IN) !== 0;
  const source = addressPort(key, length, length, u16be(key, ports + 2));
  const destination = addressPort(key, 0, length, u16be(key, ports));
  const related = (flags & TUPLE_RELATED) !== 0 ? ' related' : '';
  const service = (flags & TUPLE_SERVICE) !== 0 ? ' service' : '';
  return `${protocolName(protocol)} ${isIn ? 'IN' : 'OUT'} ${source} -> ${destination}${related}${service}`;
}

/** Records of the JSON form: raw fields, not swapped. */
export function natObjects(map: BpfMap): object[] {
  return recordsOf(map).map(({ key, value }) => {
    const length = key.length === 14 ? 4 : 16;
    return {
      Key: tupleObject(key),
      Value: {
        Created: u64le(value, nat.CREATED * 4),
        NeedsCT: u64le(value, NEEDS_CONNTRACK_AT),
        Pad1: u64le(value, 16),
        Pad2: u64le(value, 24),
        Addr: numbers(value, ADDRESS_AT, length),
        Port: u16le(value, ADDRESS_AT + length),
      },
    };
  });
}
