/** A cluster's state as the tools print it: imported, built, and asked. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatTopology } from '../../src/topologies/document.js';
import { TopologyError } from '../../src/topologies/faults.js';
import { importCluster } from '../../src/topologies/import/import-cluster.js';
import { ImportError } from '../../src/topologies/import/import-error.js';
import { Walks } from './walk-support.js';

/** Output of ip from a namespace with these devices; endpoints, nodes and maps by hand and by the agent's layouts. */
const CLUSTER = fileURLToPath(new URL('../../../test/data/import/kind-test', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'packetwalk-import-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function imported(change?: (copy: string) => void): string {
  const copy = mkdtempSync(path.join(folder, 'cluster-'));
  cpSync(CLUSTER, copy, { recursive: true });
  change?.(copy);
  const file = path.join(folder, `${path.basename(copy)}.yaml`);
  writeFileSync(file, formatTopology(importCluster(copy, folder).spec));
  return file;
}

test('a pod reaches the service that the maps hold, on the node that they name', () => {
  const walks = new Walks(imported());
  const walked = walks.fromPod('client', { from: '10.244.1.188:40000', to: '10.96.12.7:80' });
  assert.equal(walked.steps.at(-1), 'transmitted worker1/eth0');
  assert.match(walked.frame, /10\.244\.1\.188:40000 > 10\.244\.2\.9:8080/);
});

test('what the policy map does not let out is dropped', () => {
  const walks = new Walks(imported());
  const walked = walks.fromPod('client', { from: '10.244.1.188:40000', to: '10.244.2.10:5432' });
  assert.equal(walked.steps.at(-1), 'dropped: Policy denied');
});

test('Maglev tables are made again from the services that came as entries', () => {
  const file = imported((copy) => {
    const config = {
      data: {
        'routing-mode': 'native',
        'kube-proxy-replacement': 'true',
        'bpf-lb-sock': 'false',
        'bpf-lb-algorithm': 'maglev',
      },
    };
    writeFileSync(path.join(copy, 'cilium-config.json'), JSON.stringify(config));
  });
  const walks = new Walks(file);
  const { built } = walks;
  // 172.18.0.3:30080 has a table of the one backend; frontends that nobody outside reaches have none.
  const { maglev } = built.nodes[0].datapath.ipv4;
  assert.equal(maglev.size, 1);
  const table = maglev.inner(maglev.valueAt(maglev.next(-1)))!;
  assert.deepEqual(
    [...new Set(table.words.subarray(table.valueAt(0) >> 2, (table.valueAt(0) >> 2) + 16381))],
    [1],
  );
});

test('what the tools printed becomes devices, routes, neighbours and pods', () => {
  const { spec, notes } = importCluster(CLUSTER, path.dirname(CLUSTER));
  const [node] = spec.nodes;
  assert.deepEqual(
    node.devices?.map(({ name, kind, ifindex }) => [name, kind, ifindex]),
    [
      ['cilium_net', undefined, 2],
      ['cilium_host', undefined, 3],
      ['docker0', 'dummy', 4],
      ['eth0', undefined, 8],
    ],
  );
  assert.deepEqual(node.routes, [
    { to: 'default', via: '172.18.0.1', dev: 'eth0' },
    { to: '10.244.1.0/24', via: '10.244.1.57', dev: 'cilium_host' },
    { to: '10.244.1.57', dev: 'cilium_host' },
    { to: '10.244.2.0/24', via: '172.18.0.4', dev: 'eth0' },
    { to: '192.0.2.0/24', type: 'blackhole' },
  ]);
  assert.deepEqual(
    node.neighbours?.map(({ address }) => address),
    ['172.18.0.4', '172.18.0.1'],
  );
  assert.equal(node.hostEndpoint, 1347);
  assert.equal(node.kernel, '6.18');
  assert.equal(node.maps, 'kind-test/worker1/maps');
  assert.deepEqual(
    node.pods?.map(({ name, endpoint, identity, device }) => [name, endpoint, identity, device?.name]),
    [['client', 2213, 33217, 'lxc0a1b2c3d4e5f']],
  );
  assert.deepEqual(notes, [
    'worker1: docker0 is a bridge: taken as a device that leads nowhere',
    'worker2: no folder of this name, so it is not there',
    '4 keys of the ConfigMap decide nothing here and are left out',
  ]);
});

test('files that are missing, cut or something else are told by name', () => {
  const faults: [(copy: string) => void, RegExp][] = [
    [
      (copy) => rmSync(path.join(copy, 'worker1/ip-addr.json')),
      /ip-addr\.json: there is no such file; it is what "ip -j -d addr" prints/,
    ],
    [
      (copy) => writeFileSync(path.join(copy, 'worker1/endpoints.json'), '[{"id":'),
      /endpoints\.json: not JSON: /,
    ],
    [
      (copy) => writeFileSync(path.join(copy, 'worker1/ip-route.json'), '[{"dst":7}]'),
      /ip-route\.json: at 0\.dst: .*expected string/,
    ],
    [(copy) => rmSync(path.join(copy, 'worker1'), { recursive: true }), /no folder of a node in it/],
  ];
  for (const [change, message] of faults) {
    assert.throws(
      () => imported(change),
      (error) => error instanceof ImportError && message.test(error.message),
    );
  }
});

test('a dump of another map, or a cut one, is a fault of the topology', () => {
  for (const [text, message] of [
    [
      '[{"key":["0x01"],"value":["0x02"]}]',
      /nodes\[0\]\.maps: map cilium_lxc: entry 1: key has 1 bytes, the map's have 20/,
    ],
    ['[{"key":', /nodes\[0\]\.maps: .*cilium_lxc\.json: not JSON/],
  ] as const) {
    const file = imported((copy) => writeFileSync(path.join(copy, 'worker1/maps/cilium_lxc.json'), text));
    assert.throws(
      () => new Walks(file),
      (error) => error instanceof TopologyError && message.test(error.message),
    );
  }
});
