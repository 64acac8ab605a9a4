/** What a lab is made of: namespaces as Cilium's CNI plugin sets pods up, and the way to the world. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LabPlan, planLab } from '../../src/live/lab-plan.js';
import { planTopology } from '../../src/topologies/check.js';
import { loadTopology } from '../../src/topologies/load.js';
import { fromHex } from '../support/hex.js';

function plan(name: string, options = {}): LabPlan {
  return planLab(planTopology(loadTopology(name).spec), { prefix: 'pw-lab', ...options });
}

function commandsOf({ namespaces }: LabPlan, name: string): readonly string[] | undefined {
  return namespaces.find((namespace) => namespace.name === name)?.commands;
}

test('a pod has its address alone on its device; all else goes by the node', () => {
  assert.deepEqual(commandsOf(plan('same-node'), 'pw-lab-client'), [
    'link set lo up',
    'addr replace 10.3.0.115/32 dev eth0',
    'route replace 10.3.0.179/32 dev eth0',
    'route replace default via 10.3.0.179 dev eth0 mtu 1500',
  ]);
  assert.deepEqual(commandsOf(plan('dual-stack'), 'pw-lab-server')?.slice(1), [
    'addr replace 10.0.2.10/32 dev eth0',
    'addr replace fd00:a:2::10/128 dev eth0 nodad',
    'route replace 10.0.2.1/32 dev eth0',
    'route replace default via 10.0.2.1 dev eth0 mtu 1500',
    'route replace fd00:a:2::1/128 dev eth0',
    'route replace default via fd00:a:2::1 dev eth0 mtu 1500',
  ]);
});

test("the headers of a tunnel, or of WireGuard, are taken off the MTU of a pod's routes", () => {
  assert.equal(
    commandsOf(plan('vxlan'), 'pw-lab-client')?.at(-1),
    'route replace default via 10.0.1.1 dev eth0 mtu 1450',
  );
  const wireguard = commandsOf(plan('wireguard'), 'pw-lab-client')?.at(-1);
  assert.match(wireguard ?? '', / mtu 1420$/);
});

test('that of a tunnel over IPv6 has longer ones', () => {
  const { spec } = loadTopology('dual-stack');
  const cilium = { ...spec.cilium, 'routing-mode': 'tunnel', 'underlay-protocol': 'ipv6' };
  const lab = planLab(planTopology({ ...spec, cilium }), { prefix: 'pw-lab' });
  assert.equal(
    commandsOf(lab, 'pw-lab-client')?.at(-1),
    'route replace default via fd00:a:1::1 dev eth0 mtu 1430',
  );
});

test('the outside is the gateway that the node names, with the MAC that the node knows, and everybody behind it', () => {
  const { bindings, ...lab } = plan('same-node');
  assert.deepEqual(commandsOf({ bindings, ...lab }, 'pw-lab-outside'), [
    'link set lo up',
    'addr replace 192.168.3.1/24 dev eth0',
    'route replace 10.3.0.0/24 via 192.168.3.10',
    'route replace local 0.0.0.0/0 dev lo table main metric 1000',
  ]);
  assert.deepEqual(bindings.at(-1), {
    port: {
      plugin: 'tap',
      namespace: 'pw-lab-outside',
      name: 'eth0',
      mac: fromHex('020000030001'),
      mtu: 1500,
      up: true,
    },
    devices: ['aq-dev-server/ens5'],
    nextHops: [fromHex('c0a80301')],
  });
});

test('behind a router the outside reaches nodes and pods by the router', () => {
  assert.deepEqual(commandsOf(plan('dual-stack'), 'pw-lab-outside'), [
    'link set lo up',
    'addr replace 203.0.113.2/30 dev eth0',
    'addr replace 2001:db8:ffff::2/126 dev eth0 nodad',
    'route replace 10.0.1.0/24 via 203.0.113.1',
    'route replace 172.16.1.0/24 via 203.0.113.1',
    'route replace fd00:a:1::/64 via 2001:db8:ffff::1',
    'route replace fd00:b:1::/64 via 2001:db8:ffff::1',
    'route replace 10.0.2.0/24 via 203.0.113.1',
    'route replace 172.16.2.0/24 via 203.0.113.1',
    'route replace fd00:a:2::/64 via 2001:db8:ffff::1',
    'route replace fd00:b:2::/64 via 2001:db8:ffff::1',
    'route replace local 0.0.0.0/0 dev lo table main metric 1000',
    'route replace local ::/0 dev lo table main metric 1000',
  ]);
});

test('nodes of one link, or of one network, have the outside in common; it knows the way to the load balancer', () => {
  assert.deepEqual(plan('node-port').bindings.at(-1)?.devices, ['node1/eth0', 'node2/eth0', 'node3/eth0']);
  assert.deepEqual(plan('life-of-a-packet').bindings.at(-1)?.devices, ['node1/bond0', 'node2/bond0']);
  assert.ok(
    commandsOf(plan('node-port'), 'pw-lab-outside')?.includes('route replace 192.0.2.80/32 via 172.16.0.1'),
  );
});

test('the pods of some nodes only, with a device that somebody else serves', () => {
  const lab = plan('vxlan', { nodes: ['node1'], boundElsewhere: ['node1/eth0'] });
  assert.deepEqual(
    lab.namespaces.map(({ name }) => name),
    ['pw-lab-client'],
  );
  assert.deepEqual(
    lab.bindings.map(({ devices }) => devices),
    [['node1/lxcclient']],
  );
});
