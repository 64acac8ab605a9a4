/** `cilium-dbg ip list`, `node list`, `nodeid list`, `bpf bandwidth list`, `bpf recorder list`: small lists of Cilium 1.18. */
import { contains, formatAddress, type Prefix, parsePrefix } from '../../engine/address-text.js';
import { recordsOf } from '../../engine/maps/records.js';
import { netIp, u16le, u32le, u64le } from '../../programs/tables/names.js';
import { ipcacheRows } from '../../programs/tables/print-identities.js';
import { plainTable, tabulate } from '../../programs/tables/tab-writer.js';
import type { PlannedNode } from '../../topologies/plan.js';
import type { Invocation, Output, Place, ShowCommand } from './command.js';
import { goJson } from './json-text.js';
import { labelsOfIdentity } from './labels.js';

interface KnownIp {
  readonly cidr: string;
  readonly identity: number;
  readonly source: string;
  readonly hostIp: string;
  readonly encryptKey: number;
  readonly pod: string | null;
}

/** The ipcache as the agent knows it, by prefix. */
function knownIps({ built, node }: Place): KnownIp[] {
  const pods = built.pods.map(({ planned }) => planned);
  const rows = ipcacheRows(node.datapath.ipcache).map(([cidr, value]): KnownIp => {
    const [, identity, key, tunnel] = /^identity=(\d+) encryptkey=(\d+) tunnelendpoint=(\S+)/.exec(value)!;
    const prefix = parsePrefix(cidr)!;
    const pod = pods.find(({ addresses }) => isOneOf(prefix, addresses)) ?? null;
    return {
      cidr,
      identity: Number(identity),
      source: sourceOf(Number(identity), pod !== null, prefix),
      hostIp: tunnel === '0.0.0.0' || tunnel === '::' ? '' : tunnel,
      encryptKey: Number(key),
      pod: pod?.name ?? null,
    };
  });
  return rows.sort((a, b) => comparePrefixes(parsePrefix(a.cidr)!, parsePrefix(b.cidr)!));
}

function isOneOf(prefix: Prefix, addresses: readonly Uint8Array[]): boolean {
  return addresses.some(
    (address) => 8 * address.length === prefix.length && Buffer.compare(address, prefix.address) === 0,
  );
}

const IDENTITY_HOST = 1;
const IDENTITY_REMOTE_NODE = 6;

/** Who told the agent: it knows its host and the world itself, pods and nodes from Kubernetes, prefixes from policies. */
function sourceOf(identity: number, isPod: boolean, prefix: Prefix): string {
  if (isPod || identity === IDENTITY_REMOTE_NODE) return 'custom-resource';
  return identity === IDENTITY_HOST || prefix.length === 0 ? 'local' : 'generated';
}

function comparePrefixes(a: Prefix, b: Prefix): number {
  return a.address.length - b.address.length || Buffer.compare(a.address, b.address) || a.length - b.length;
}

function ipList({ place, has, json }: Invocation): Output {
  const ips = knownIps(place);
  if (json) {
    const objects = ips.map(({ cidr, identity, source, hostIp, encryptKey, pod }) => ({
      cidr,
      ...(encryptKey === 0 ? {} : { encryptKey }),
      ...(hostIp === '' ? {} : { hostIP: hostIp }),
      identity,
      metadata: { ...(pod === null ? {} : { name: pod, namespace: 'default' }), source },
    }));
    return { text: goJson(objects) };
  }
  const isVerbose = has('-v', '--verbose');
  const titles = ['IP', 'IDENTITY', 'SOURCE', ...(isVerbose ? ['HOST', 'ENCRYPT_KEY'] : [])];
  const lines = ips.flatMap(({ cidr, identity, source, hostIp, encryptKey }) => {
    const [first = String(identity), ...others] = has('-n', '--numeric')
      ? [String(identity)]
      : (labelsOfIdentity(place.built.plan, identity) ?? []);
    const tail = isVerbose ? `\t${hostIp}\t${encryptKey}` : '';
    return [`${cidr}\t${first}\t${source}${tail}\n`, ...others.map((label) => `\t${label}\t\n`)];
  });
  return { text: tabulate(`${titles.join('\t')}\n${lines.join('')}`) };
}

function familyAddress(addresses: readonly Uint8Array[], length: number): string {
  const found = addresses.find((address) => address.length === length);
  return found === undefined ? '' : formatAddress(found, 0, length);
}

function podPrefix({ podPrefixes }: PlannedNode, length: number): string {
  const found = podPrefixes.find(({ address }) => address.length === length);
  return found === undefined ? '' : `${formatAddress(found.address, 0, length)}/${found.length}`;
}

