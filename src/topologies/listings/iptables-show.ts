/** Rules as `iptables -S` and `iptables-save` of iptables 1.8 print them. */
import type { Chain, IptablesTable } from '../../engine/netfilter/iptables.js';

/** `iptables -t TABLE -S [CHAIN]`; with `counters` as `-v`. Null when there is no such chain. */
export function listRules(table: IptablesTable, chainName: string | null, counters: boolean): string | null {
  const chains = table.chains.filter(({ name }) => chainName === null || name === chainName);
  if (chains.length === 0) return null;
  const heads = chains.map((chain) => {
    if (chain.policy === null) return `-N ${chain.name}\n`;
    return `-P ${chain.name} ${chain.policy}${counters ? ` -c ${chain.packets} ${chain.bytes}` : ''}\n`;
  });
  return [...heads, ...chains.flatMap((chain) => ruleLines(chain, counters))].join('');
}

function ruleLines({ rules }: Chain, counters: boolean): string[] {
  return rules.map(({ rule, packets, bytes }) => {
    if (!counters) return `${rule.text}\n`;
    const count = ` -c ${packets} ${bytes}`;
    const target = rule.text.lastIndexOf(' -j ');
    if (target < 0) return `${rule.text}${count}\n`;
    return `${rule.text.slice(0, target)}${count}${rule.text.slice(target)}\n`;
  });
}

/** iptables-save without its comments, which hold the time of day; with `counters` as `-c`. */
export function saveRules(tables: readonly IptablesTable[], counters: boolean): string {
  return tables.map((table) => saveTable(table, counters)).join('');
}

function saveTable({ name, chains }: IptablesTable, counters: boolean): string {
  const heads = chains.map(
    (chain) => `:${chain.name} ${chain.policy ?? '-'} [${chain.packets}:${chain.bytes}]\n`,
  );
  const rules = chains.flatMap((chain) =>
    chain.rules.map(
      ({ rule, packets, bytes }) => `${counters ? `[${packets}:${bytes}] ` : ''}${rule.text}\n`,
    ),
  );
  return `*${name}\n${[...heads, ...rules].join('')}COMMIT\n`;
}
