/** `tc qdisc show` and `tc filter show` of iproute2 6.1, filters also as older ones print them. */
import type { Device } from '../../engine/device.js';
import type { TcFilter } from '../../engine/hooks/clsact.js';
import type { Direction } from '../../engine/hooks/device-hooks.js';
import { MirredAction } from '../../engine/hooks/mirred.js';
import type { TcAction } from '../../engine/hooks/program.js';
import { isAtLeast, type Version } from '../version.js';
import type { Interface } from './interface.js';
import { ipJson, type JsonValue } from './json-text.js';
import { programJson, programText } from './program-text.js';

/** The first iproute2 that prints the chain of a filter. */
const CHAINS_PRINTED: Version = [4, 13];

/** EtherTypes as tc names them (`ll_proto_n2a`); others are numbers in brackets. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  3: 'all',
  2048: 'ip',
  2054: 'arp',
  25944: 'teb',
  33024: '802.1Q',
  34525: 'ipv6',
  34887: 'mpls_uc',
  34888: 'mpls_mc',
  34984: '802.1ad',
};

/** The hash table that u32 makes when none is named, and where its first key goes. */
const U32_TABLE = 0x800;

/** Those of one device; of several with their names. */
export function showQdiscs(links: readonly Interface[], options: QdiscOptions): string {
  const qdiscs = links.flatMap((one) => qdiscsOf(one));
  if (options.json) {
    const objects = qdiscs.map(({ kind, handle, dev, place, parameters }) => ({
      kind,
      handle,
      ...(options.named ? { dev } : {}),
      ...place,
      options: parameters.json,
    }));
    return ipJson(objects, options.pretty);
  }
  const lines = qdiscs.map(({ kind, handle, dev, place, parameters }) => {
    const where = place.root ? 'root refcnt 2' : `parent ${place.parent}`;
    return `qdisc ${kind} ${handle} ${options.named ? `dev ${dev} ` : ''}${where} ${parameters.text}\n`;
  });
  return lines.join('');
}

export interface QdiscOptions {
  readonly json: boolean;
  readonly pretty: boolean;
  /** Whether the device is named: where none was asked for. */
  readonly named: boolean;
}

interface Qdisc {
  readonly kind: string;
  readonly handle: string;
  readonly dev: string;
  readonly place: { readonly root?: true; readonly refcnt?: number; readonly parent?: string };
  readonly parameters: { readonly text: string; readonly json: JsonValue };
}

const NO_PARAMETERS = { text: '', json: {} };

/** What the kernel gives an fq_codel without options. */
const FQ_CODEL = {
  text: 'limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64 ',
  json: {
    limit: 10240,
    flows: 1024,
    quantum: 1514,
    target: 4999,
    interval: 99999,
    memory_limit: 33554432,
    ecn: true,
    drop_batch: 64,
  },
};

function qdiscsOf({ name, qdisc, device }: Interface): Qdisc[] {
  const root: Qdisc = {
    kind: qdisc,
    handle: '0:',
    dev: name,
    place: { root: true, refcnt: 2 },
    parameters: qdisc === 'fq_codel' ? FQ_CODEL : NO_PARAMETERS,
  };
  const attached = device?.hooks.qdisc ?? null;
  if (attached === null) return [root];
  // The older qdisc fills a column that nobody else has.
  const text = attached.kind === 'ingress' ? `${'-'.repeat(16)} ` : '';
  const place = { parent: 'ffff:fff1' };
  return [root, { kind: attached.kind, handle: 'ffff:', dev: name, place, parameters: { text, json: {} } }];
}

/** Filters of one side; without a side tc asks for the root qdisc's, of which there are none. */
export function showFilters(
  device: Device,
  direction: Direction | null,
  options: { readonly json: boolean; readonly pretty: boolean; readonly details: boolean },
): string {
  const { qdisc } = device.hooks;
  const { iproute2 } = device.namespace.node;
  const filters = direction === null || qdisc === null ? [] : qdisc[direction].filters;
  const entries = filters.map((filter, i) => ({
    filter,
    isFirst: filters[i - 1]?.priority !== filter.priority,
  }));
  if (options.json) {
    return ipJson(
      entries.flatMap(({ filter, isFirst }) => filterJson(filter, isFirst)),
      options.pretty,
    );
  }
  return entries
    .map(({ filter, isFirst }) => filterText(filter, isFirst, options.details, iproute2))
    .join('');
}

