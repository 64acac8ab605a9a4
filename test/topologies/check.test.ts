import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultText, TopologyError } from '../../src/topologies/faults.js';
import { loadTopology, readTopology } from '../../src/topologies/load.js';
import { listTopologies } from '../../src/topologies/ready-made.js';
import { readyFiles } from '../support/ready-files.js';

/** Faults of a text, as users read them. */
function faultsOf(text: string): string[] {
  try {
    return readTopology(text, 'test.yaml').warnings.map(faultText);
  } catch (error) {
    assert.ok(error instanceof TopologyError);
    return error.faults.map(faultText);
  }
}

const SOUND = `nodes:
  - name: n1
    podCIDR: 10.1.1.0/24
    devices:
      - { name: eth0, addresses: [192.168.0.1/24] }
    routes:
      - { to: default, via: 192.168.0.254, dev: eth0 }
    neighbours:
      - { address: 192.168.0.254, mac: 02:00:00:00:00:fe, dev: eth0 }
    pods:
      - { name: a, ip: 10.1.1.10, labels: { app: a } }
      - { name: b, ip: 10.1.1.11, labels: { app: b } }
cilium:
  enable-endpoint-routes: true
services:
  - name: s
    clusterIP: 10.96.0.1
    ports: [{ port: 80 }]
    backends: [{ pod: b }]
policies:
  - endpointSelector: { app: b }
    ingress: [{ fromEndpoints: [{ app: a }] }]
`;

test('a sound topology has no faults', () => {
  assert.deepEqual(faultsOf(SOUND), []);
});

test('all ready-made topologies are sound and say what they are', () => {
  const ready = listTopologies();
  assert.deepEqual(
    ready.map((topology) => topology.name),
    readyFiles(),
  );
  for (const { name, description } of ready) {
    assert.deepEqual(loadTopology(name).warnings.map(faultText), []);
    assert.ok(description.length > 20, name);
  }
});