function nodeList({ place, json }: Invocation): Output {
  const nodes = place.built.plan.nodes.map((planned) => ({
    name: planned.name,
    ipv4: familyAddress(planned.internalAddresses, 4),
    ipv4Range: podPrefix(planned, 4),
    ipv6: familyAddress(planned.internalAddresses, 16),
    ipv6Range: podPrefix(planned, 16),
    source: planned === place.node.planned ? 'local' : 'custom-resource',
  }));
  if (json) {
    const objects = nodes.map(({ name, ipv4, ipv4Range, ipv6, ipv6Range, source }) => ({
      name,
      'primary-address': {
        ipv4: { 'alloc-range': ipv4Range, enabled: ipv4 !== '', ip: ipv4 },
        ipv6: { 'alloc-range': ipv6Range, enabled: ipv6 !== '', ip: ipv6 },
      },
      source,
    }));
    return { text: goJson(objects) };
  }
  const titles = ['Name', 'IPv4 Address', 'Endpoint CIDR', 'IPv6 Address', 'Endpoint CIDR', 'Source'];
  const rows = nodes
    .map(({ name, ipv4, ipv4Range, ipv6, ipv6Range, source }) => [
      name,
      ipv4,
      ipv4Range,
      ipv6,
      ipv6Range,
      source,
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { text: plainTable(titles, rows, 0) };
}

/** Node ids with their addresses, by id. */
function nodeIdList({ place, json }: Invocation): Output {
  const ids = new Map<number, string[]>();
  for (const { key, value } of recordsOf(place.node.datapath.nodes)) {
    const id = u16le(value, 0);
    ids.set(id, [...(ids.get(id) ?? []), netIp(key, 4, key[3] === 1 ? 4 : 16)]);
  }
  const sorted = [...ids].sort(([a], [b]) => a - b);
  if (json) return { text: goJson(sorted.map(([id, ips]) => ({ id, ips }))) };
  const lines = sorted.flatMap(([id, [first, ...others]]) => [
    `0x${id.toString(16)}\t${first}\n`,
    ...others.map((address) => `\t${address}\n`),
  ]);
  return { text: tabulate(`NODE ID\tIP ADDRESSES\tSPI\n${lines.join('')}`) };
}

const PRIORITY_AT = 24;

/** `cilium-dbg bpf bandwidth list`. */
function bandwidthList({ place, json }: Invocation): Output {
  const { features, throttle } = place.node.datapath;
  if (!features.bandwidthManager) return { text: '', errors: 'bandwidth manager not enabled', exitCode: 1 };
  const limits = recordsOf(throttle).map(({ key, value }) => ({
    id: String(u32le(key, 0)),
    direction: key[4],
    bytesPerSecond: u64le(value, 0),
    priority: String(u32le(value, PRIORITY_AT)),
  }));
  if (json) {
    const entries = limits.map(
      ({ id, direction, bytesPerSecond, priority }) =>
        [`${id}, ${direction}`, [`${bytesPerSecond}, ${priority}`]] as const,
    );
    return { text: goJson(Object.fromEntries(entries)) };
  }
  if (limits.length === 0) return { text: '', errors: 'No entries found.\n' };
  const rows = limits.map(({ id, direction, bytesPerSecond, priority }) => [
    id,
    direction === 1 ? 'Ingress' : 'Egress',
    priority,
    quantityText(8n * bytesPerSecond),
  ]);
  rows.sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1));
  return { text: plainTable(['IDENTITY', 'DIRECTION', 'PRIO', 'BANDWIDTH (BitsPerSec)'], rows) };
}

const SUFFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** As Kubernetes writes a quantity: `10M`; the largest unit that leaves no fraction. */
function quantityText(value: bigint): string {
  let [rest, unit] = [value, 0];
  while (rest > 0n && rest % 1000n === 0n && unit + 1 < SUFFIXES.length) {
    rest /= 1000n;
    unit++;
  }
  return `${rest}${SUFFIXES[unit]}`;
}

/** Whose address it is. */
function ipGet({ place, args: [text] }: Invocation): Output {
  const prefix = parsePrefix(text);
  const found =
    prefix === null ? [] : knownIps(place).filter(({ cidr }) => contains(parsePrefix(cidr)!, prefix.address));
  const longest = found.sort((a, b) => parsePrefix(b.cidr)!.length - parsePrefix(a.cidr)!.length)[0];
  if (longest === undefined)
    return { text: '', errors: `Error: Cannot get IPs: no entry for ${text}\n`, exitCode: 1 };
  const labels = labelsOfIdentity(place.built.plan, longest.identity) ?? [String(longest.identity)];
  const lines = labels.slice(1).map((label) => `\t${label}\t\n`);
  return {
    text: tabulate(
      `IP\tIDENTITY\tSOURCE\n${longest.cidr}\t${labels[0]}\t${longest.source}\n${lines.join('')}`,
    ),
  };
}

export const clusterCommands: readonly ShowCommand[] = [
  { words: 'cilium-dbg ip list', options: ['-n', '--numeric', '-v', '--verbose'], run: ipList },
  { words: 'cilium-dbg ip get', usage: 'ADDRESS', maximumArgs: 1, run: ipGet },
  { words: 'cilium-dbg node list', run: nodeList },
  { words: 'cilium-dbg nodeid list', run: nodeIdList },
  { words: 'cilium-dbg bpf bandwidth list', run: bandwidthList },
  // One empty line for the map of each family, of which there is none.
  { words: 'cilium-dbg bpf recorder list', run: ({ json }) => ({ text: json ? '[]\n\n' : '\n\n' }) },
];
