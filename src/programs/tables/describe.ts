/**
 * Map entries in words, one at a time: the key as Cilium's listing of the map prints it, the value as named fields.
 * For observers: everything here allocates.
 */
import { formatAddress, formatIpv4, formatMac } from '../../engine/address-text.js';
import { reasonText } from '../drop-reasons.js';
import { describeBackend, describeConnection, describeNat, describeService } from './describe-flows.js';
import * as endpoints from './endpoints.js';
import * as ipcache from './ipcache.js';
import { addressPort, authName, netipAddress, protocolName, u16be, u16le, u32le, u64le } from './names.js';
import * as policy from './policy.js';
import { gatewayText } from './print-lists.js';

/** Name and text of a value's field. */
export type ValueField = readonly [name: string, text: string];

export interface Described {
  readonly key: string;
  readonly value: readonly ValueField[];
}

/** `value` is empty when only the key is wanted. */
type Describe = (key: Uint8Array, value: Uint8Array) => Described;

const DIRECTIONS = ['Ingress', 'Egress'];
const METRIC_DIRECTIONS = ['unknown', 'ingress', 'egress', 'service'];
const IPV4_FAMILY = 1;

const NONE: readonly ValueField[] = [];

/** Key and value of an entry of the map. A map that has no words here is shown in hex. */
export function describeEntry(map: string, key: Uint8Array, value: Uint8Array): Described {
  const describe = DESCRIBERS.find(([pattern]) => pattern.test(map))?.[1];
  return describe === undefined
    ? { key: hex(key), value: value.length === 0 ? NONE : [['value', hex(value)]] }
    : describe(key, value);
}

/** The key alone. */
export function describeKey(map: string, key: Uint8Array): string {
  return describeEntry(map, key, NO_VALUE).key;
}

const NO_VALUE = new Uint8Array(0);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function when(value: Uint8Array, fields: () => readonly ValueField[]): readonly ValueField[] {
  return value.length === 0 ? NONE : fields();
}

function describeIpcache(key: Uint8Array, value: Uint8Array): Described {
  const address = netipAddress(key, 8, key[7] === IPV4_FAMILY ? 4 : 16);
  const fields = (): ValueField[] => {
    const flags = value[ipcache.FLAGS];
    const found: ValueField[] = [['identity', String(u32le(value, ipcache.SECURITY_IDENTITY))]];
    if ((flags & ipcache.FLAG_HAS_TUNNEL_ENDPOINT) !== 0) {
      const length = (flags & ipcache.FLAG_IPV6_TUNNEL_ENDPOINT) !== 0 ? 16 : 4;
      found.push(['tunnelendpoint', formatAddress(value, ipcache.TUNNEL_ENDPOINT, length)]);
    }
    if (value[ipcache.KEY] !== 0) found.push(['encryptkey', String(value[ipcache.KEY])]);
    if ((flags & ipcache.FLAG_SKIP_TUNNEL) !== 0) found.push(['flags', 'skiptunnel']);
    return found;
  };
  const length = u32le(key, 0) - ipcache.STATIC_PREFIX;
  return { key: `${address}/${length}`, value: when(value, fields) };
}

function describeEndpoint(key: Uint8Array, value: Uint8Array): Described {
  const address = netipAddress(key, 0, key[16] === IPV4_FAMILY ? 4 : 16);
  const fields = (): ValueField[] => {
    const flags = u32le(value, endpoints.FLAGS);
    if ((flags & endpoints.FLAG_HOST) !== 0) return [['host', 'localhost']];
    return [
      ['id', String(u16le(value, endpoints.LXC_ID))],
      ['sec_id', String(u32le(value, endpoints.SECURITY_ID))],
      ['ifindex', String(u32le(value, endpoints.IFINDEX))],
      ['mac', formatMac(value, endpoints.MAC)],
      ['nodemac', formatMac(value, endpoints.NODE_MAC)],
    ];
  };
  return { key: address, value: when(value, fields) };
}

/** Protocol and port of a policy or policy statistics key, of which `bits` count. */
function portText(key: Uint8Array, bits: number): string {
  const protocol = protocolName(key[9]);
  if (bits <= 8) return protocol;
  const port = u16be(key, 10);
  const last = port + 2 ** (24 - bits) - 1;
  return bits >= 24 ? `${port}/${protocol}` : `${port}-${last}/${protocol}`;
}

