/** A table of iptables: chains of rules, those that the hooks call and those that other rules jump to. */
import type { StackHook } from '../hooks/netfilter.js';
import { NF_ACCEPT, NF_DROP } from '../hooks/verdict.js';
import type { PacketContext } from '../packet.js';
import * as ethernet from '../wire/ethernet.js';
import type { Nat } from './nat.js';
import type { Rule, Target } from './rule.js';
import { type AddressSets, type RuleContext, RuleMatch } from './rule-match.js';
import { parseRule } from './rule-parser.js';

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter';

const HOOK_CHAINS: Readonly<Record<StackHook, string>> = {
  prerouting: 'PREROUTING',
  input: 'INPUT',
  forward: 'FORWARD',
  output: 'OUTPUT',
  postrouting: 'POSTROUTING',
};

/** The built-in chains of each table, in the order of listings. */
const BUILT_IN: Readonly<Record<TableName, readonly StackHook[]>> = {
  raw: ['prerouting', 'output'],
  mangle: ['prerouting', 'input', 'forward', 'output', 'postrouting'],
  nat: ['prerouting', 'input', 'output', 'postrouting'],
  filter: ['input', 'forward', 'output'],
};

export interface CompiledRule {
  readonly rule: Rule;
  readonly match: RuleMatch;
  /** Of a jump. */
  readonly to: Chain | null;
  packets: number;
  bytes: number;
}

export interface Chain {
  readonly name: string;
  /** What becomes of a packet at the end of a built-in chain; null for a chain of one's own. */
  readonly policy: 'ACCEPT' | 'DROP' | null;
  readonly rules: CompiledRule[];
  packets: number;
  bytes: number;
}

export interface TableContext extends RuleContext {
  readonly nat: Nat;
  /** Tells the sender that the packet's destination is unreachable. */
  reject(packet: PacketContext, code: number): void;
}

/** Results of a chain besides the verdicts: the packet goes on behind the jump that led here. */
const RETURNED = -1;

export class IptablesTable {
  readonly name: TableName;
  /** Built-in chains first, then those of one's own by name, as iptables-save lists them. */
  readonly chains: readonly Chain[];
  readonly #byHook = new Map<StackHook, Chain>();

  /**
   * `lines` are those of iptables-save: `:CHAIN POLICY` and `-A CHAIN …`; built-in chains need no line. Throws Error
   * for one that is not understood, for a jump to nowhere, and for jumps in a circle.
   */
  constructor(name: TableName, lines: readonly string[], sets: AddressSets = new Map()) {
    this.name = name;
    const policies = new Map<string, string>();
    for (const line of lines) {
      const declared = /^:(\S+)\s+(\S+)/.exec(line);
      if (declared !== null) policies.set(declared[1], declared[2]);
    }
    const chains = new Map<string, Chain>();
    const add = (chainName: string, policy: Chain['policy']): Chain => {
      const chain = { name: chainName, policy, rules: [], packets: 0, bytes: 0 };
      chains.set(chainName, chain);
      return chain;
    };
    for (const hook of BUILT_IN[name]) {
      const policy = policies.get(HOOK_CHAINS[hook]) === 'DROP' ? 'DROP' : 'ACCEPT';
      this.#byHook.set(hook, add(HOOK_CHAINS[hook], policy));
    }
    for (const chainName of [...policies.keys()].sort()) if (!chains.has(chainName)) add(chainName, null);
    for (const line of lines) {
      if (!line.startsWith(':')) addRule(chains, parseRule(line), name, sets);
    }
    this.chains = [...chains.values()];
    for (const chain of this.chains) refuseCircle(chain, []);
  }

  hasRules(hook: StackHook): boolean {
    const chain = this.#byHook.get(hook);
    return chain !== undefined && (chain.rules.length > 0 || chain.policy === 'DROP');
  }

