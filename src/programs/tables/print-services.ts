/** `cilium-dbg bpf lb list` and `bpf lb maglev`: rows of Cilium's map tables, as of 1.18. */
import { formatIpv4, formatIpv6 } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import type { MapOfMaps } from '../../engine/maps/map-of-maps.js';
import { recordsOf } from '../../engine/maps/records.js';
import { STATE_NAMES } from './backends.js';
import { addressPort, atCluster, netipAddress, protocolName, u16be, u16le, u32le } from './names.js';
import * as services from './services.js';
import type { MapTableRow } from './tab-writer.js';

/** Values of service entries. */
const COUNT_AT = 4;
export const REVERSE_NAT_AT = 6;
export const FLAGS_AT = 8;
const QUARANTINED_AT = 10;

/** `10.96.0.1:443/TCP`, with `/i` behind it for the internal scope. */
export function frontendText(key: Uint8Array): string {
  const length = key.length === 12 ? 4 : 16;
  const scope = key[length + 5] === services.SCOPE_INTERNAL ? '/i' : '';
  return `${addressPort(key, 0, length, u16be(key, length))}/${protocolName(key[length + 4])}${scope}`;
}

/** `10.96.0.1:443/TCP (0)`. */
function slotText(key: Uint8Array): string {
  return `${frontendText(key)} (${slotOf(key)})`;
}

function slotOf(key: Uint8Array): number {
  return u16le(key, key.length === 12 ? 6 : 18);
}

/** `bpf lb list`: frontends and slots of one family, with the backends that the slots name. */
export function serviceRows(map: BpfMap, backends: BpfMap): MapTableRow[] {
  const texts = new Map(recordsOf(backends).map(({ key, value }) => [u32le(key, 0), backendText(value)]));
  return recordsOf(map).map(({ key, value }) => {
    const slot = slotOf(key);
    const reverseNat = u16be(value, REVERSE_NAT_AT);
    if (slot === 0) return [slotText(key), serviceText(value, key.length === 12, reverseNat)];
    const id = u32le(value, 0);
    const backend = texts.get(id);
    const text = backend === undefined ? `backend ${id} not found` : `${backend} (${reverseNat}) (${slot})`;
    return [slotText(key), text];
  });
}

/** `172.18.0.3:6443/TCP`. */
export function backendText(value: Uint8Array): string {
  const length = value.length === 12 ? 4 : 16;
  return `${addressPort(value, 0, length, u16be(value, length))}/${protocolName(value[length + 2])}`;
}

/** `active`, of a backend. */
export function stateText(value: Uint8Array): string {
  const state = value[value.length === 12 ? 7 : 19];
  return STATE_NAMES[state] ?? String(state);
}

function serviceText(value: Uint8Array, isV4: boolean, reverseNat: number): string {
  const flags = u16le(value, FLAGS_AT);
  const proxy = (flags & services.L7_LOADBALANCER) !== 0 ? `(L7LB Proxy Port: ${u16be(value, 0)})` : '';
  return `${isV4 ? '0.0.0.0' : '[::]'}:0 (${reverseNat}) (0) [${serviceFlags(flags).join(', ')}] ${proxy}`;
}

const TYPES: readonly (readonly [number, string])[] = [
  [services.EXTERNAL_IP, 'ExternalIPs'],
  [services.NODEPORT, 'NodePort'],
  [services.LOADBALANCER, 'LoadBalancer'],
  [services.HOSTPORT, 'HostPort'],
  [services.LOCAL_REDIRECT, 'LocalRedirect'],
];

/** `NodePort`, …; `ClusterIP` without a type's flag. */
export function serviceTypeName(flags: number): string {
  return TYPES.find(([bit]) => (flags & bit) !== 0)?.[1] ?? 'ClusterIP';
}

/** What `bpf lb list` prints in brackets. */
export function serviceFlags(flags: number): string[] {
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const names = [serviceTypeName(flags)];
  const add = (bit: number, name: string): void => {
    if (has(bit)) names.push(name);
  };
  add(services.EXTERNAL_LOCAL_SCOPE, 'Local');
  add(services.INTERNAL_LOCAL_SCOPE, 'InternalLocal');
  add(services.TWO_SCOPES, 'two-scopes');
  add(services.AFFINITY, 'sessionAffinity');
  if (!has(services.ROUTABLE)) names.push('non-routable');
  const denies = has(services.SOURCE_RANGE) && has(services.SOURCE_RANGE_DENY);
  add(services.SOURCE_RANGE, 'check source-range');
  if (denies) names.push('deny');
  add(services.NAT_46X64, '46x64');
  add(services.L7_LOADBALANCER, 'l7-load-balancer');
  add(services.LOOPBACK_OR_L7_DELEGATE, has(services.HOSTPORT) ? 'loopback' : 'delegate-if-local');
  if (!denies) add(services.SOURCE_RANGE_DENY, 'quarantined');
  add(services.FORWARDING_MODE_DSR, 'dsr');
  return names;
}

/** `bpf lb list --frontends`. */
export function frontendRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key, value }) => [
    slotText(key),
    `${u32le(value, 0)} ${u16le(value, COUNT_AT)}[${u16le(value, QUARANTINED_AT)}] ` +
      `(${u16be(value, REVERSE_NAT_AT)}) ` +
      `[0x${value[FLAGS_AT].toString(16)} 0x${value[FLAGS_AT + 1].toString(16)}]`,
  ]);
}

/** `bpf lb list --backends`: no port is printed. */
export function backendRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key, value }) => {
    const length = value.length === 12 ? 4 : 16;
    const cluster = atCluster(u16le(value, length + 4));
    const zone = value[length + 6] === 0 ? '' : `[${value[length + 6]}]`;
    const protocol = protocolName(value[length + 2]);
    return [String(u32le(key, 0)), `${protocol}://${netipAddress(value, 0, length)}${cluster}${zone}`];
  });
}

/** `bpf lb list --revnat`. */
export function reverseNatRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key, value }) => {
    const length = value.length === 6 ? 4 : 16;
    return [String(u16be(key, 0)), addressPort(value, 0, length, u16be(value, length))];
  });
}

/** `bpf lb list --source-ranges`. */
export function sourceRangeRows(map: BpfMap): MapTableRow[] {
  return recordsOf(map).map(({ key }) => {
    const address = key.length === 12 ? formatIpv4(key, 8) : formatIpv6(key, 8);
    return [`${address}/${u32le(key, 0) - 32} (${u16be(key, 4)})`, ''];
  });
}

/** `bpf lb maglev list` of one family: services whose table is not there are left out. */
export function maglevRows(map: MapOfMaps, isV4: boolean): MapTableRow[] {
  const rows: MapTableRow[] = [];
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    const inner = map.inner(map.valueAt(cursor));
    if (inner === null) continue;
    const [table] = recordsOf(inner);
    const ids: number[] = [];
    for (let at = 0; at < table.value.length; at += 4) ids.push(u32le(table.value, at));
    rows.push([`[${u16be(map.bytes, map.keyAt(cursor))}]/${isV4 ? 'v4' : 'v6'}`, `[${ids.join(' ')}]`]);
  }
  return rows;
}
