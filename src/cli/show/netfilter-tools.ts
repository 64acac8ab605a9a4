/** What netfilter's tools print: conntrack, iptables, iptables-save, and their files under /proc. */
import { IptablesTable, type TableName } from '../../engine/netfilter/iptables.js';
import type { Family, Netfilter } from '../../engine/netfilter/netfilter.js';
import { listedConnections, procConntrack } from '../../topologies/listings/conntrack-show.js';
import { listChains } from '../../topologies/listings/iptables-list.js';
import { listRules, saveRules } from '../../topologies/listings/iptables-show.js';
import { UsageError } from '../exit-codes.js';
import { portName } from '../monitor/port-names.js';
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

const TABLE_NAMES: readonly string[] = ['raw', 'mangle', 'nat', 'filter'] satisfies TableName[];

function iptables(family: Family): (invocation: Invocation) => Output {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  return (invocation) => {
    const { place, has, value } = invocation;
    const name = value('-t', '--table') ?? 'filter';
    if (!TABLE_NAMES.includes(name)) {
      throw new UsageError(`${program} -t ${name}: one of ${TABLE_NAMES.join(', ')}`);
    }
    const tableName = name as TableName;
    // One that nobody has written into is there as well.
    const table = netfilterOf(place)?.table(family, tableName) ?? new IptablesTable(tableName, []);
    const chain = invocation.args[0] ?? null;
    const text = has('-S', '--list-rules')
      ? listRules(table, chain, has('-v', '--verbose'))
      : listed(family, table, chain, invocation);
    if (text !== null) return { text };
    const errors = `${program}: No chain/target/match by that name.\n`;
    return { text: '', errors, exitCode: 1 };
  };
}

function listed(
  family: Family,
  table: IptablesTable,
  chain: string | null,
  { has }: Invocation,
): string | null {
  if (!has('-L', '--list'))
    throw new UsageError('iptables: give -L, or -S, which lists rules as they are written');
  return listChains(table, {
    family,
    chain,
    numeric: has('-n', '--numeric'),
    verbose: has('-v', '--verbose'),
    exact: has('-x', '--exact'),
    lineNumbers: has('--line-numbers'),
    portName: (protocol, port) => portName(protocol.toUpperCase() as 'TCP' | 'UDP' | 'SCTP', port),
  });
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
  bundles: true,
  commands: [
    {
      words: name,
      usage: '[-t TABLE] [-v] -S [CHAIN], or [-t TABLE] [-n] [-v] [-x] [--line-numbers] -L [CHAIN]',
      maximumArgs: 1,
      options: [
        ...['-S', '--list-rules', '-L', '--list', '-v', '--verbose'],
        ...['-n', '--numeric', '-x', '--exact', '--line-numbers'],
      ],
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