  /** Answers NF_ACCEPT or NF_DROP. */
  run(hook: StackHook, packet: PacketContext, context: TableContext): number {
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    const isIpv4 = packet.protocol === ethernet.TYPE_IPV4;
    context.headers.read(packet.bytes, ipAt, packet.end, isIpv4, 0);
    const chain = this.#byHook.get(hook)!;
    const verdict = runChain(chain, packet, context);
    if (verdict !== RETURNED) return verdict;
    chain.packets++;
    chain.bytes += packet.end - ipAt;
    return chain.policy === 'DROP' ? NF_DROP : NF_ACCEPT;
  }
}

function addRule(chains: ReadonlyMap<string, Chain>, rule: Rule, table: string, sets: AddressSets): void {
  const chain = chains.get(rule.chain);
  if (chain === undefined) {
    throw new Error(`iptables rule "${rule.text}": table ${table} has no chain ${rule.chain}`);
  }
  const { target } = rule;
  const to = target.kind === 'jump' ? chains.get(target.chain) : null;
  if (to === undefined || to?.policy === 'ACCEPT' || to?.policy === 'DROP') {
    throw new Error(
      `iptables rule "${rule.text}": ${(target as { chain: string }).chain} is no target, nor a chain`,
    );
  }
  if (isOutOfPlace(target, table)) {
    throw new Error(`iptables rule "${rule.text}": ${target.kind} is not for table ${table}`);
  }
  chain.rules.push({ rule, match: new RuleMatch(rule, sets), to, packets: 0, bytes: 0 });
}

function isOutOfPlace({ kind }: Target, table: string): boolean {
  if (kind === 'MASQUERADE' || kind === 'SNAT' || kind === 'DNAT') return table !== 'nat';
  if (kind === 'REJECT') return table !== 'filter';
  return kind === 'NOTRACK' && table !== 'raw';
}

function refuseCircle(chain: Chain, above: readonly Chain[]): void {
  if (above.includes(chain)) throw new Error(`iptables: chain ${chain.name} jumps back to itself`);
  for (const { to } of chain.rules) if (to !== null) refuseCircle(to, [...above, chain]);
}

function runChain({ rules }: Chain, packet: PacketContext, context: TableContext): number {
  for (let i = 0; i < rules.length; i++) {
    const compiled = rules[i];
    if (!compiled.match.matches(packet, context)) continue;
    compiled.packets++;
    compiled.bytes += packet.length - ethernet.HEADER_LENGTH;
    if (compiled.to === null) {
      const { target } = compiled.rule;
      if (target.kind === 'RETURN') return RETURNED;
      const verdict = apply(target, packet, context);
      if (verdict !== RETURNED) return verdict;
    } else {
      const verdict = runChain(compiled.to, packet, context);
      if (verdict !== RETURNED) return verdict;
    }
  }
  return RETURNED;
}

/** Does what a target says; RETURNED when the next rule is to be asked. */
function apply(target: Target, packet: PacketContext, context: TableContext): number {
  switch (target.kind) {
    case 'ACCEPT':
      return NF_ACCEPT;
    case 'DROP':
      return NF_DROP;
    case 'NOTRACK':
      context.conntrack.untrack();
      return RETURNED;
    case 'MARK':
      packet.mark = (packet.mark & ~target.clear) | 0;
      packet.mark = target.flips ? packet.mark ^ target.set : packet.mark | target.set;
      return RETURNED;
    case 'REJECT':
      context.reject(packet, target.code);
      return NF_DROP;
    case 'SNAT':
      context.nat.mapSource(target.address, target.ports?.[0], target.ports?.[1], target.randomly);
      return NF_ACCEPT;
    case 'DNAT':
      context.nat.mapDestination(target.address, target.ports?.[0], target.ports?.[1]);
      return NF_ACCEPT;
    case 'MASQUERADE': {
      const device = context.output;
      const address = packet.protocol === ethernet.TYPE_IPV4 ? device?.ipv4Address : device?.ipv6Address;
      // A device without address has nothing to hide behind; the kernel drops.
      if (!address) return NF_DROP;
      context.nat.mapSource(address, target.ports?.[0], target.ports?.[1], target.randomly);
      return NF_ACCEPT;
    }
    default:
      return RETURNED;
  }
}
