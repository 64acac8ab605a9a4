/**
 * Conntrack, NAT and iptables of a network namespace, as chains at the hooks of its stack with the priorities that
 * Linux gives them. A table's chain stands at a hook only where it has rules.
 */
import type { Clock } from '../clock.js';
import type { Device } from '../device.js';
import type { NetfilterChain, StackHook } from '../hooks/netfilter.js';
import { NF_ACCEPT, NF_DROP } from '../hooks/verdict.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import type { RandomSource } from '../random.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import { Conntrack, PENDING } from './conntrack.js';
import { IptablesTable, type TableContext, type TableName } from './iptables.js';
import { DESTINATION, Nat, SOURCE } from './nat.js';
import { RecentLists } from './recent-lists.js';
import { PacketTuple } from './tuple.js';
import { Untranslate } from './untranslate.js';

/** Priorities at a hook (linux/netfilter_ipv4.h). */
const RAW = -300;
const CONNTRACK = -200;
const MANGLE = -150;
const NAT_DESTINATION = -100;
const FILTER = 0;
const NAT_SOURCE = 100;
const CONFIRM = 0x7fffffff;

const FILTER_PRIORITIES = { mangle: MANGLE, filter: FILTER } as const;
const HOOKS: readonly StackHook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
/** In the order of iptables-save (1.8, nf_tables). */
const TABLES: readonly TableName[] = ['mangle', 'raw', 'filter', 'nat'];

export type Family = 4 | 6;

export interface NetfilterOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** nf_conntrack_max. */
  readonly maximumConnections?: number;
  /** Ports that sources may be translated to; default all. */
  readonly givesPort?: ((port: number) => boolean) | undefined;
}

export class Netfilter implements TableContext {
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  readonly untranslate: Untranslate;
  readonly random: RandomSource;
  readonly headers = new PacketTuple();
  readonly recent = new RecentLists();
  readonly #namespace: Namespace;
  readonly #tables = new Map<string, IptablesTable>();
  readonly #sets = new Map<string, readonly Uint8Array[]>();

  constructor(namespace: Namespace, { clock, random, maximumConnections, givesPort }: NetfilterOptions) {
    this.#namespace = namespace;
    this.random = random;
    this.conntrack = new Conntrack(clock, maximumConnections, namespace.tcpTracking);
    this.nat = new Nat(this.conntrack, random, givesPort);
    this.untranslate = new Untranslate(this.conntrack);
  }

  get input(): Device | null {
    return this.#namespace.netfilter!.inDevice;
  }

  get output(): Device | null {
    return this.#namespace.netfilter!.outDevice;
  }

  isLocal(bytes: Uint8Array, at: number, length: number): boolean {
    return this.#namespace.routes(length).isLocal(bytes, at);
  }

  reject(packet: PacketContext, code: number): void {
    const { errors } = this.#namespace;
    if (packet.protocol === ethernet.TYPE_IPV4)
      errors?.sendIpv4(packet, icmp.DESTINATION_UNREACHABLE, code, 0);
    else errors?.sendIpv6(packet, icmpv6.DESTINATION_UNREACHABLE, code, 0);
  }

  /** A family's tables that were declared. */
  tables(family: Family): readonly IptablesTable[] {
    return TABLES.flatMap((name) => this.table(family, name) ?? []);
  }

  table(family: Family, name: TableName): IptablesTable | null {
    return this.#tables.get(`${name}${family}`) ?? null;
  }

  /** Declares an ipset of addresses, before the rules that ask about it. */
  addSet(name: string, members: readonly Uint8Array[]): void {
    this.#sets.set(name, members);
  }

  /**
   * Declares a table by its text: lines `:CHAIN POLICY` (a chain of one's own with `-`) and `-A CHAIN …`. Throws
   * Error for a line that is not understood.
   */
  addTable(family: Family, name: TableName, lines: readonly string[]): void {
    this.#tables.set(`${name}${family}`, new IptablesTable(name, lines, this.#sets));
  }

  /** Puts everything declared at the hooks of the namespace. */
  install(): void {
    for (const hook of HOOKS) {
      const isFirst = hook === 'prerouting' || hook === 'output';
      if (isFirst) this.#installFirst(hook);
      if (hook === 'input' || hook === 'postrouting') this.#installLast(hook);
      for (const name of ['mangle', 'filter'] as const) {
        for (const family of [4, 6] as const) {
          const table = this.table(family, name);
          if (!table?.hasRules(hook)) continue;
          const type = typeOf(family);
          this.#add(hook, name, FILTER_PRIORITIES[name], (packet) =>
            packet.protocol === type ? table.run(hook, packet, this) : NF_ACCEPT,
          );
        }
      }
    }
  }

  #add(hook: StackHook, name: string, priority: number, run: NetfilterChain['run']): void {
    this.#namespace.addNetfilterChain(hook, { name, priority, run });
  }

  #installFirst(hook: StackHook): void {
    const { conntrack } = this;
    this.#add(hook, 'raw', RAW, (packet) => {
      conntrack.begin();
      const table = this.table(familyOf(packet), 'raw');
      return table?.hasRules(hook) ? table.run(hook, packet, this) : NF_ACCEPT;
    });
    this.#add(hook, 'conntrack', CONNTRACK, (packet) => {
      if (!conntrack.isUntracked) conntrack.track(packet);
      return NF_ACCEPT;
    });
    this.#add(hook, 'nat', NAT_DESTINATION, (packet) => {
      const verdict = this.#decide(hook, DESTINATION, packet);
      if (verdict !== NF_ACCEPT) return verdict;
      const changed = this.nat.apply(packet, DESTINATION);
      // Routed by the old destination already.
      if (changed && hook === 'output') this.#namespace.netfilter!.rerouted = true;
      return NF_ACCEPT;
    });
  }

  #installLast(hook: StackHook): void {
    this.#add(hook, 'nat', NAT_SOURCE, (packet) => {
      const verdict = this.#decide(hook, SOURCE, packet);
      if (verdict === NF_ACCEPT) this.nat.apply(packet, SOURCE);
      return verdict;
    });
    this.#add(hook, 'confirm', CONFIRM, () => {
      const isNew = this.conntrack.entry === PENDING;
      if (!this.conntrack.confirm()) return NF_DROP;
      if (isNew) this.nat.remember();
      return NF_ACCEPT;
    });
  }

  /** Asks the nat table about one side of a new connection; without a rule it keeps its own address. */
  #decide(hook: StackHook, side: number, packet: PacketContext): number {
    const { nat } = this;
    if (!nat.isOpen(side)) return NF_ACCEPT;
    const table = this.table(familyOf(packet), 'nat');
    const verdict = table?.hasRules(hook) ? table.run(hook, packet, this) : NF_ACCEPT;
    if (verdict !== NF_ACCEPT || !nat.isOpen(side)) return verdict;
    if (side === SOURCE) nat.mapSource(null);
    else nat.mapDestination(null);
    return NF_ACCEPT;
  }
}

function typeOf(family: Family): number {
  return family === 4 ? ethernet.TYPE_IPV4 : ethernet.TYPE_IPV6;
}

function familyOf(packet: PacketContext): Family {
  return packet.protocol === ethernet.TYPE_IPV4 ? 4 : 6;
}
