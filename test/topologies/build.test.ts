import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTopology } from '../../src/topologies/load.js';
import { getHex } from '../support/map-hex.js';
import { build, buildReady } from './support.js';

test('life-of-a-packet: what the agent writes into node1, byte for byte', () => {
  const { datapath, pods } = buildReady('life-of-a-packet').nodes[0];
  const entry = (map: string, key: string): string | undefined => getHex(datapath.map(map), key);
  const zeros = (bytes: number): string => '00'.repeat(bytes);

  assert.equal(
    entry('cilium_lxc', `0a01010a${zeros(12)}01000000`),
    `0a0000000000e90300000000${zeros(4)}0a000a01010a00000a00000011aa000011270000${zeros(12)}`,
  );
  // The node's own addresses: bond0 and cilium_host.
  for (const address of ['0affff0b', '0a010101']) {
    assert.equal(entry('cilium_lxc', `${address}${zeros(12)}01000000`), `${zeros(8)}01${zeros(39)}`);
    assert.equal(entry('cilium_ipcache_v2', `4000000000000001${address}${zeros(12)}`), `01${zeros(23)}`);
  }
  assert.equal(datapath.endpoints.size, 3);

  assert.equal(entry('cilium_ipcache_v2', `2000000000000001${zeros(16)}`), `02${zeros(23)}`);
  assert.equal(entry('cilium_ipcache_v2', `40000000000000010a01010a${zeros(12)}`), `11270000${zeros(20)}`);
  // pod4: identity 10004 behind node2, and node2 itself a remote node.
  assert.equal(
    entry('cilium_ipcache_v2', `40000000000000010a010228${zeros(12)}`),
    `142700000affff0c${zeros(15)}02`,
  );
  assert.equal(entry('cilium_ipcache_v2', `40000000000000010affff0c${zeros(12)}`), `06${zeros(23)}`);

  assert.equal(entry('cilium_lb4_services_v2', '0a6000500050000006000000'), '000000000100000100000000');
  assert.equal(entry('cilium_lb4_services_v2', '0a6000500050010006000000'), '010000000000000100000000');
  assert.equal(entry('cilium_lb4_services_v2', '0a6000350035000011000000'), '000000000100000200000000');
  assert.equal(entry('cilium_lb4_backends_v3', '01000000'), '0a0102281f90060000000000');
  assert.equal(entry('cilium_lb4_backends_v3', '02000000'), '0a01022814e9110000000000');
  assert.equal(entry('cilium_lb4_reverse_nat', '0001'), '0a6000500050');
  assert.equal(entry('cilium_lb4_reverse_nat', '0002'), '0a6000350035');

  const { policyMap } = pods[0];
  assert.equal(policyMap.spec.name, 'cilium_policy_v2_01001');
  assert.equal(getHex(policyMap, '280000000000000000000000'), '0000000000000000');
  assert.equal(getHex(policyMap, '400000001427000001061f90'), '0000c00000000000');
  assert.equal(getHex(policyMap, '400000000100000001010008'), '0000c00000000000');
  assert.equal(policyMap.size, 6);
  // The pod's and the host endpoint's.
  assert.equal(datapath.callPolicy.size, 2);
  assert.equal(datapath.programs[datapath.callPolicy.programAt(1001)].name, 'cil_lxc_policy');
});

test('programs at the pod device: egress only with endpoint routes', () => {
  const names = (text: string): string[][] => {
    const { device } = build(readTopology(text, 't.yaml').spec).pods[0];
    return [device.ingress, device.egress].map((chain) => chain.programs.map((program) => program.name));
  };
  const text = 'nodes: [{ name: n, podCIDR: 10.0.0.0/24, pods: [{ name: a, ip: 10.0.0.5 }] }]\n';
  assert.deepEqual(names(text), [['cil_from_container'], []]);
  assert.deepEqual(names(`${text}cilium: { enable-endpoint-routes: true }`), [
    ['cil_from_container'],
    ['cil_to_container'],
  ]);
});

test('the agent adds its routes, unless the topology has them', () => {
  const { host } = buildReady('life-of-a-packet').nodes[0].node;
  const routes = host.ipv4Routes.routes.map(
    (route) =>
      `${route.prefix.join('.')}/${route.prefixLength} ${host.device(route.ifindex)?.name} ${route.kind ?? 0}`,
  );
  assert.deepEqual(routes.sort(), [
    '0.0.0.0/0 bond0 0',
    '10.1.1.0/24 cilium_host 0',
    '10.1.1.1/32 cilium_host 0',
    '10.1.1.1/32 cilium_host 1',
    '10.1.1.10/32 lxc00aa 0',
    '10.255.255.11/24 bond0 0',
    '10.255.255.11/32 bond0 1',
    '10.255.255.255/32 bond0 2',
  ]);
});

test('the configuration reaches features, constants and map sizes', () => {
  const text = `
cilium: { enable-ipv6: true, monitor-aggregation: none, bpf-ct-timeout-regular-tcp: 2h13m20s, bpf-policy-map-max: 100 }
nodes:
  - { name: n, podCIDRs: [10.0.0.0/24, "fd00::/64"], pods: [{ name: a, ips: [10.0.0.5, "fd00::5"] }] }
  - { name: m, cilium: { monitor-aggregation: 3 } }
`;
  assert.throws(
    () => readTopology(text, 't.yaml'),
    /nodes\[1\]\.cilium\.monitor-aggregation: 3 is not none, lowest/,
  );
  const { datapath, pods } = build(readTopology(text.replace(': 3 }', ': maximum }'), 't.yaml').spec)
    .nodes[0];
  assert.equal(datapath.features.ipv6, true);
  assert.equal(datapath.features.monitorAggregation, 0);
  assert.equal(datapath.constants.tcpLifetimeSeconds, 8000);
  assert.equal(pods[0].policyMap.spec.maxEntries, 100);
  // Two families: the world is 9 for IPv4, 10 for IPv6.
  assert.equal(getHex(datapath.ipcache, `2000000000000001${'00'.repeat(16)}`), `09${'00'.repeat(23)}`);
  assert.equal(getHex(datapath.ipcache, `2000000000000002${'00'.repeat(16)}`), `0a${'00'.repeat(23)}`);
});
