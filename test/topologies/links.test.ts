/** Links, routers, egress gateways and node policies: what is wrong with them, and what follows from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTopology } from '../../src/topologies/check.js';
import { faultText } from '../../src/topologies/faults.js';
import type { TopologySpec } from '../../src/topologies/spec.js';
import { build, buildReady } from './support.js';

const node = (number: number): TopologySpec['nodes'][number] => ({
  name: `n${number}`,
  podCIDR: `10.0.${number}.0/24`,
  devices: [{ name: 'eth0', addresses: [`192.168.0.${number}/24`] }],
});
const faults = (rest: Partial<TopologySpec>): string[] =>
  checkTopology({ nodes: [node(1), node(2)], ...rest }).faults.faults.map(faultText);

test('links: unknown machines and devices, a device twice, no physical device', () => {
  assert.deepEqual(
    faults({ links: [{ name: 'l', devices: ['n3/eth0', 'n1/eth1', 'n1', 'n1/cilium_host'] }] }),
    [
      'links[0].devices[0]: there is no machine n3; did you mean "n1"?',
      'links[0].devices[1]: n1 has no device eth1; did you mean "eth0"?',
      'links[0].devices[2]: "n1" is not NODE/DEVICE',
      'links[0].devices[3]: n1/cilium_host is no physical device',
    ],
  );
  const both = [
    { name: 'l', devices: ['n1/eth0'] },
    { name: 'l', devices: ['n1/eth0', 'n2/eth0'] },
  ];
  assert.deepEqual(faults({ links: both }), [
    'links[1].name: l is also the name of another link (links[0].name)',
    'links[1].devices[0]: n1/eth0 is also a device of the link l (links[0].devices[0])',
  ]);
});

test('egress gateways: the feature, the node, the address', () => {
  const gateway = { pods: [], destinationCIDRs: ['8.0.0.0/8'], gateway: 'n2' };
  assert.deepEqual(
    faults({
      egressGateways: [
        { ...gateway, egressIP: '9.9.9.9' },
        { ...gateway, gateway: 'n9' },
      ],
    }),
    [
      'egressGateways[0]: enable-egress-gateway is off on n1',
      'egressGateways[0]: enable-egress-gateway is off on n2',
      'egressGateways[0].egressIP: no device of n2 has the address 9.9.9.9',
      'egressGateways[1]: enable-egress-gateway is off on n1',
      'egressGateways[1]: enable-egress-gateway is off on n2',
      'egressGateways[1].gateway: there is no node n9; did you mean "n1"?',
    ],
  );
});

test('policies of nodes: whom they are about, and whether anything heeds them', () => {
  assert.deepEqual(faults({ policies: [{ nodeSelector: {}, pods: ['a'] }, { nodeSelector: { a: 'b' } }] }), [
    'policies[0]: has nodeSelector beside a selector of pods; a policy is about nodes or about pods',
    'warning: policies[1].nodeSelector: selects no node',
  ]);
  assert.deepEqual(faults({ nodes: [node(1)], policies: [{ nodeSelector: {}, ingress: [] }] }), [
    'warning: policies[0]: has no effect on n1: enable-host-firewall is off',
  ]);
});

test('direct node routes and a router know the pods of every node', () => {
  const routes = (namespace: {
    ipv4Routes: { routes: readonly { prefix: Uint8Array; gateway?: Uint8Array | null }[] };
  }) =>
    namespace.ipv4Routes.routes
      .filter((route) => route.gateway)
      .map(({ prefix, gateway }) => `${prefix.join('.')} via ${gateway!.join('.')}`);
  const direct = build({
    cilium: { 'auto-direct-node-routes': true },
    nodes: [node(1), node(2)],
    links: [{ name: 'l', devices: ['n1/eth0', 'n2/eth0'] }],
  });
  assert.deepEqual(routes(direct.nodes[0].node.host), ['10.0.2.0 via 192.168.0.2', '10.0.1.0 via 10.0.1.1']);
  const router = buildReady('dual-stack').network.node('router')!;
  assert.deepEqual(routes(router.host), [
    '10.0.1.0 via 172.16.1.1',
    '10.0.2.0 via 172.16.2.2',
    '0.0.0.0 via 203.0.113.2',
  ]);
});
