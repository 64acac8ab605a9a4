/** Runs over links that lose and delay: they end, and what ends well is whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runTool, simulate } from './run-support.js';

function twoNodes(link: string): string {
  return `
cilium: { routing-mode: native, auto-direct-node-routes: true, ipv4-native-routing-cidr: 10.0.0.0/8, kube-proxy-replacement: true }
nodes:
  - name: node1
    podCIDR: 10.0.1.0/24
    devices: [{ name: eth0, addresses: [172.16.0.1/24] }]
    pods: [{ name: client, ip: 10.0.1.10 }]
  - name: node2
    podCIDR: 10.0.2.0/24
    devices: [{ name: eth0, addresses: [172.16.0.2/24] }]
    pods: [{ name: server, labels: { app: server }, ip: 10.0.2.10 }]
links: [{ name: lan, devices: [node1/eth0, node2/eth0], ${link} }]
services: [{ name: web, clusterIP: 10.96.0.80, ports: [{ port: 80, targetPort: 8080 }], selector: { app: server } }]
`;
}

test('with a loss of 10 % a page of 100 kB arrives whole', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const ran = runTool(
      simulate(twoNodes('latency: 2ms, loss: 10%'), seed),
      'client: curl -s http://10.96.0.80/bytes/100000',
    );
    assert.equal(ran.code, 0, `seed ${seed}: ${ran.stderr}`);
    assert.equal(ran.stdout.length, 100_000);
  }
});

test('a link of 10 Mbit/s lets a page of 1 MB through in 0.8 to 1.2 s', () => {
  const ran = runTool(
    simulate(twoNodes('latency: 1ms, bandwidth: 10mbit')),
    'client: curl -s http://10.96.0.80/bytes/1000000',
  );
  assert.equal(ran.stdout.length, 1_000_000);
  assert.ok(ran.seconds > 0.8 && ran.seconds < 1.2, String(ran.seconds));
});

test('the same seed gives the same run', () => {
  const runOnce = () => {
    const simulation = simulate(twoNodes('latency: 1ms, loss: 0.3'), 3);
    return ['client: ping -c 5 10.0.2.10', 'client: curl -s http://10.96.0.80/'].map((line) =>
      runTool(simulation, line),
    );
  };
  assert.deepEqual(runOnce(), runOnce());
});

test('every run ends, whatever the link does, and a page is whole or not there', () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(1e6),
        loss: fc.integer({ min: 0, max: 100 }),
        latency: fc.constantFrom('0us', '10us', '3ms', '700ms', '5s'),
        bandwidth: fc.constantFrom('', ', bandwidth: 56kbit', ', bandwidth: 1gbit'),
        mtu: fc.constantFrom('', ', mtu: 1400', ', mtu: 576'),
        bytes: fc.constantFrom(0, 1, 5000),
      }),
      ({ seed, loss, latency, bandwidth, mtu, bytes }) => {
        const simulation = simulate(twoNodes(`loss: ${loss}%, latency: ${latency}${bandwidth}${mtu}`), seed);
        const page = runTool(simulation, `client: wget -q -O - http://10.96.0.80/bytes/${bytes}`);
        if (page.code === 0) assert.equal(page.stdout, 'x'.repeat(bytes));
        else assert.match(page.stderr, /^wget: /);
        const pinged = runTool(simulation, 'client: ping -c 3 10.0.2.10');
        assert.match(pinged.stdout, /^3 packets transmitted, [0-3] received, /m);
      },
    ),
    { numRuns: 60 },
  );
});

test('segments leave room for the tunnel and for encryption', () => {
  for (const topology of ['vxlan', 'wireguard']) {
    const ran = runTool(simulate(topology), 'client: curl -s http://10.96.0.80/bytes/20000');
    assert.equal(ran.stdout.length, 20_000, topology);
    assert.deepEqual(ran.losses, [], topology);
  }
});

test('a node whose link takes less says so, and the path is found', () => {
  const narrow = simulate(
    twoNodes('latency: 1ms').replace('addresses: [172.16.0.2/24]', 'addresses: [172.16.0.2/24], mtu: 1400'),
  );
  const ran = runTool(narrow, 'client: curl -s http://10.96.0.80/bytes/20000');
  assert.equal(ran.stdout.length, 20_000);
});
