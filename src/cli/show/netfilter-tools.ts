/** What netfilter's tools print: conntrack, iptables, iptables-save, and their files under /proc. */

import type { TableName } from '../../engine/netfilter/iptables.js';
import type { Family, Netfilter } from '../../engine/netfilter/netfilter.js';
import { listedConnections, procConntrack } from '../../topologies/listings/conntrack-show.js';
import { listRules, saveRules } from '../../topologies/listings/iptables-show.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, Place, Tool } from './command.js';

/** Of the node's own namespace; a pod's has none, and a router's is not asked for. */
function netfilterOf(place: Place): Netfilter | null {
  return place.pod === null ? place.node.netfilter : null;
}

const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  sctp: 132,
};

function listConntrack(invocation: Invocation): Output {
  const conntrack = netfilterOf(invocation.place)?.conntrack ?? null;
  const family = invocation.value('-f', '--family');
  const protocol = invocation.value('-p', '--proto');
  if (protocol !== null && PROTOCOL_NUMBERS[protocol] === undefined) {
    throw new UsageError(`conntrack -p ${protocol}: one of ${Object.keys(PROTOCOL_NUMBERS).join(', ')}`);
  }
  const isExtended = (invocation.value('-o', '--output') ?? '').split(',').includes('extended');
  const listed = conntrack === null ? [] : listedConnections(conntrack, isExtended);
  const found = listed.filter(
    (one) =>
      (family === null || `ipv${one.family}` === family) &&
      (protocol === null || one.protocol === PROTOCOL_NUMBERS[protocol]),
  );
  const errors = `conntrack v1.4.7 (conntrack-tools): ${found.length} flow entries have been shown.\n`;
  return { text: found.map(({ text }) => text).join(''), errors };
}

/** A file under /proc that netfilter fills; null for one that it does not. */
export function netfilterFile(place: Place, path: string): string | null {
  const netfilter = netfilterOf(place);
  if (netfilter === null) return null;
  const { conntrack } = netfilter;
  switch (path) {
    case '/proc/net/nf_conntrack':
      return procConntrack(conntrack);
    case '/proc/sys/net/netfilter/nf_conntrack_count':
      return `${conntrack.count}\n`;
    case '/proc/sys/net/netfilter/nf_conntrack_max':
      return `${conntrack.capacity}\n`;
    default:
      return null;
  }
}

function cat({ place, args }: Invocation): Output {
  const found = args.map((path) => ({ path, text: netfilterFile(place, path) }));
  const missing = found.filter(({ text }) => text === null);
  return {
    text: found.map(({ text }) => text ?? '').join(''),
    errors: missing.map(({ path }) => `cat: ${path}: No such file or directory\n`).join(''),
    exitCode: missing.length === 0 ? 0 : 1,
  };
}

function iptables(family: Family): (invocation: Invocation) => Output {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  return ({ place, args, has, value }) => {
    const name = value('-t', '--table') ?? 'filter';
    if (!has('-S', '--list-rules'))
      throw new UsageError(`${program}: give -S, which lists rules as they are written`);
    const table = netfilterOf(place)?.table(family, name as TableName) ?? null;
    const chain = args[0] ?? null;
    const text = table === null ? emptyTable(name, chain) : listRules(table, chain, has('-v'));
    if (text !== null) return { text };
    const errors = `${program}: No chain/target/match by that name.\n`;
    return { text: '', errors, exitCode: 1 };
  };
}

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** A table that nobody wrote into. */
function emptyTable(table: string, chain: string | null): string | null {
  const chains = BUILT_IN[table];
  if (chains === undefined)
    throw new UsageError(`iptables -t ${table}: one of ${Object.keys(BUILT_IN).join(', ')}`);
  const found = chains.filter((name) => chain === null || name === chain);
  return found.length === 0 ? null : found.map((name) => `-P ${name} ACCEPT\n`).join('');
}

function save(family: Family): (invocation: Invocation) => Output {
  return ({ place, has, value }) => {
    const wanted = value('-t', '--table');
    const tables = netfilterOf(place)?.tables(family) ?? [];
    const found = tables.filter(({ name }) => wanted === null || name === wanted);
    return { text: saveRules(found, has('-c', '--counters')) };
  };
}

const rulesTool = (name: string, family: Family): Tool => ({
  names: [name],
  commands: [
    {
      words: name,
      usage: '[-t TABLE] [-v] -S [CHAIN]',
      maximumArgs: 1,
      options: ['-S', '--list-rules', '-v', '-n'],
      valued: ['-t', '--table'],
      run: iptables(family),
    },
  ],
});

const saveTool = (name: string, family: Family): Tool => ({
  names: [name],
  commands: [
    {
      words: name,
      usage: '[-c] [-t TABLE]',
      options: ['-c', '--counters'],
      valued: ['-t', '--table'],
      run: save(family),
    },
  ],
});

export const netfilterTools: readonly Tool[] = [
  {
    names: ['conntrack'],
    commands: [
      {
        words: 'conntrack',
        usage: '[-L] [-f FAMILY] [-p PROTOCOL] [-o extended]',
        options: ['-L', '--dump'],
        valued: ['-f', '--family', '-p', '--proto', '-o', '--output'],
        run: listConntrack,
      },
    ],
  },
  rulesTool('iptables', 4),
  rulesTool('ip6tables', 6),
  saveTool('iptables-save', 4),
  saveTool('ip6tables-save', 6),
];

export const catTool: Tool = {
  names: ['cat'],
  commands: [{ words: 'cat', usage: '/proc/net/nf_conntrack …', maximumArgs: 8, run: cat }],
};