function describePolicy(key: Uint8Array, value: Uint8Array): Described {
  const bits = u32le(key, 0) - policy.STATIC_PREFIX;
  const identity = u32le(key, 4);
  const fields = (): ValueField[] => {
    const first = u32le(value, 0);
    const found: ValueField[] = [['action', (first & policy.DENY) === 0 ? 'Allow' : 'Deny']];
    const proxy = u16be(value, 0);
    if (proxy !== 0) found.push(['proxy port', String(proxy)]);
    if (policy.authType(first) !== 0) found.push(['auth', authName(policy.authType(first))]);
    return found;
  };
  return {
    key: `${DIRECTIONS[key[8] & 1]} ${identity === 0 ? 'ANY' : identity} ${portText(key, bits)}`,
    value: when(value, fields),
  };
}

function describePolicyStats(key: Uint8Array, value: Uint8Array): Described {
  const identity = u32le(key, 4);
  return {
    key: `endpoint ${u16le(key, 0)} ${DIRECTIONS[key[8] & 1]} ${identity === 0 ? 'ANY' : identity} ${portText(key, key[3])}`,
    value: counters(value),
  };
}

function counters(value: Uint8Array): readonly ValueField[] {
  return when(value, () => [
    ['packets', String(u64le(value, 0))],
    ['bytes', String(u64le(value, 8))],
  ]);
}

function describeMetrics(key: Uint8Array, value: Uint8Array): Described {
  return { key: `${reasonText(key[0])}, ${METRIC_DIRECTIONS[key[1] & 3]}`, value: counters(value) };
}

function describeReverseNat(key: Uint8Array, value: Uint8Array): Described {
  const length = value.length === 6 ? 4 : 16;
  return {
    key: String(u16be(key, 0)),
    value: when(value, () => [['frontend', addressPort(value, 0, length, u16be(value, length))]]),
  };
}

function describeReverseSocket(key: Uint8Array, value: Uint8Array): Described {
  const length = key.length === 16 ? 4 : 16;
  return {
    key: `cookie ${u64le(key, 0)} ${addressPort(key, 8, length, u16be(key, 8 + length))}`,
    value: when(value, () => [
      ['frontend', addressPort(value, 0, length, u16be(value, length))],
      ['rev_nat', String(u16be(value, length + 2))],
    ]),
  };
}

/** The client is known by its address, or by its network namespace's cookie. */
function describeAffinity(key: Uint8Array, value: Uint8Array): Described {
  const length = key.length === 16 ? 4 : 16;
  const at = key.length === 16 ? 8 : 16;
  const byNamespace = (key[at + 2] & 1) !== 0;
  const client = byNamespace ? `netns cookie ${u64le(key, 0)}` : formatAddress(key, 0, length);
  return {
    key: `${client} rev_nat ${u16be(key, at)}`,
    value: when(value, () => [
      ['backend', String(u32le(value, 8))],
      ['last used', `${u64le(value, 0)} s`],
    ]),
  };
}

function describeAffinityMatch(key: Uint8Array): Described {
  return { key: `backend ${u32le(key, 0)} rev_nat ${u16be(key, 4)}`, value: NONE };
}

function describeSourceRange(key: Uint8Array): Described {
  const address = formatAddress(key, 8, key.length - 8);
  return { key: `${address}/${u32le(key, 0) - 32} rev_nat ${u16be(key, 4)}`, value: NONE };
}

/** Prefix length and address; the value says nothing. */
function describePrefix(key: Uint8Array): Described {
  return { key: `${formatAddress(key, 4, key.length - 4)}/${u32le(key, 0)}`, value: NONE };
}

function describeNeighbour(key: Uint8Array, value: Uint8Array): Described {
  return { key: formatAddress(key, 0, key.length), value: when(value, () => [['mac', formatMac(value)]]) };
}

function describeEgress(key: Uint8Array, value: Uint8Array): Described {
  const length = key.length === 12 ? 4 : 16;
  const destination = `${formatAddress(key, 4 + length, length)}/${u32le(key, 0) - 8 * length}`;
  return {
    key: `${formatAddress(key, 4, length)} -> ${destination}`,
    value: when(value, () => [
      ['egress IP', formatAddress(value, 0, length)],
      ['gateway IP', gatewayText(formatIpv4(value, length))],
    ]),
  };
}

