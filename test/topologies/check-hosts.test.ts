import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopologyError } from '../../src/topologies/faults.js';
import { readTopology } from '../../src/topologies/load.js';

const NODE = `nodes: [{ name: n1, podCIDR: 10.0.1.0/24, devices: [{ name: eth0, addresses: [172.16.0.1/24] }] }]
links: [{ name: lan, devices: [n1/eth0] LINK }]
hosts: [HOST]
`;

function faults(host: string, link = ''): string[] {
  try {
    const { warnings } = readTopology(NODE.replace('HOST', host).replace(' LINK', link), 'test');
    return warnings.map(({ path, message }) => `${path}: ${message}`);
  } catch (error) {
    assert.ok(error instanceof TopologyError);
    return error.faults.map(({ path, message }) => `${path}: ${message}`);
  }
}

test('hosts that are right', () => {
  assert.deepEqual(faults('{ name: a, addresses: [1.0.0.1], serves: { http: [80, 8080], dns: 53 } }'), []);
  assert.deepEqual(faults('{ name: a, addresses: [172.16.0.9/24], link: lan, gateway: 172.16.0.1 }'), []);
  assert.deepEqual(
    faults(
      '{ name: a, addresses: [1.0.0.1], behind: n1/eth0 }',
      ', latency: 2ms, loss: 10%, bandwidth: 1gbit',
    ),
    [],
  );
});

test('hosts that are not', () => {
  const cases: [string, string[]][] = [
    [
      '{ name: n1, addresses: [1.0.0.1] }',
      ['hosts[0].name: n1 is also the name of another node (nodes[0].name)'],
    ],
    [
      '{ name: a, addresses: [172.16.0.1] }',
      ['hosts[0].addresses[0]: 172.16.0.1 is also the address of n1/eth0 (nodes[0].devices[0].addresses[0])'],
    ],
    [
      '{ name: a, addresses: [1.0.0.1], link: wan }',
      ['hosts[0].link: there is no link wan; did you mean "lan"?'],
    ],
    [
      '{ name: a, addresses: [1.0.0.1], link: lan, behind: n1/eth0 }',
      ['hosts[0]: a host is on a link or behind a device, not both'],
    ],
    [
      '{ name: a, addresses: [1.0.0.1], behind: n1/eth9 }',
      ['hosts[0].behind: n1 has no device eth9; did you mean "eth0"?'],
    ],
    [
      '{ name: a, addresses: [1.0.0.1], gateway: 1.0.0.2 }',
      ['hosts[0].gateway: a host outside has none; it is for hosts on a link'],
    ],
    [
      '{ name: a, addresses: [1.0.0.1], latency: 2 miles }',
      ['hosts[0].latency: "2 miles" is not a time such as 500us, 2ms or 1s'],
    ],
    ['{ name: a, addresses: [1.0.0.1], loss: 2 }', ['hosts[0].loss: 2 is not a share such as 0.1 or 10%']],
    [
      '{ name: a, addresses: [1.0.0.1], bandwidth: fast }',
      ['hosts[0].bandwidth: "fast" is not a rate such as 100mbit or 1gbit'],
    ],
    [
      '{ name: a, addresses: [1.0.0.1], serves: { http: 80, tcp-echo: [7, 80] } }',
      ['hosts[0].serves.tcp-echo: port 80 is that of http too'],
    ],
  ];
  for (const [host, expected] of cases) assert.deepEqual(faults(host), expected, host);
});
