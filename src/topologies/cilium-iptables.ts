/**
 * The iptables rules that Cilium's agent installs where the kernel masquerades (enable-ipv4-masquerade without
 * enable-bpf-masquerade), as iptables-save prints them. Left out are those that need a socket (TPROXY, -m socket).
 */
import { formatAddress } from '../engine/address-text.js';
import type { TableName } from '../engine/netfilter/iptables.js';
import type { Family } from '../engine/netfilter/netfilter.js';
import { prefixText } from './identities.js';
import type { PlannedNode } from './plan.js';

/** Tables in which the agent has chains of its own, with the hooks that feed them. */
const CHAINS: readonly (readonly [TableName, string, string])[] = [
  ['raw', 'PREROUTING', 'CILIUM_PRE_raw'],
  ['raw', 'OUTPUT', 'CILIUM_OUTPUT_raw'],
  ['mangle', 'PREROUTING', 'CILIUM_PRE_mangle'],
  ['mangle', 'POSTROUTING', 'CILIUM_POST_mangle'],
  ['nat', 'PREROUTING', 'CILIUM_PRE_nat'],
  ['nat', 'OUTPUT', 'CILIUM_OUTPUT_nat'],
  ['nat', 'POSTROUTING', 'CILIUM_POST_nat'],
  ['filter', 'INPUT', 'CILIUM_INPUT'],
  ['filter', 'FORWARD', 'CILIUM_FORWARD'],
  ['filter', 'OUTPUT', 'CILIUM_OUTPUT'],
];

/** Marks that the agent's rules know, as VALUE/MASK. */
const TO_PROXY = '0x200/0xf00';
const FROM_PROXY = '0xa00/0xe00';
const FROM_PROXY_EXACTLY = '0xa00/0xfffffeff';
const PROXY_UPSTREAM = '0x800/0xe00';
/** Those that host traffic is not marked over: decrypted, encrypted, overlay, proxy, snat done. */
const KNOWN_MARKS = ['0xe00/0xf00', '0xd00/0xf00', '0x400/0xf00', FROM_PROXY, PROXY_UPSTREAM, '0xf00/0xf00'];
const FROM_HOST = '0xc00/0xf00';

/** Name of the ipset of all nodes' addresses. */
export function nodeSetName(family: Family): string {
  return `cilium_node_set_v${family}`;
}

/** The agent's lines of a node's tables: `:CHAIN -` and `-A CHAIN …`. */
export function ciliumRules(node: PlannedNode, family: Family): ReadonlyMap<TableName, readonly string[]> {
  const tables = new Map<TableName, string[]>();
  for (const [table, hook, chain] of CHAINS) {
    const lines = tables.get(table) ?? [];
    lines.push(`:${chain} -`, `-A ${hook} -m comment --comment "cilium-feeder: ${chain}" -j ${chain}`);
    tables.set(table, lines);
  }
  tables.get('raw')!.push(...rawRules());
  tables.get('nat')!.push(...natRules(node, family));
  tables.get('filter')!.push(...filterRules());
  return tables;
}

const comment = (text: string): string => `-m comment --comment "${text}"`;

/** What goes to and comes from the proxy is not tracked: the same packet is seen twice. */
function rawRules(): string[] {
  const toProxy = comment('cilium: NOTRACK for proxy traffic');
  const returning = comment('cilium: NOTRACK for proxy return traffic');
  const upstream = comment('cilium: NOTRACK for L7 proxy upstream traffic');
  return [
    `-A CILIUM_PRE_raw -m mark --mark ${TO_PROXY} ${toProxy} -j CT --notrack`,
    ...['lxc+', 'cilium_host'].flatMap((device) => [
      `-A CILIUM_OUTPUT_raw -o ${device} -m mark --mark ${FROM_PROXY_EXACTLY} ${returning} -j CT --notrack`,
      `-A CILIUM_OUTPUT_raw -o ${device} -m mark --mark ${PROXY_UPSTREAM} ${upstream} -j CT --notrack`,
    ]),
  ];
}

function natRules(node: PlannedNode, family: Family): string[] {
  const length = family === 4 ? 4 : 16;
  const { config } = node;
  const pods = node.podPrefixes.find(({ address }) => address.length === length);
  const router = node.ciliumInternalAddresses.find((address) => address.length === length);
  if (pods === undefined) return [];
  const native = (family === 4 ? config.nativeRoutingIpv4 : config.nativeRoutingIpv6) ?? pods;
  const local = config.features.endpointRoutes ? 'lxc+' : 'cilium_host';
  const append = '-A CILIUM_POST_nat';
  const rules: string[] = [];
  if (!config.features.tunnelMode) {
    const what = comment('exclude traffic to cluster nodes from masquerade');
    rules.push(`${append} -m set --match-set ${nodeSetName(family)} dst ${what} -j ACCEPT`);
  }
  rules.push(
    `${append} -s ${prefixText(pods)} ! -d ${prefixText(native)} ! -o cilium_+ ` +
      `${comment('cilium masquerade non-cluster')} -j MASQUERADE`,
    `${append} -m mark --mark ${FROM_PROXY} ${comment('exclude proxy return traffic from masquerade')} -j ACCEPT`,
  );
  if (router === undefined) return rules;
  const address = formatAddress(router, 0, length);
  const source = `-j SNAT --to-source ${address}`;
  if (config.features.tunnelMode) {
    rules.push(
      `${append} ! -s ${address}/${length * 8} ! -d ${prefixText(pods)} -o cilium_host ` +
        `${comment('cilium host->cluster masquerade')} ${source}`,
    );
  }
  const loopback = family === 4 ? '127.0.0.1/32' : '::1/128';
  return [
    ...rules,
    `${append} -s ${loopback} -o ${local} ` +
      `${comment(`cilium host->cluster from ${loopback.split('/')[0]} masquerade`)} ${source}`,
    `${append} -o ${local} -m mark --mark 0xf00/0xf00 -m conntrack --ctstate DNAT ` +
      `${comment('hairpin traffic that originated from a local pod')} ${source}`,
  ];
}

function filterRules(): string[] {
  const unmarked = KNOWN_MARKS.map((mark) => `-m mark ! --mark ${mark}`).join(' ');
  return [
    `-A CILIUM_FORWARD -o cilium_host ${comment('cilium: any->cluster on cilium_host forward accept')} -j ACCEPT`,
    `-A CILIUM_FORWARD -i cilium_host ${comment('cilium: cluster->any on cilium_host forward accept (nodeport)')} -j ACCEPT`,
    `-A CILIUM_FORWARD -i lxc+ ${comment('cilium: cluster->any on lxc+ forward accept')} -j ACCEPT`,
    `-A CILIUM_FORWARD -i cilium_net ${comment('cilium: cluster->any on cilium_net forward accept (nodeport)')} -j ACCEPT`,
    `-A CILIUM_INPUT -m mark --mark ${TO_PROXY} ${comment('cilium: ACCEPT for proxy traffic')} -j ACCEPT`,
    `-A CILIUM_OUTPUT -m mark --mark ${FROM_PROXY} ${comment('cilium: ACCEPT for proxy traffic')} -j ACCEPT`,
    `-A CILIUM_OUTPUT -m mark --mark ${PROXY_UPSTREAM} ${comment('cilium: ACCEPT for l7 proxy upstream traffic')} -j ACCEPT`,
    `-A CILIUM_OUTPUT ${unmarked} ${comment('cilium: host->any mark as from host')} -j MARK --set-xmark ${FROM_HOST}`,
  ];
}
