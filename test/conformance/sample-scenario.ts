/** A small scenario written by hand that uses every field of the format; for tests of the runner. */
import type { RecordedMap, Scenario, Step } from './vector-format.js';

const PEER_KEY = '0af5010a0af50114005013890600';
const OTHER_KEY = '0af5010a0af50114005013890601';
const OLD_KEY = '0af5010a0af501140050138906ff';
export const CT_VALUE = `${'00'.repeat(16)}0100000000000000${'00'.repeat(32)}`;
const CT_CHANGED = `${'00'.repeat(16)}0200000000000000${'00'.repeat(32)}`;

const map = (
  type: RecordedMap['type'],
  keySize: number,
  valueSize: number,
  maxEntries: number,
  entries: RecordedMap['entries'] = [],
): RecordedMap => ({ type, keySize, valueSize, maxEntries, flags: 0, entries });

const ETHERNET = '0a00000001fe0a0000000101';
export const FRAME = `${ETHERNET}0800450000140000000040060000c0a80001c0a80002`;
const FIB_PARAMS = `02${'00'.repeat(7)}15000000${'00'.repeat(52)}`;

const context = { mark: 0x0f00, cb: [1, 2, 3, 4, 5], ifindex: 21, ingress_ifindex: 21, tc_index: 1 };

const everything: Step = {
  on: 'ep1',
  entry: 'cil_from_container',
  now_ns: 1_000_000_000_000,
  random: [7, 4_000_000_000],
  ctx: context,
  frame: FRAME,
  fib: { ret: 0, ifindex: 10, smac: '020000000010', dmac: '020000000001', nh: 'c0a80001' },
  tunnel: { ret: 0, v6: 0, key: '02000000', opt: '0102' },
  pre: { cilium_runtime_config: { set: [['01000000', '0500000000000000']], deleted: [] } },
  expect: {
    verdict: 7,
    frame: `${ETHERNET}0800450000140000000040060000c0a80001c0a80003aabb`,
    ctx: { mark: 0xfffffff0, cb: [9, 2, 3, 4, 4_294_967_295], tc_index: 4 },
    redirects: [
      { kind: 'redirect', ifindex: 10, flags: 1 },
      { kind: 'redirect_peer', ifindex: 22, flags: 0 },
      { kind: 'redirect_neigh', ifindex: 10, flags: 0 },
      { kind: 'redirect_neigh', ifindex: 10, flags: 0, params: `02000000c0a80001${'00'.repeat(12)}` },
    ],
    calls: [
      { fn: 'fib_lookup', flags: 0, params: FIB_PARAMS },
      { fn: 'set_tunnel_key', flags: 2, key: '020000000c00a8c0', size: 8 },
      { fn: 'set_tunnel_opt', opt: '014b8102' },
      { fn: 'change_type', type: 0 },
    ],
    tailCalls: [{ map: 'cilium_call_policy', slot: 102 }],
    dropReason: 140,
    events: [{ hex: '018c650000000000' }, { hex: '01020304', signal: true }, { hex: '0400650011223344' }],
    maps: {
      cilium_ct4_global: {
        set: [
          [PEER_KEY, CT_CHANGED],
          [OTHER_KEY, CT_VALUE],
        ],
        deleted: [OLD_KEY],
      },
      cilium_policystats: {
        set: [['650000000000000001000000', '01000000000000003600000000000000']],
        deleted: [],
      },
      cilium_snat_v4_alloc_retries: { set: [['02000000', '01000000']], deleted: [] },
      cilium_ipcache_v2: { set: [], deleted: ['3900000000000001c6336480000000000000000000000000'] },
    },
    metrics: { '140:2': [1, 54], '133:2': [2, 108], '0:1': [1, 54] },
  },
};

/** Changes the entry that the first step wrote: passes only when the first step left the recorded state. */
const follower: Step = {
  on: 'ep1',
  entry: 'cil_from_container',
  now_ns: 1_000_001_000_000,
  random: [],
  ctx: context,
  frame: FRAME,
  fib: null,
  expect: {
    verdict: 0,
    frame: '=',
    ctx: {},
    redirects: [],
    calls: [],
    dropReason: null,
    events: [],
    maps: { cilium_ct4_global: { set: [[OTHER_KEY, CT_CHANGED]], deleted: [PEER_KEY] } },
    metrics: {},
  },
};

const dropped: Step = {
  ...follower,
  expect: { ...follower.expect, verdict: 2, dropReason: 134, metrics: { '134:2': [1, 34] }, maps: {} },
};

const xdp: Step = {
  ...follower,
  on: 'xdp',
  entry: 'cil_xdp_entry',
  ctx: { ifindex: 0 },
  expect: {
    ...follower.expect,
    verdict: 3,
    maps: {},
    ctx: { meta: '01000000' },
    redirects: [
      { kind: 'xdp_tx', ifindex: 1, flags: 0 },
      { kind: 'redirect', ifindex: 2, flags: 0 },
    ],
  },
};

export const STEP_EVERYTHING = 0;
export const STEP_FOLLOWER = 1;
export const STEP_DROPPED = 2;
export const STEP_XDP = 3;

export const SAMPLE: Scenario = {
  name: 'sample',
  source: 'own',
  featureSet: 'S',
  features: { ENABLE_IPV4: '1', CT_REPORT_FLAGS: '0x0007', MONITOR_AGGREGATION: '3', SKIP_DEBUG: '1' },
  objectFeatures: { xdp: { ENABLE_PREFILTER: 1 } },
  instances: {
    ep1: {
      object: 'lxc',
      config: { endpoint_id: '6500', interface_ifindex: '15000000', security_label: 'e9030000' },
      maps: { cilium_policy_v2: 'policy_ep1' },
    },
    xdp: { object: 'xdp', config: {}, maps: {} },
  },
  tailCalls: { cilium_call_policy: { 101: { on: 'ep1', entry: 'cil_lxc_policy' } } },
  maps: {
    policy_ep1: map('lpm_trie', 12, 8, 4096, [['280000000000000000000000', '0000000000000000']]),
    cilium_ct4_global: map('lru_hash', 14, 56, 4096, [
      [PEER_KEY, CT_VALUE],
      [OLD_KEY, CT_VALUE],
    ]),
    cilium_ipcache_v2: map('lpm_trie', 24, 24, 4096, [
      ['3800000000000001c6336400000000000000000000000000', `0100000100${'00'.repeat(19)}`],
      ['3900000000000001c6336480000000000000000000000000', `0200000100${'00'.repeat(19)}`],
    ]),
    cilium_policystats: map('lru_percpu_hash', 12, 16, 4096),
    cilium_snat_v4_alloc_retries: map('percpu_array', 4, 4, 33),
    cilium_runtime_config: map('array', 4, 8, 256),
  },
  steps: [everything, follower, dropped, xdp],
};
