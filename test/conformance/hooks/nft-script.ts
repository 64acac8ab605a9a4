/** The part of nft(8)'s language that the vectors use: chains with marks, counters, verdicts, fwd and dup. */
import type { NetfilterChain, StackHook } from '../../../src/engine/hooks/netfilter.js';
import { NF_ACCEPT, NF_DROP } from '../../../src/engine/hooks/verdict.js';
import type { PacketContext } from '../../../src/engine/packet.js';
import { VectorError } from '../vector-format.js';

/** A chain of rules that run one after the other. */
export class ScriptChain implements NetfilterChain {
  readonly name: string;
  readonly priority: number;
  readonly hook: 'ingress' | 'egress' | StackHook;
  /** Device of a chain of the netdev family. */
  readonly device: string | null;
  packets = 0;
  readonly #statements: readonly Statement[];

  constructor(
    name: string,
    hook: string,
    device: string | null,
    priority: number,
    statements: readonly Statement[],
  ) {
    this.name = name;
    this.hook = hook as ScriptChain['hook'];
    this.device = device;
    this.priority = priority;
    this.#statements = statements;
  }

  run(packet: PacketContext): number {
    for (const statement of this.#statements) {
      const verdict = statement(packet, this);
      if (verdict !== null) return verdict;
    }
    return NF_ACCEPT;
  }
}

/** Answers a verdict that ends the chain, or null. */
type Statement = (packet: PacketContext, chain: ScriptChain) => number | null;

const CHAIN = /chain (\w+) \{ type filter hook (\w+)(?: device "(\w+)")? priority (-?\d+);([^}]*)\}/g;

const STATEMENTS: readonly (readonly [
  RegExp,
  (argument: string, ifindex: (name: string) => number) => Statement,
])[] = [
  [/^meta mark set meta mark << (\d+)/, (bits) => (packet) => shift(packet, Number(bits))],
  [/^meta mark set meta mark or (0x[0-9a-f]+)/, (value) => (packet) => orMark(packet, Number(value))],
  [/^counter/, () => (_, chain) => count(chain)],
  [/^drop/, () => () => NF_DROP],
  [/^accept/, () => () => NF_ACCEPT],
  [/^fwd to "(\w+)"/, (name, ifindex) => (packet) => packet.host!.forward(packet, ifindex(name), false)],
  [
    /^dup to "(\w+)"/,
    (name, ifindex) => (packet) => {
      packet.host!.forward(packet, ifindex(name), true);
      return null;
    },
  ],
];

export function parseNftScript(script: string, ifindex: (name: string) => number): ScriptChain[] {
  const chains = [...script.matchAll(CHAIN)].map(
    ([, name, hook, device, priority, rules]) =>
      new ScriptChain(name, hook, device ?? null, Number(priority), parseRules(rules, ifindex)),
  );
  if (chains.length === 0) throw new VectorError(`nft script is not understood: ${script}`);
  return chains;
}

function parseRules(rules: string, ifindex: (name: string) => number): Statement[] {
  const statements: Statement[] = [];
  let rest = rules.replace(/^[;\s]+/, '');
  while (rest !== '') {
    const known = STATEMENTS.find(([pattern]) => pattern.test(rest));
    if (known === undefined) throw new VectorError(`nft statement is not understood: ${rest}`);
    const match = known[0].exec(rest)!;
    statements.push(known[1](match[1], ifindex));
    rest = rest.slice(match[0].length).replace(/^[;\s]+/, '');
  }
  return statements;
}

function shift(packet: PacketContext, bits: number): null {
  packet.mark <<= bits;
  return null;
}

function orMark(packet: PacketContext, value: number): null {
  packet.mark |= value;
  return null;
}

function count(chain: ScriptChain): null {
  chain.packets++;
  return null;
}
