/**
 * Routing by rules (`ip rule`): which tables are looked into, in which order, for which packets. A namespace's routes of
 * a family lie in one table, local ones and others, and that one alone decides as long as there are no rules but the
 * three that every kernel has; so it does for packets that no other rule can match, which the rules' marks tell.
 */
import {
  ROUTE_BLACKHOLE,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_THROW,
  ROUTE_UNREACHABLE,
  type Route,
  RouteTable,
} from './route-table.js';

/** Numbers of the tables that have names (/etc/iproute2/rt_tables). */
export const TABLE_DEFAULT = 253;
export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;
const PRIORITY_LOCAL = 0;
const PRIORITY_MAIN = 32766;
const PRIORITY_DEFAULT = 32767;
/** The loopback's interface index: where a namespace's own packets come in, as rules see it. */
export const LOOPBACK_IFINDEX = 1;

export interface RulePrefix {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly length: number;
}

/** What all that is given must hold of a packet; and where to look then, or with which answer to stop. */
export interface Rule {
  readonly priority: number;
  readonly from?: RulePrefix | null;
  readonly to?: RulePrefix | null;
  /** Interface that the packet came in by (LOOPBACK_IFINDEX: the namespace's own), and that it is to leave by. */
  readonly inIfindex?: number;
  readonly outIfindex?: number;
  /** Matches where (mark & mask) equals it. */
  readonly mark?: number;
  readonly mask?: number;
  /** Matches where the rest does not. */
  readonly not?: boolean;
  readonly table: number;
  /** ROUTE_BLACKHOLE, _UNREACHABLE or _PROHIBIT instead of a table. */
  readonly action?: number;
  /** Routes with a prefix as short as that do not count; -1 for none. */
  readonly suppressPrefixLength?: number;
}

/** Rows that answer for rules without a table. */
const ACTIONS = [ROUTE_BLACKHOLE, ROUTE_UNREACHABLE, ROUTE_PROHIBIT];

