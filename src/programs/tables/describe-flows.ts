/** Entries of services, backends, connections and NAT mappings in words; see describe.ts. */
import * as backends from './backends.js';
import * as ct from './conntrack.js';
import type { Described, ValueField } from './describe.js';
import { addressPort, u16be, u16le, u32le, u64le } from './names.js';
import * as nat from './nat.js';
import { conntrackFlags, conntrackTuple } from './print-conntrack.js';
import { natTuple } from './print-nat.js';
import { backendText, frontendText, serviceFlags, stateText } from './print-services.js';
import * as services from './services.js';

const NONE: readonly ValueField[] = [];

/** `10.96.0.80:80/TCP slot 0`. */
export function describeService(key: Uint8Array, value: Uint8Array): Described {
  const length = key.length === 12 ? 4 : 16;
  const slot = u16le(key, length + 2);
  const text = `${frontendText(key)} slot ${slot}`;
  if (value.length === 0) return { key: text, value: NONE };
  const reverseNat: ValueField = ['rev_nat', String(u16be(value, 6))];
  if (slot !== 0) return { key: text, value: [['backend', String(u32le(value, 0))], reverseNat] };
  const flags = u16le(value, 8);
  const fields: ValueField[] = [['count', String(u16le(value, 4))]];
  if (u16le(value, 10) !== 0) fields.push(['quarantined', String(u16le(value, 10))]);
  fields.push(reverseNat, ['flags', `[${serviceFlags(flags).join(', ')}]`]);
  const first = u32le(value, 0);
  if ((flags & services.L7_LOADBALANCER) !== 0) fields.push(['proxy port', String(u16be(value, 0))]);
  else {
    const timeout = first & services.AFFINITY_TIMEOUT_MASK;
    const algorithm = first >>> services.ALGORITHM_SHIFT;
    if (timeout !== 0) fields.push(['affinity', `${timeout} s`]);
    if (algorithm === services.ALGORITHM_RANDOM) fields.push(['algorithm', 'random']);
    if (algorithm === services.ALGORITHM_MAGLEV) fields.push(['algorithm', 'maglev']);
  }
  return { key: text, value: fields };
}

export function describeBackend(key: Uint8Array, value: Uint8Array): Described {
  const text = String(u32le(key, 0));
  if (value.length === 0) return { key: text, value: NONE };
  const length = value.length === 12 ? 4 : 16;
  const fields: ValueField[] = [['address', backendText(value)]];
  if (value[length + 3] !== backends.STATE_ACTIVE) {
    fields.push(['state', stateText(value)]);
  }
  if (u16le(value, length + 4) !== 0) fields.push(['cluster', String(u16le(value, length + 4))]);
  if (value[length + 6] !== 0) fields.push(['zone', String(value[length + 6])]);
  return { key: text, value: fields };
}

export function describeConnection(key: Uint8Array, value: Uint8Array): Described {
  const isService = (key[key.length - 1] & ct.TUPLE_SERVICE) !== 0;
  return { key: conntrackTuple(key), value: value.length === 0 ? NONE : connection(value, isService) };
}

/** `XLATE_SRC 172.16.0.1:40000`: what the packet's source (OUT) or destination (IN) becomes. */
export function describeNat(key: Uint8Array, value: Uint8Array): Described {
  const length = key.length === 14 ? 4 : 16;
  const isIn = (key[2 * length + 5] & nat.TUPLE_IN) !== 0;
  const at = nat.ADDRESS * 4;
  const fields = (): ValueField[] => [
    [isIn ? 'XLATE_DST' : 'XLATE_SRC', addressPort(value, at, length, u16be(value, at + length))],
    ['needs_ct', String(u64le(value, nat.NEEDS_CONNTRACK * 4))],
  ];
  return { key: natTuple(key), value: value.length === 0 ? NONE : fields() };
}

function connection(value: Uint8Array, isService: boolean): readonly ValueField[] {
  const word = (index: number): number => index * 4;
  const flags = u16le(value, word(ct.FLAGS));
  const fields: ValueField[] = [['expires', String(u32le(value, word(ct.LIFETIME)))]];
  const add = (name: string, text: string, shown: boolean): void => {
    if (shown) fields.push([name, text]);
  };
  const packets = u64le(value, word(ct.PACKETS));
  add('packets', String(packets), packets !== 0n);
  add('bytes', String(u64le(value, word(ct.BYTES))), packets !== 0n);
  const seenRx = value[word(ct.FLAGS_SEEN) + 3];
  const seenTx = value[word(ct.FLAGS_SEEN) + 2];
  add('rx flags', hex(seenRx), seenRx !== 0);
  add('tx flags', hex(seenTx), seenTx !== 0);
  add('flags', `[${conntrackFlags(flags).join(' ')}]`, flags !== 0);
  const reverseNat = u16be(value, word(ct.FLAGS) + 2);
  add('rev_nat', String(reverseNat), reverseNat !== 0);
  const identity = u32le(value, word(ct.SOURCE_IDENTITY));
  add('source identity', String(identity), identity !== 0);
  // Of other entries Cilium before 1.16 counts bytes there.
  const backend = isService ? u64le(value, word(ct.BACKEND_ID)) : 0n;
  add('backend', String(backend), backend !== 0n);
  return fields;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
