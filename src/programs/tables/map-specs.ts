/** Every map of the datapath as the Cilium agent creates it: name, type, key and value size, entries, flags. */
import type { MapSpec, MapType } from '../../engine/maps/map.js';

const NO_PREALLOC = 1;
const NO_COMMON_LRU = 2;

function map(
  name: string,
  type: MapType,
  keySize: number,
  valueSize: number,
  maxEntries: number,
  flags = 0,
): MapSpec {
  return { name, type, keySize, valueSize, maxEntries, flags };
}

const MAGLEV_TABLE_BYTES = 4 * 16381;
const CT_ENTRIES_PER_CLUSTER = 4096;

function perCluster(name: string, keySize: number, valueSize: number, entries: number): MapSpec {
  const inner = map(`${name}_inner`, 'lru_hash', keySize, valueSize, entries);
  return { ...map(name, 'array_of_maps', 4, 4, 256), inner };
}

function maglev(name: string): MapSpec {
  const inner = map('cilium_maglev_inner', 'array', 4, MAGLEV_TABLE_BYTES, 1);
  return { ...map(name, 'hash_of_maps', 2, 4, 65536, NO_PREALLOC), inner };
}

const SPECS: readonly MapSpec[] = [
  map('cilium_auth_map', 'hash', 12, 8, 524288, NO_PREALLOC),
  map('cilium_call_policy', 'prog_array', 4, 4, 65535),
  map('cilium_egresscall_policy', 'prog_array', 4, 4, 65535),
  map('cilium_calls', 'prog_array', 4, 4, 48),
  map('cilium_cidr_v4_dyn', 'lpm_trie', 8, 1, 16384, NO_PREALLOC),
  map('cilium_cidr_v4_fix', 'hash', 8, 1, 16384, NO_PREALLOC),
  map('cilium_cidr_v6_dyn', 'lpm_trie', 20, 1, 16384, NO_PREALLOC),
  map('cilium_cidr_v6_fix', 'hash', 20, 1, 16384, NO_PREALLOC),
  map('cilium_ct4_global', 'lru_hash', 14, 56, 524288),
  map('cilium_ct_any4_global', 'lru_hash', 14, 56, 262144),
  map('cilium_ct6_global', 'lru_hash', 38, 56, 524288),
  map('cilium_ct_any6_global', 'lru_hash', 38, 56, 262144),
  map('cilium_egress_gw_policy_v4', 'lpm_trie', 12, 8, 16384, NO_PREALLOC),
  map('cilium_egress_gw_policy_v6', 'lpm_trie', 36, 32, 16384, NO_PREALLOC),
  map('cilium_encrypt_state', 'array', 4, 1, 1),
  map('cilium_events', 'perf_event_array', 4, 4, 1),
  map('cilium_signals', 'perf_event_array', 4, 4, 1),
  map('cilium_ipcache_v2', 'lpm_trie', 24, 24, 512000, NO_PREALLOC),
  map('cilium_ipmasq_v4', 'lpm_trie', 8, 1, 16384, NO_PREALLOC),
  map('cilium_ipmasq_v6', 'lpm_trie', 20, 1, 16384, NO_PREALLOC),
  map('cilium_ipv4_frag_datagrams', 'lru_hash', 12, 4, 8192),
  map('cilium_ipv6_frag_datagrams', 'lru_hash', 40, 4, 8192),
  map('cilium_l2_responder_v4', 'hash', 8, 8, 4096, NO_PREALLOC),
  map('cilium_lb4_affinity', 'lru_hash', 16, 16, 65536),
  map('cilium_lb6_affinity', 'lru_hash', 24, 16, 65536),
  map('cilium_lb4_backends_v3', 'hash', 4, 12, 65536, NO_PREALLOC),
  map('cilium_lb6_backends_v3', 'hash', 4, 24, 65536, NO_PREALLOC),
  map('cilium_lb4_health', 'lru_hash', 8, 12, 65536),
  map('cilium_lb6_health', 'lru_hash', 8, 24, 65536),
  maglev('cilium_lb4_maglev'),
  maglev('cilium_lb6_maglev'),
  map('cilium_lb4_reverse_nat', 'hash', 2, 6, 65536, NO_PREALLOC),
  map('cilium_lb6_reverse_nat', 'hash', 2, 18, 65536, NO_PREALLOC),
  map('cilium_lb4_reverse_sk', 'lru_hash', 16, 8, 262144),
  map('cilium_lb6_reverse_sk', 'lru_hash', 32, 20, 262144),
  map('cilium_lb4_services_v2', 'hash', 12, 12, 65536, NO_PREALLOC),
  map('cilium_lb6_services_v2', 'hash', 24, 12, 65536, NO_PREALLOC),
  map('cilium_lb4_source_range', 'lpm_trie', 12, 1, 65536, NO_PREALLOC),
  map('cilium_lb6_source_range', 'lpm_trie', 24, 1, 65536, NO_PREALLOC),
  map('cilium_lb_act', 'lru_hash', 4, 8, 65536),
  map('cilium_lb_affinity_match', 'hash', 8, 1, 65536, NO_PREALLOC),
  map('cilium_lxc', 'hash', 20, 48, 65535, NO_PREALLOC),
  map('cilium_metrics', 'percpu_hash', 8, 16, 1024, NO_PREALLOC),
  map('cilium_node_map_v2', 'hash', 20, 4, 16384, NO_PREALLOC),
  map('cilium_nodeport_neigh4', 'lru_hash', 4, 8, 524288),
  map('cilium_nodeport_neigh6', 'lru_hash', 16, 8, 524288),
  perCluster('cilium_per_cluster_ct_tcp4', 14, 56, CT_ENTRIES_PER_CLUSTER),
  perCluster('cilium_per_cluster_ct_any4', 14, 56, CT_ENTRIES_PER_CLUSTER),
  perCluster('cilium_per_cluster_ct_tcp6', 38, 56, CT_ENTRIES_PER_CLUSTER),
  perCluster('cilium_per_cluster_ct_any6', 38, 56, CT_ENTRIES_PER_CLUSTER),
  perCluster('cilium_per_cluster_snat_v4_external', 14, 40, 524288),
  perCluster('cilium_per_cluster_snat_v6_external', 38, 56, 524288),
  map('cilium_policystats', 'lru_percpu_hash', 12, 16, 65536, NO_COMMON_LRU),
  map('cilium_ratelimit', 'lru_hash', 8, 16, 1024),
  map('cilium_ratelimit_metrics', 'hash', 4, 8, 64, NO_PREALLOC),
  map('cilium_runtime_config', 'array', 4, 8, 256),
  map('cilium_skip_lb4', 'hash', 16, 1, 100, NO_PREALLOC),
  map('cilium_skip_lb6', 'hash', 32, 1, 100, NO_PREALLOC),
  map('cilium_snat_v4_alloc_retries', 'percpu_array', 4, 4, 33),
  map('cilium_snat_v6_alloc_retries', 'percpu_array', 4, 4, 33),
  map('cilium_snat_v4_external', 'lru_hash', 14, 40, 524288),
  map('cilium_snat_v6_external', 'lru_hash', 38, 56, 524288),
  map('cilium_srv6_policy_v4', 'lpm_trie', 12, 16, 16384, NO_PREALLOC),
  map('cilium_srv6_policy_v6', 'lpm_trie', 24, 16, 16384, NO_PREALLOC),
  map('cilium_srv6_sid', 'hash', 16, 4, 16384, NO_PREALLOC),
  map('cilium_srv6_vrf_v4', 'lpm_trie', 12, 4, 16384, NO_PREALLOC),
  map('cilium_srv6_vrf_v6', 'lpm_trie', 36, 4, 16384, NO_PREALLOC),
  map('cilium_throttle', 'hash', 8, 56, 65535, NO_PREALLOC),
  map('cilium_vtep_map', 'hash', 4, 16, 8, NO_PREALLOC),
];

/** All node-wide maps by name. The policy map is per endpoint: `POLICY_MAP_SPEC`. */
export const MAP_SPECS: ReadonlyMap<string, MapSpec> = new Map(SPECS.map((spec) => [spec.name, spec]));

/** Maps besides the LRU ones that packets write, and not the agent. */
const WRITTEN_BY_PACKETS: readonly string[] = [
  'cilium_events',
  'cilium_metrics',
  'cilium_ratelimit_metrics',
  'cilium_signals',
  'cilium_snat_v4_alloc_retries',
  'cilium_snat_v6_alloc_retries',
];

/** Whether a map holds what packets have left there: connections, NAT mappings, counters. */
export function isWrittenByPackets({ name, type }: MapSpec): boolean {
  return type === 'lru_hash' || type === 'lru_percpu_hash' || WRITTEN_BY_PACKETS.includes(name);
}

/** The policy map of one endpoint, pinned as `cilium_policy_v2_<endpoint id>`. */
export const POLICY_MAP_SPEC: MapSpec = map('cilium_policy_v2', 'lpm_trie', 12, 8, 16384, NO_PREALLOC);