function filterText(filter: TcFilter, isFirst: boolean, details: boolean, iproute2: Version): string {
  const chain = isAtLeast(iproute2, CHAINS_PRINTED) ? 'chain 0 ' : '';
  const head = `filter protocol ${protocolName(filter.protocol)} pref ${filter.priority} ${filter.kind} ${chain}`;
  const title = isFirst ? `${head}\n` : '';
  if (filter.program === null) return `${title}${u32Text(filter, head, isFirst)}`;
  const handle = `handle 0x${filter.handle.toString(16)} `;
  const flow = filter.classid === 0 ? '' : `flowid ${classText(filter.classid)} `;
  const action = filter.directAction ? 'direct-action ' : '';
  const program = programText(filter.program, details, iproute2);
  return `${title}${head}${handle}${flow}${filter.name} ${action}not_in_hw ${program}\n`;
}

/** A u32 filter that matches all, with its actions. */
function u32Text(filter: TcFilter, head: string, isFirst: boolean): string {
  const table = U32_TABLE.toString(16);
  const tableLine = isFirst ? `${head}fh ${table}: ht divisor 1 \n` : '';
  const node = U32_TABLE + filter.handle - 1;
  const flow = filter.classid === 0 ? 'terminal flowid' : `flowid ${classText(filter.classid)}`;
  const lines = [
    `${head}fh ${table}::${node.toString(16)} order ${node} key ht ${table} bkt 0 ${flow} not_in_hw \n`,
    '  match 00000000/00000000 at 0\n',
    ...filter.actions.map((action, i) => actionText(action, i)),
    '\n',
  ];
  return tableLine + lines.join('');
}

function actionText(action: TcAction, index: number): string {
  const head = `\taction order ${index + 1}: ${action.kind}`;
  if (!(action instanceof MirredAction)) return `${head}\n`;
  const side = action.toIngress ? 'Ingress' : 'Egress';
  const what = action.mirror ? 'Mirror' : 'Redirect';
  const then = action.mirror ? 'pipe' : 'stolen';
  return `${head} (${side} ${what} to device ${action.target.name}) ${then}\n\tindex ${action.index} ref 1 bind 1\n`;
}

function filterJson(filter: TcFilter, isFirst: boolean): JsonValue[] {
  const head = {
    protocol: protocolName(filter.protocol),
    pref: filter.priority,
    kind: filter.kind,
    chain: 0,
  };
  const title = isFirst ? [head] : [];
  if (filter.program === null) return [...title, ...u32Json(filter, head, isFirst)];
  const options = {
    handle: `0x${filter.handle.toString(16)}`,
    ...(filter.classid === 0 ? {} : { flowid: classText(filter.classid) }),
    bpf_name: filter.name,
    ...(filter.directAction ? { 'direct-action': true } : {}),
    not_in_hw: true,
    prog: programJson(filter.program),
  };
  return [...title, { ...head, options }];
}

function u32Json(
  filter: TcFilter,
  head: { readonly [name: string]: JsonValue },
  isFirst: boolean,
): JsonValue[] {
  const table = U32_TABLE.toString(16);
  const tables = isFirst ? [{ ...head, options: { fh: `${table}:`, ht_divisor: 1 } }] : [];
  const node = U32_TABLE + filter.handle - 1;
  const options = {
    fh: `${table}::${node.toString(16)}`,
    order: node,
    key_ht: table,
    bkt: '0',
    not_in_hw: true,
    match: { value: '0', mask: '0', offmask: '', off: 0 },
    actions: filter.actions.map((action, i) => actionJson(action, i)),
  };
  return [...tables, { ...head, options }];
}

function actionJson(action: TcAction, index: number): JsonValue {
  const head = { order: index + 1, kind: action.kind };
  if (!(action instanceof MirredAction)) return head;
  return {
    ...head,
    mirred_action: action.mirror ? 'mirror' : 'redirect',
    direction: action.toIngress ? 'ingress' : 'egress',
    to_dev: action.target.name,
    control_action: { type: action.mirror ? 'pipe' : 'stolen' },
    index: action.index,
    ref: 1,
    bind: 1,
  };
}

function protocolName(protocol: number): string {
  return PROTOCOLS[protocol] ?? `[${protocol}]`;
}

/** `1:2`, or with one part missing `1:` and `:2`. */
function classText(classid: number): string {
  const [major, minor] = [classid >>> 16, classid & 0xffff];
  return `${major === 0 ? '' : major.toString(16)}:${minor === 0 ? '' : minor.toString(16)}`;
}