function describeFragment(key: Uint8Array, value: Uint8Array): Described {
  const isV4 = key.length === 12;
  const length = isV4 ? 4 : 16;
  const source = formatAddress(key, isV4 ? 4 : 8, length);
  const destination = formatAddress(key, isV4 ? 0 : 24, length);
  const id = isV4 ? u16be(key, 8) : ((u16be(key, 0) << 16) | u16be(key, 2)) >>> 0;
  return {
    key: `${protocolName(key[isV4 ? 10 : 4])} ${source} -> ${destination} id ${id}`,
    value: when(value, () => [['ports', `${u16be(value, 0)} -> ${u16be(value, 2)}`]]),
  };
}

function describeNode(key: Uint8Array, value: Uint8Array): Described {
  return {
    key: netipAddress(key, 4, key[3] === IPV4_FAMILY ? 4 : 16),
    value: when(value, () => [
      ['node id', `0x${u16le(value, 0).toString(16)}`],
      ['spi', String(value[2])],
    ]),
  };
}

function describeVtep(key: Uint8Array, value: Uint8Array): Described {
  return {
    key: formatIpv4(key),
    value: when(value, () => [
      ['vtepmac', formatMac(value)],
      ['tunnelendpoint', formatIpv4(value, 8)],
    ]),
  };
}

function describeAuthentication(key: Uint8Array, value: Uint8Array): Described {
  return {
    key: `${u32le(key, 0)} -> ${u32le(key, 4)} node ${u16le(key, 8)} ${authName(key[10] & 0x7f)}`,
    value: when(value, () => [['expiration', String(u64le(value, 0))]]),
  };
}

function describeIndex(key: Uint8Array, value: Uint8Array): Described {
  return { key: String(u32le(key, 0)), value: when(value, () => [['value', hex(value)]]) };
}

function describeAnnouncement(key: Uint8Array, value: Uint8Array): Described {
  return {
    key: `${formatIpv4(key)} ifindex ${u32le(key, 4)}`,
    value: when(value, () => [['responses', String(u64le(value, 0))]]),
  };
}

function describeMaglev(key: Uint8Array, value: Uint8Array): Described {
  return {
    key: `rev_nat ${u16be(key, 0)}`,
    value: when(value, () => [['inner map', String(u32le(value, 0))]]),
  };
}

/** A lookup table is thousands of words: which backend it answers is seen by what is looked up next. */
function describeMaglevTable(key: Uint8Array, value: Uint8Array): Described {
  return { key: String(u32le(key, 0)), value: when(value, () => [['slots', String(value.length / 4)]]) };
}

const DESCRIBERS: readonly (readonly [RegExp, Describe])[] = [
  [/^cilium_lb[46]_services_v2$/, describeService],
  [/^cilium_lb[46]_backends_v3$/, describeBackend],
  [/^cilium_lb[46]_reverse_nat$/, describeReverseNat],
  [/^cilium_lb[46]_reverse_sk$/, describeReverseSocket],
  [/^cilium_lb[46]_affinity$/, describeAffinity],
  [/^cilium_lb_affinity_match$/, describeAffinityMatch],
  [/^cilium_lb[46]_source_range$/, describeSourceRange],
  [/^cilium_lb[46]_maglev$/, describeMaglev],
  [/^cilium_maglev_inner$/, describeMaglevTable],
  [/^cilium_(ct|per_cluster_ct.*_inner$)/, describeConnection],
  [/^cilium_(snat_v[46]_external|per_cluster_snat.*_inner$)/, describeNat],
  [/^cilium_ipcache_v2$/, describeIpcache],
  [/^cilium_lxc$/, describeEndpoint],
  [/^cilium_policy_v2/, describePolicy],
  [/^cilium_policystats$/, describePolicyStats],
  [/^cilium_metrics$/, describeMetrics],
  [/^cilium_(ipmasq_v[46]|cidr_v[46]_(dyn|fix))$/, describePrefix],
  [/^cilium_nodeport_neigh[46]$/, describeNeighbour],
  [/^cilium_egress_gw_policy_v[46]$/, describeEgress],
  [/^cilium_ipv[46]_frag_datagrams$/, describeFragment],
  [/^cilium_node_map_v2$/, describeNode],
  [/^cilium_vtep_map$/, describeVtep],
  [/^cilium_auth_map$/, describeAuthentication],
  [/^cilium_l2_responder_v4$/, describeAnnouncement],
  [/^cilium_(runtime_config|encrypt_state|snat_v[46]_alloc_retries|per_cluster_(ct|snat).*)$/, describeIndex],
];
