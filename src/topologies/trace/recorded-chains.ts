/** Netfilter chains of a stack that tell when they run: covered in place, as recorded maps are. */
import type { NetfilterChain, StackHook } from '../../engine/hooks/netfilter.js';
import type { Namespace } from '../../engine/namespace.js';
import type { CompiledRule } from '../../engine/netfilter/iptables.js';
import type { Netfilter } from '../../engine/netfilter/netfilter.js';
import type { PacketContext } from '../../engine/packet.js';

export interface ChainJournal {
  chainEntered(packet: PacketContext, namespace: Namespace): void;
  /** `rules` are those of iptables that the packet matched in the chain, as iptables-save prints them. */
  chainLeft(
    packet: PacketContext,
    hook: StackHook,
    chain: string,
    verdict: number,
    rules: readonly string[],
  ): void;
}

const HOOKS: readonly StackHook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

/** Records the chains at the hooks of a namespace's stack; `iptables` is where their rules are counted. */
export function recordChains(namespace: Namespace, iptables: Netfilter | null, journal: ChainJournal): void {
  if (namespace.netfilter === null) return;
  const rules = iptables === null ? [] : rulesOf(iptables);
  for (const hook of HOOKS) {
    for (const chain of namespace.netfilter[hook].chains) record(chain, hook, namespace, rules, journal);
  }
}

function rulesOf(iptables: Netfilter): readonly CompiledRule[] {
  return ([4, 6] as const)
    .flatMap((family) => iptables.tables(family))
    .flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
}

function record(
  chain: NetfilterChain,
  hook: StackHook,
  namespace: Namespace,
  rules: readonly CompiledRule[],
  journal: ChainJournal,
): void {
  const run = chain.run.bind(chain);
  Object.defineProperty(chain, 'run', {
    value: (packet: PacketContext): number => {
      journal.chainEntered(packet, namespace);
      const before = rules.map(({ packets }) => packets);
      const verdict = run(packet);
      // A rule that matched has counted the packet; jumps only lead to others.
      const matched = rules.filter(({ packets, to }, i) => packets !== before[i] && to === null);
      journal.chainLeft(
        packet,
        hook,
        chain.name,
        verdict,
        matched.map(({ rule }) => rule.text),
      );
      return verdict;
    },
  });
}