describe('faults of shape', () => {
  const cases: [string, string, string[]][] = [
    [
      'unknown key, with what was meant',
      SOUND.replace('podCIDR', 'podCdir'),
      ['line 3: nodes[0].podCdir: unknown key; did you mean "podCIDR"?'],
    ],
    [
      'unknown key, nothing near',
      SOUND.replace('{ port: 80 }', '{ zzz: 80, port: 80 }'),
      [
        'line 18: services[0].ports[0].zzz: unknown key; known are name, port, protocol, targetPort, nodePort',
      ],
    ],
    [
      'wrong type',
      SOUND.replace('name: n1', 'name: [1]'),
      ['line 2: nodes[0].name: expected a text, not a list'],
    ],
    [
      'out of range, wrong choice, missing key',
      SOUND.replace('{ port: 80 }', '{ port: 70000, protocol: tcp }').replace(
        '- name: s\n    clusterIP',
        '- clusterIP',
      ),
      [
        'line 16: services[0].name: missing: a text',
        'line 17: services[0].ports[0].port: 70000 is above 65535',
        'line 17: services[0].ports[0].protocol: "tcp" is not one of TCP, UDP, SCTP; did you mean "TCP"?',
      ],
    ],
    [
      'empty list and empty value',
      SOUND.replace('[{ port: 80 }]', '[]').replace('true', ''),
      [
        'line 14: cilium.enable-endpoint-routes: expected a text or a number or true or false, not nothing',
        'line 18: services[0].ports: must not be empty',
      ],
    ],
  ];
  for (const [name, text, faults] of cases) {
    test(name, () => assert.deepEqual(faultsOf(text), faults));
  }

  test('not YAML: each fault of syntax with its line', () => {
    assert.deepEqual(faultsOf('nodes:\n  - name: a\n    name: b\n  - [x'), [
      'line 3: YAML: Map keys must be unique',
      'line 4: YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
    assert.deepEqual(faultsOf('just text'), ['topology: expected a mapping with the key "nodes"']);
    assert.deepEqual(faultsOf(''), ['topology: expected a mapping with the key "nodes"']);
  });
});

describe('faults of meaning', () => {
  const change = (from: string, to: string): string => {
    assert.ok(SOUND.includes(from), from);
    return SOUND.replace(from, to);
  };
  const cases: [string, string, string[]][] = [
    [
      'an address twice',
      change('10.1.1.11', '10.1.1.10'),
      ['line 12: nodes[0].pods[1].ip: 10.1.1.10 is also the address of a (nodes[0].pods[0].ip)'],
    ],
    [
      'the address of cilium_host',
      change('10.1.1.10', '10.1.1.1'),
      ['line 11: nodes[0].pods[0].ip: 10.1.1.1 is also the address of n1/cilium_host (nodes[0])'],
    ],
    [
      'outside the podCIDR',
      change('10.1.1.11', '10.1.2.11'),
      ['line 12: nodes[0].pods[1].ip: 10.1.2.11 is outside the podCIDR 10.1.1.0/24 of n1'],
    ],
    [
      'no address at all',
      change('ip: 10.1.1.11, ', ''),
      ['line 12: nodes[0].pods[1]: missing: ip, the address of the pod'],
    ],
    [
      'names twice',
      change('name: b', 'name: a'),
      [
        'line 12: nodes[0].pods[1].name: a is also the name of another pod (nodes[0].pods[0].name)',
        'line 12: nodes[0].pods[1]: n1 has another device lxca',
        'line 19: services[0].backends[0].pod: there is no pod b',
      ],
    ],
    [
      'ifindex twice',
      change('{ name: eth0,', '{ name: eth0, ifindex: 7 }\n      - { name: eth1, ifindex: 7,'),
      [
        'line 6: nodes[0].devices[1].ifindex: 7 is also the ifindex of eth0 (nodes[0].devices[0].ifindex)',
        'line 8: nodes[0].routes[0].via: 192.168.0.254 is on no network of eth0; give it an address there, or say onlink: true',
      ],
    ],
    [
      'no address',
      change('192.168.0.1/24', '192.168.0.300/24'),
      [
        'line 5: nodes[0].devices[0].addresses[0]: "192.168.0.300/24" is not a prefix such as 10.0.0.0/8',
        'line 7: nodes[0].routes[0].via: 192.168.0.254 is on no network of eth0; give it an address there, or say onlink: true',
      ],
    ],
    [
      'a MAC that is none',
      change('02:00:00:00:00:fe', '02:00:00:00:fe'),
      [
        'line 7: warning: nodes[0].routes[0].via: no neighbour entry for 192.168.0.254 on eth0: packets wait until it answers, as a machine of the topology or the capture may',
        'line 9: nodes[0].neighbours[0].mac: "02:00:00:00:fe" is not a MAC address such as 0a:00:00:00:11:aa',
      ],
    ],
    [
      'a route over no device',
      change('via: 192.168.0.254, dev: eth0', 'via: 192.168.0.254, dev: eht0'),
      ['line 7: nodes[0].routes[0].dev: n1 has no device eht0; did you mean "eth0"?'],
    ],
    [
      'no such backend',
      change('{ pod: b }', '{ pod: bb }'),
      ['line 19: services[0].backends[0].pod: there is no pod bb; did you mean "b"?'],
    ],
    [
      'frontend of two services',
      `${SOUND}  - name: x\n`
        .replace(
          'policies:',
          '  - { name: t, clusterIP: 10.96.0.1, ports: [{ port: 80 }], backends: [{ pod: a }] }\npolicies:',
        )
        .replace('  - name: x\n', ''),
      ['line 20: services[1].ports[0]: 10.96.0.1:80/TCP is also the frontend of s (services[0].ports[0])'],
    ],
    [
      "a service at a pod's address",
      change('10.96.0.1', '10.1.1.10'),
      [
        "line 17: warning: services[0].clusterIP: 10.1.1.10 is in the pods' network of n1",
        'line 17: services[0].clusterIP: 10.1.1.10 is also the address of a',
      ],
    ],
    [
      'Cilium keys',
      change(
        'enable-endpoint-routes: true',
        'enable-endpoint-route: true\n  monitor-aggregation: much\n  enable-hubble: true',
      ),
      [
        'line 14: cilium.enable-endpoint-route: unknown key of the Cilium configuration; did you mean "enable-endpoint-routes"?',
        'line 15: cilium.monitor-aggregation: "much" is not none, lowest, low, medium, maximum',
        'line 16: warning: cilium.enable-hubble: has no effect yet',
      ],
    ],
    [
      'identities',
      change('labels: { app: a }', 'labels: { app: b }, identity: 7').replace(
        'labels: { app: b } }',
        'labels: { app: b }, identity: 500 }',
      ),
      [
        'line 11: nodes[0].pods[0].identity: identities below 256 are reserved',
        'line 12: nodes[0].pods[1].identity: nodes[0].pods[0] has the same labels and identity 7: equal labels, equal identity',
        'line 22: warning: policies[0].ingress[0].fromEndpoints[0]: selects no pod',
      ],
    ],
    [
      'a policy that selects nothing',
      change('endpointSelector: { app: b }', 'endpointSelector: { app: c }'),
      ['line 21: warning: policies[0].endpointSelector: selects no pod'],
    ],
    [
      'a policy about nobody',
      change('endpointSelector: { app: b }', 'name: p'),
      [
        'line 21: policies[0]: needs one of endpointSelector, pods and nodeSelector: whom the policy is about',
      ],
    ],
    [
      'entities, ports and prefixes of rules',
      change(
        '[{ fromEndpoints: [{ app: a }] }]',
        '[{ fromEntities: [word], fromCIDR: [10.0.0.1/8], toPorts: [{ ports: [{ port: http }, { port: 90, endPort: 80 }] }] }]',
      ),
      [
        'line 22: warning: policies[0].ingress[0].fromCIDR[0]: 10.0.0.1/8 has bits behind its prefix; taken as 10.0.0.0/8',
        'line 22: policies[0].ingress[0].fromEntities[0]: "word" is no entity; did you mean "world"?',
        'line 22: policies[0].ingress[0].toPorts[0].ports[0].port: "http" is not a port from 0 (any) to 65535; ports by name are not known here',
        'line 22: policies[0].ingress[0].toPorts[0].ports[1].endPort: 80 is below the port 90',
      ],
    ],
  ];
  for (const [name, text, faults] of cases) {
    test(name, () => assert.deepEqual(faultsOf(text), faults));
  }
});

test('the error counts its faults and names its source; unknown names and files say what there is', () => {
  assert.throws(
    () => readTopology(SOUND.replace('dev: eth0', 'dev: x'), 'mine.yaml'),
    (error: TopologyError) => {
      assert.match(
        error.message,
        /^mine\.yaml: 1 fault in the topology\n {2}line 7: nodes\[0\]\.routes\[0\]\.dev: /,
      );
      return true;
    },
  );
  assert.throws(
    () => loadTopology('life-of-packet'),
    /no ready-made topology of this name; did you mean "life-of-a-packet"\?/,
  );
  assert.throws(
    () => loadTopology('./missing.yaml'),
    /missing\.yaml: 1 fault in the topology\n {2}file: there is no such file/,
  );
});
