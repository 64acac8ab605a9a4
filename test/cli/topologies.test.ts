/** `packetwalk topologies check`. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { inTemporaryDirectory, packetwalk } from './run.js';

const BAD = `name: bad
nodes:
  - name: n1
    podCIDR: 10.0.1.0/24
    devices:
      - { name: eth0, mac: "02:00:00:00:00:01", addresses: [192.168.0.1/24] }
      - { name: eth0 }
    routes:
      - { to: default, via: 192.168.0.254, dev: eth9 }
      - { to: 10.9.0.0/16, dev: eth0 }
      - { to: 10.9.0.0/16, dev: eth0 }
      - { to: 10.9.0.0/16, dev: eth0, metric: 5 }
    pods:
      - { name: a, ip: 10.0.1.10 }
      - { name: b, ip: 10.0.1.10 }
  - name: n2
    podCIDR: 10.0.1.128/25
    devices: [{ name: eth0, mac: "02:00:00:00:00:01", addresses: [192.168.0.2/24] }]
links:
  - { name: lan, devices: [n1/eth0, n2/eth0] }
services:
  - { name: s1, clusterIP: 10.0.1.5, ports: [{ port: 80 }], backends: [{ pod: nowhere }] }
policies:
  - { name: p, endpointSelector: { app: nothing }, ingress: [{}] }
  - { name: p, endpointSelector: {}, ingress: [{}] }
`;

const EXPECTED = `bad.yaml:7:11: error: nodes[0].devices[1].name: eth0 is also the name of another device (nodes[0].devices[0].name)
bad.yaml:9:44: error: nodes[0].routes[0].dev: n1 has no device eth9; did you mean "eth0"?
bad.yaml:11:11: error: nodes[0].routes[2].to: 10.9.0.0/16 is also the destination of another route (nodes[0].routes[1].to)
bad.yaml:15:20: error: nodes[0].pods[1].ip: 10.0.1.10 is also the address of a (nodes[0].pods[0].ip)
bad.yaml:17:5: error: nodes[1].podCIDR: 10.0.1.128/25 overlaps 10.0.1.0/24 of n1
bad.yaml:20:37: warning: links[0].devices[1]: n2/eth0 has the MAC of n1/eth0, 02:00:00:00:00:01
bad.yaml:22:17: warning: services[0].clusterIP: 10.0.1.5 is in the pods' network of n1
bad.yaml:22:74: error: services[0].backends[0].pod: there is no pod nowhere
bad.yaml:24:16: warning: policies[0].endpointSelector: selects no pod
bad.yaml:25:7: error: policies[1].name: p is also the name of another policy (policies[0].name)
`;

describe('topologies check', () => {
  test('all faults at once, each with its place, warnings told apart', () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'bad.yaml');
      writeFileSync(file, BAD);
      const { exitCode, stdout } = packetwalk(['topologies', 'check', file]);
      assert.equal(stdout.replaceAll(`${directory}/`, ''), EXPECTED);
      assert.equal(exitCode, 1);
      const json = JSON.parse(packetwalk(['topologies', 'check', file, '--json']).stdout);
      assert.deepEqual(json[0], {
        file,
        severity: 'error',
        path: 'nodes[0].devices[1].name',
        message: 'eth0 is also the name of another device (nodes[0].devices[0].name)',
        line: 7,
        column: 11,
      });
    });
  });

  test('of several files each is checked', () => {
    const { exitCode, stdout } = packetwalk([
      'topologies',
      'check',
      'none.yaml',
      'vxlan',
      'nor.yaml',
      'same-node',
    ]);
    assert.equal(
      stdout,
      'none.yaml: error: file: there is no such file\nnor.yaml: error: file: there is no such file\n',
    );
    assert.equal(exitCode, 1);
  });

  test('nothing to say of sound ones; warnings count when asked to', () => {
    assert.deepEqual(
      [packetwalk(['topologies', 'check', 'vxlan', 'same-node'])].map(({ exitCode, stdout }) => [
        exitCode,
        stdout,
      ]),
      [[0, '']],
    );
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'warned.yaml');
      writeFileSync(file, 'nodes: [{ name: n }]\npolicies: [{ endpointSelector: {}, ingress: [{}] }]\n');
      assert.equal(packetwalk(['topologies', 'check', file]).exitCode, 0);
      assert.equal(packetwalk(['topologies', 'check', file, '--strict']).exitCode, 1);
      assert.equal(packetwalk(['topologies', 'check', path.join(directory, 'none.yaml')]).exitCode, 1);
    });
    assert.equal(packetwalk(['topologies', 'check']).exitCode, 2);
  });
});