export class RoutingPolicy {
  /** Of the last lookup: the table that its row is one of. */
  found: RouteTable;
  /** Grows with every change. */
  changes = 0;
  readonly #all: RouteTable;
  readonly #tables = new Map<number, RouteTable>();
  readonly #actions: RouteTable;
  #rules: readonly Rule[] = [
    { priority: PRIORITY_LOCAL, table: TABLE_LOCAL },
    { priority: PRIORITY_MAIN, table: TABLE_MAIN },
    { priority: PRIORITY_DEFAULT, table: TABLE_DEFAULT },
  ];
  /** Bits one of which a mark has that a rule can match; -1 when there are rules that go by something else. */
  #gate = 0;
  #hasOthers = false;
  /** The namespace's routes, by what is local and what not. */
  #split = { changes: -1, local: new RouteTable(4), main: new RouteTable(4) };

  constructor(all: RouteTable) {
    this.#all = all;
    this.found = all;
    this.#actions = new RouteTable(all.addressLength);
    for (const kind of ACTIONS) {
      this.#actions.add({ prefix: new Uint8Array(all.addressLength), prefixLength: 0, kind, ifindex: 0 });
    }
  }

  /** In the order in which they are gone through. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** Numbers of the tables that have been made besides local and main. */
  get tableNumbers(): readonly number[] {
    return [...this.#tables.keys()].sort((a, b) => a - b);
  }

  /** Of one priority, the newest comes last. */
  add(rule: Rule): void {
    const after = this.#rules.findIndex(({ priority }) => priority > rule.priority);
    this.#setRules(this.#rules.toSpliced(after < 0 ? this.#rules.length : after, 0, rule));
  }

  /** As `add`, but one of a usual kind (all packets, table local, main or default) takes the place of the kernel's. */
  set(rule: Rule): void {
    if (isUsual(rule))
      this.#rules = this.#rules.filter((other) => !isUsual(other) || other.table !== rule.table);
    this.add(rule);
  }

  remove(rule: Rule): void {
    this.#setRules(this.#rules.filter((other) => other !== rule));
  }

  /** A table by its number, made if need be; routes for local and main are given to the namespace instead. */
  table(number: number): RouteTable {
    if (number === TABLE_LOCAL || number === TABLE_MAIN) return this.#part(number);
    let table = this.#tables.get(number);
    if (table === undefined) {
      table = new RouteTable(this.#all.addressLength);
      this.#tables.set(number, table);
      this.#setRules(this.#rules);
    }
    return table;
  }

  /** Whether the rules may have more to say of a packet with that mark than the namespace's one table has. */
  concerns(mark: number): boolean {
    return this.#hasOthers || (mark & this.#gate) !== 0;
  }

  /** Row of the best route in `found`, or -1. An interface index of 0 is none; `sourceAt` -1 for no source. */
  lookup(
    bytes: Uint8Array,
    destinationAt: number,
    sourceAt: number,
    mark: number,
    inIfindex: number,
    outIfindex: number,
  ): number {
    const rules = this.#rules;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      const matches =
        this.#matches(rule, mark, inIfindex, outIfindex) &&
        isIn(rule.to, bytes, destinationAt) &&
        isIn(rule.from, bytes, sourceAt);
      if (matches === (rule.not ?? false)) continue;
      if (rule.action !== undefined) {
        this.found = this.#actions;
        return ACTIONS.indexOf(rule.action);
      }
      const table = this.table(rule.table);
      const row = table.lookup(bytes, destinationAt);
      if (row < 0 || table.kind[row] === ROUTE_THROW) continue;
      if (table.routes[row].prefixLength <= (rule.suppressPrefixLength ?? -1)) continue;
      this.found = table;
      return row;
    }
    return -1;
  }

  #matches(rule: Rule, mark: number, inIfindex: number, outIfindex: number): boolean {
    if (rule.inIfindex !== undefined && rule.inIfindex !== inIfindex) return false;
    if (rule.outIfindex !== undefined && rule.outIfindex !== outIfindex) return false;
    return rule.mark === undefined || (mark & (rule.mask ?? -1)) === rule.mark;
  }

  #setRules(rules: readonly Rule[]): void {
    this.#rules = rules;
    this.changes++;
    const usual = [TABLE_LOCAL, TABLE_MAIN, TABLE_DEFAULT].map((table) =>
      rules.findIndex((rule) => isUsual(rule) && rule.table === table),
    );
    const inOrder = usual[0] >= 0 && usual[0] < usual[1] && usual[1] < usual[2];
    const others = rules.filter((_, i) => !usual.includes(i));
    const gates = others.map(({ mark = 0, not }) => (not === true ? 0 : mark));
    this.#hasOthers =
      !inOrder || gates.includes(0) || (this.#tables.get(TABLE_DEFAULT)?.routes.length ?? 0) > 0;
    this.#gate = gates.reduce((all, gate) => all | gate, 0);
  }

  #part(number: number): RouteTable {
    const all = this.#all;
    if (this.#split.changes !== all.changes) {
      const { addressLength } = all;
      this.#split = {
        changes: all.changes,
        local: new RouteTable(addressLength),
        main: new RouteTable(addressLength),
      };
      for (const route of all.routes) this.#split[isLocal(route) ? 'local' : 'main'].add(route);
    }
    return number === TABLE_LOCAL ? this.#split.local : this.#split.main;
  }
}

/** Leads every packet to one of the tables that every kernel has. */
function isUsual(rule: Rule): boolean {
  const { table, from, to, inIfindex, outIfindex, mark, not, action, suppressPrefixLength } = rule;
  const conditions = [from ?? undefined, to ?? undefined, inIfindex, outIfindex, mark, not, action];
  return (
    [TABLE_LOCAL, TABLE_MAIN, TABLE_DEFAULT].includes(table) &&
    conditions.every((condition) => condition === undefined) &&
    suppressPrefixLength === undefined
  );
}

function isLocal({ kind }: Route): boolean {
  return kind === ROUTE_LOCAL || kind === ROUTE_BROADCAST;
}

function isIn(prefix: RulePrefix | null | undefined, bytes: Uint8Array, at: number): boolean {
  if (prefix === null || prefix === undefined || prefix.length === 0) return true;
  if (at < 0) return false;
  const { address, length } = prefix;
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[at + i]) return false;
  return length % 8 === 0 || ((address[whole] ^ bytes[at + whole]) & (0xff00 >> (length % 8)) & 0xff) === 0;
}
