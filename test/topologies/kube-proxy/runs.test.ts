/** Services of kube-proxy with hosts that answer: which backends serve, and whom they see. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, test } from 'node:test';
import { checkTopology } from '../../../src/topologies/check.js';
import type { Fault, TopologyError } from '../../../src/topologies/faults.js';
import { readTopology } from '../../../src/topologies/load.js';
import type { Simulation } from '../../../src/topologies/simulation.js';
import { repositoryRoot } from '../../support/repository.js';
import { runTool, simulate } from '../run-support.js';

const TOPOLOGY = readFileSync(path.join(repositoryRoot, 'test/data/stack/kube-proxy.yaml'), 'utf8');

describe('services by kube-proxy', () => {
  let simulation: Simulation;
  /** `web1 172.16.0.9`: who answers, and whom it sees. */
  const get = (line: string): string => {
    const { stdout, stderr } = runTool(simulation, line);
    const answer = /^(\S+) \(\S+\) answers (\S+):\d+$/.exec(stdout.trim());
    return answer === null ? stderr.trim() : `${answer[1]} ${answer[2]}`;
  };

  beforeEach(() => {
    simulation = simulate(TOPOLOGY);
  });

  test('backends are chosen by chance, each as often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 200; i++) {
      const answer = get('laptop: curl -s http://172.16.0.1:30080/');
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), ['web1 10.0.1.1', 'web2 172.16.0.1']);
    for (const count of counts.values()) assert.ok(count > 75 && count < 125, String(count));
  });

  test('session affinity: who served once serves on', () => {
    const first = get('node1: curl -s http://10.96.0.81/');
    for (let i = 0; i < 20; i++) assert.equal(get('node1: curl -s http://10.96.0.81/'), first);
  });

  test('a node reaches cluster addresses and its own node port', () => {
    assert.match(get('node1: curl -s http://10.96.0.80/'), /^web[12] (10\.0\.1\.1|172\.16\.0\.1)$/);
    assert.match(get('node2: curl -s http://172.16.0.2:30080/'), /^web[12] (10\.0\.2\.1|172\.16\.0\.2)$/);
  });

  test('local policies: the client is seen, and only by who is there', () => {
    assert.equal(get('laptop: curl -s http://172.16.0.1:30082/'), 'web1 172.16.0.9');
    assert.equal(get('laptop: curl -s http://172.16.0.2:30082/'), 'web2 172.16.0.9');
    assert.equal(get('node1: curl -s http://10.96.0.82/'), 'web1 10.0.1.1');
  });

  test('a pod gets its service from the programs, and a node port from kube-proxy', () => {
    assert.match(get('client: curl -s http://10.96.0.80/'), /^web[12] 10\.0\.2\.11$/);
    assert.match(get('client: curl -s http://172.16.0.2:30080/'), /^web[12] (10\.0\.2\.1|172\.16\.0\.2)$/);
  });

  test('nobody there: refused at once', () => {
    const refused = /^curl: \(7\) Failed to connect to \S+ port \d+ after 0 ms/;
    assert.match(get('laptop: curl -sS http://172.16.0.1:30083/'), refused);
    assert.match(get('node1: curl -sS http://10.96.0.83/'), refused);
  });
});

describe('what is declared of kube-proxy', () => {
  const faults = (change: (text: string) => string): string[] => {
    const told = (list: readonly Fault[]): string[] =>
      list.map(({ severity, path: at, message }) => `${severity} ${at}: ${message}`).sort();
    try {
      return told(checkTopology(readTopology(change(TOPOLOGY), 'test').spec).faults.faults);
    } catch (error) {
      return told((error as TopologyError).faults);
    }
  };
  const none = 'warning services[3]: service gone has no backend: what is sent to it is rejected';

  test('two prefixes of a family, one that is none', () => {
    const two = faults((text) =>
      text.replace('CIDR: 10.0.0.0/16\nnodes', 'CIDR: "10.0.0.0/16,10.1.0.0/16"\nnodes'),
    );
    assert.deepEqual(two, [
      'error kubeProxy.clusterCIDR: more than one prefix of a family; kube-proxy takes one of each',
      none,
    ]);
    const [fault] = faults((text) => text.replace('CIDR: 10.0.0.0/16\nnodes', 'CIDR: pods\nnodes'));
    assert.match(fault, /^error kubeProxy\.clusterCIDR: "pods"/);
  });

  test('beside the replacement', () => {
    const [fault] = faults((text) => text.replace('replacement: false', 'replacement: true'));
    assert.match(fault, /^warning kubeProxy: Cilium replaces kube-proxy on node1/);
  });

  test('another mode is refused', () => {
    assert.throws(
      () => readTopology(TOPOLOGY.replace('mode: iptables', 'mode: ipvs'), 'test'),
      /kubeProxy\.mode/,
    );
  });
});
