/** Rules of a machine's routing (`ip rule`), and the numbers of its tables. */
import type { Prefix } from '../engine/address-text.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_UNREACHABLE,
} from '../engine/stack/route-table.js';
import {
  LOOPBACK_IFINDEX,
  type Rule,
  TABLE_DEFAULT,
  TABLE_LOCAL,
  TABLE_MAIN,
} from '../engine/stack/routing-policy.js';
import { MARK_MAGIC_MASK, MARK_TO_PROXY } from '../programs/constants.js';
import { readNetwork } from './check-text.js';
import type { Path } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { RuleSpec, TableSpec } from './spec-routing.js';

const NAMED_TABLES = { default: TABLE_DEFAULT, main: TABLE_MAIN, local: TABLE_LOCAL } as const;
const ACTIONS = {
  blackhole: ROUTE_BLACKHOLE,
  unreachable: ROUTE_UNREACHABLE,
  prohibit: ROUTE_PROHIBIT,
} as const;
/** What `ip rule add` takes for the first rule without a priority; the next ones go before it. */
const LAST_PRIORITY = 32765;
/** Rules that the agent sets for the proxy's packets, and where it moves the kernel's own for local addresses. */
const PROXY_PRIORITY = 9;
const PROXY_TABLE = 2004;
const LOCAL_PRIORITY = 100;

export interface PlannedRule extends Rule {
  readonly addressLength: 4 | 16;
}

export function tableNumber(table: TableSpec | undefined): number {
  if (table === undefined) return TABLE_MAIN;
  return typeof table === 'number' ? table : NAMED_TABLES[table];
}

/** Adds the machine's declared rules to its draft. */
export function checkRules(node: NodeDraft): void {
  let next = LAST_PRIORITY;
  node.spec.rules?.forEach((spec, i) => {
    const path = [...node.path, 'rules', i];
    const rule = readRule(node, spec, path, spec.priority ?? next);
    if (rule === null) return;
    node.rules.push(rule);
    next = Math.min(next, rule.priority - 1);
    const known = Object.values(NAMED_TABLES) as number[];
    const isMade = known.includes(rule.table) || node.routes.some(({ table }) => table === rule.table);
    if (spec.action === undefined && !isMade && rule.table !== PROXY_TABLE) {
      node.faults.warning([...path, 'table'], `no route is in table ${rule.table}: the rule leads nowhere`);
    }
  });
}

/**
 * What the agent sets for its L7 proxy: packets with its mark are local, whatever their destination. The rule goes before
 * the kernel's for local addresses, which moves out of its way.
 */
export function addProxyRules(node: NodeDraft): void {
  const { features, l7Proxy } = node.config;
  if (!l7Proxy) return;
  for (const addressLength of [4, 16] as const) {
    if (!(addressLength === 4 ? features.ipv4 : features.ipv6)) continue;
    const mark = { mark: MARK_TO_PROXY, mask: MARK_MAGIC_MASK };
    node.rules.push({ addressLength, priority: PROXY_PRIORITY, ...mark, table: PROXY_TABLE });
    node.rules.push({ addressLength, priority: LOCAL_PRIORITY, table: TABLE_LOCAL });
    const prefix = new Uint8Array(addressLength);
    const to = { prefix, prefixLength: 0, kind: ROUTE_LOCAL, ifindex: LOOPBACK_IFINDEX };
    node.routes.push({ ...to, table: PROXY_TABLE });
  }
}

function readRule(node: NodeDraft, spec: RuleSpec, path: Path, priority: number): PlannedRule | null {
  const { faults } = node;
  const from = spec.from === undefined ? undefined : readNetwork(spec.from, [...path, 'from'], faults);
  const to = spec.to === undefined ? undefined : readNetwork(spec.to, [...path, 'to'], faults);
  const mark = spec.fwmark === undefined ? {} : readMark(spec.fwmark);
  if (mark === null) {
    faults.error(
      [...path, 'fwmark'],
      `${JSON.stringify(spec.fwmark)} is not MARK or MARK/MASK, such as 0x200/0xf00`,
    );
  }
  const inIfindex = readInterface(node, spec.iif, [...path, 'iif']);
  const outIfindex = readInterface(node, spec.oif, [...path, 'oif']);
  if (spec.action !== undefined && spec.table !== undefined) {
    faults.error(path, 'a rule has a table or an action, not both');
    return null;
  }
  const addressLength = familyOf(spec, from, to);
  if (addressLength === null) faults.error(path, 'from, to and family are not of one family');
  if (from === null || to === null || mark === null || addressLength === null) return null;
  if (inIfindex === null || outIfindex === null) return null;
  return {
    addressLength,
    priority,
    table: tableNumber(spec.table),
    ...mark,
    ...given({ from, to, inIfindex, outIfindex, suppressPrefixLength: spec.suppressPrefixlength }),
    ...(spec.not === true ? { not: true } : {}),
    ...(spec.action === undefined ? {} : { action: ACTIONS[spec.action] }),
  };
}

/** Without what is undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Bytes of the addresses that the rule is for; null when it mixes families. */
function familyOf(
  { family }: RuleSpec,
  from: Prefix | null | undefined,
  to: Prefix | null | undefined,
): 4 | 16 | null {
  const lengths = [from, to].flatMap((prefix) => (prefix ? [prefix.address.length] : []));
  if (family !== undefined) lengths.push(family === 'ipv4' ? 4 : 16);
  if (lengths.some((length) => length !== lengths[0])) return null;
  return lengths[0] === 16 ? 16 : 4;
}

function readMark(text: string | number): { mark: number; mask: number } | null {
  const parts = String(text).split('/').map(readNumber);
  const [mark, mask = 0xffffffff] = parts;
  if (parts.length > 2 || parts.includes(Number.NaN)) return null;
  return { mark: (mark & mask) | 0, mask: mask | 0 };
}

/** A number of 32 bits, in decimal or with 0x; NaN for what is none. */
function readNumber(text: string): number {
  if (!/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return Number.NaN;
  const value = Number(text);
  return value > 0xffffffff ? Number.NaN : value;
}

function readInterface(node: NodeDraft, name: string | undefined, path: Path): number | null | undefined {
  if (name === undefined) return undefined;
  if (name === 'lo') return LOOPBACK_IFINDEX;
  return node.requireDevice(name, path)?.ifindex ?? null;
}
