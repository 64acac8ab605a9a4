/**
 * Listings against the real tools: the same devices, addresses, routes and neighbours in network namespaces of the
 * kernel's, which are gone afterwards. Needs root and iproute2 6.1, net-tools 2.10, ethtool, as far as they are there.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { readCommandLine } from '../../../src/cli/shell/words.js';
import type { Place } from '../../../src/cli/show/command.js';
import { findPlace } from '../../../src/cli/show/places.js';
import { runLine } from '../../../src/cli/show/run-line.js';
import { Clock } from '../../../src/engine/clock.js';
import { SeededRandom } from '../../../src/engine/random.js';
import { buildTopology } from '../../../src/topologies/build.js';
import { readTopology } from '../../../src/topologies/load.js';

const NODE = `packetwalk-${process.pid}-node`;
const POD = `packetwalk-${process.pid}-pod`;

const TOPOLOGY = `
cilium: { routing-mode: native, enable-host-legacy-routing: true }
nodes:
  - name: node
    podCIDR: 10.1.1.0/24
    ciliumInternalIP: 10.1.1.1
    internalIP: 192.168.3.10
    devices:
      - { name: up0, kind: veth, peer: up1, ifindex: 2, mac: "02:00:00:00:03:0a", addresses: [192.168.3.10/24] }
      - { name: up1, kind: veth, peer: up0, ifindex: 3, mac: "02:00:00:00:03:0b", mtu: 1500 }
      - { name: cilium_host, ifindex: 4, mac: "92:d4:63:f9:dd:b1", addresses: [10.1.1.1/32] }
      - { name: cilium_net, ifindex: 5, mac: "92:d4:63:f9:dd:b2" }
    routes:
      - { to: default, via: 192.168.3.1, dev: up0 }
      - { to: 10.1.1.1/32, dev: cilium_host }
      - { to: 10.1.1.0/24, via: 10.1.1.1, dev: cilium_host }
      - { to: 10.98.0.0/16, type: unreachable, metric: 50 }
      - { to: 10.99.0.0/16, type: blackhole }
      - { to: 172.20.0.0/16, via: 192.168.3.7, dev: up0, metric: 32, mtu: 1400 }
    neighbours:
      - { address: 192.168.3.1, mac: "00:00:5e:00:01:0c", dev: up0 }
    pods:
      - name: pod
        ip: 10.1.1.10
        mac: "0a:00:0a:01:01:0a"
        ifindex: 24
        netns: ${POD}
        gateway: 10.1.1.1
        device: { name: lxc00aa, mac: "0a:00:00:00:11:aa", ifindex: 10 }
`;

const SETUP = [
  `ip netns add ${NODE}`,
  `ip netns add ${POD}`,
  // Addresses are there at once, and nobody speaks unasked.
  ...[NODE, POD].map((name) => `ip netns exec ${name} sysctl -qw net.ipv6.conf.default.accept_dad=0`),
  ...[NODE, POD].map((name) => `ip -n ${name} link set lo up`),
  `ip -n ${NODE} link add up0 index 2 address 02:00:00:00:03:0a type veth peer name up1 index 3 address 02:00:00:00:03:0b`,
  `ip -n ${NODE} link add cilium_host index 4 address 92:d4:63:f9:dd:b1 type veth peer name cilium_net index 5 address 92:d4:63:f9:dd:b2`,
  `ip -n ${NODE} link add lxc00aa index 10 address 0a:00:00:00:11:aa type veth peer name eth0 index 24 address 0a:00:0a:01:01:0a netns ${POD}`,
  `ip -n ${POD} link set eth0 txqueuelen 0`,
  ...['cilium_host', 'cilium_net'].map((name) => `ip -n ${NODE} link set ${name} arp off`),
  ...['up0', 'up1', 'cilium_host', 'cilium_net', 'lxc00aa'].map(
    (name) => `ip -n ${NODE} link set ${name} up`,
  ),
  `ip -n ${POD} link set eth0 up`,
  `ip -n ${NODE} addr add 192.168.3.10/24 dev up0`,
  `ip -n ${NODE} addr add 10.1.1.1/32 dev cilium_host`,
  `ip -n ${POD} addr add 10.1.1.10/32 dev eth0`,
  `ip -n ${NODE} route add default via 192.168.3.1 dev up0`,
  `ip -n ${NODE} route add 10.1.1.1 dev cilium_host`,
  `ip -n ${NODE} route add 10.1.1.0/24 via 10.1.1.1 dev cilium_host`,
  `ip -n ${NODE} route add unreachable 10.98.0.0/16 metric 50`,
  `ip -n ${NODE} route add blackhole 10.99.0.0/16`,
  `ip -n ${NODE} route add 172.20.0.0/16 via 192.168.3.7 dev up0 metric 32 mtu 1400`,
  `ip -n ${NODE} neigh add 192.168.3.1 lladdr 00:00:5e:00:01:0c dev up0 nud reachable`,
  `ip -n ${NODE} neigh add 10.1.1.10 lladdr 0a:00:0a:01:01:0a dev lxc00aa nud reachable`,
  `ip -n ${POD} route add 10.1.1.1 dev eth0`,
  `ip -n ${POD} route add default via 10.1.1.1 dev eth0`,
  `ip -n ${POD} neigh add 10.1.1.1 lladdr 0a:00:00:00:11:aa dev eth0 nud reachable`,
];

const VERSIONS: Readonly<Record<string, readonly [flag: string, pattern: RegExp]>> = {
  ip: ['-V', /iproute2-6\.1\./],
  tc: ['-V', /iproute2-6\.1\./],
  route: ['-V', /net-tools 2\.10/],
  arp: ['-V', /net-tools 2\.10/],
  ifconfig: ['-V', /net-tools 2\.10/],
  ethtool: ['--version', /version/],
};

/** Why a tool's listings cannot be compared; undefined when they can. */
function missing(tool: string): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, to make network namespaces';
  const [flag, pattern] = VERSIONS[tool];
  const { stdout, stderr, error } = spawnSync(tool, [flag], { encoding: 'utf8' });
  if (error !== undefined) return `${tool} is not installed`;
  return pattern.test(stdout + stderr)
    ? undefined
    : `${tool} is of another version: ${stdout.split('\n')[0]}`;
}

const skipAll = missing('ip');

describe('as the real tools list the same', { skip: skipAll }, () => {
  let node: Place;
  let pod: Place;

  before(() => {
    for (const command of SETUP) {
      const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 10_000 });
      assert.equal(status, 0, `${command}: ${stderr}`);
    }
    const { spec } = readTopology(TOPOLOGY, 'test');
    const built = buildTopology(spec, { clock: new Clock(), random: new SeededRandom(1) });
    node = findPlace(built, 'node', null);
    pod = findPlace(built, null, 'pod');
  });

  after(() => {
    for (const name of [NODE, POD]) spawnSync('ip', ['netns', 'del', name]);
  });

  const compare = (place: 'node' | 'pod', command: string, adapt = (text: string): string => text): void => {
    const tool = command.split(' ')[0];
    test(`${place}# ${command}`, { skip: missing(tool) }, () => {
      const name = place === 'node' ? NODE : POD;
      const real = spawnSync('sh', ['-c', `ip netns exec ${name} ${command}`], {
        encoding: 'utf8',
        timeout: 10_000,
      });
      const ours = runLine(place === 'node' ? node : pod, readCommandLine(command), false);
      assert.equal(adapt(ours.text), adapt(real.stdout));
      assert.equal(ours.errors ?? '', real.stderr);
      assert.equal(ours.exitCode ?? 0, real.status);
    });
  };

  const both = ['node', 'pod'] as const;
  for (const place of both) {
    compare(place, 'ip addr', numberedNamespace);
    compare(place, 'ip -4 addr', numberedNamespace);
    compare(place, 'ip -br addr');
    compare(place, 'ip -j addr');
    compare(place, 'ip -j -p addr');
    compare(place, 'ip link', numberedNamespace);
    compare(place, 'ip -br link');
    compare(place, 'ip -j link');
    compare(place, 'ip route');
    compare(place, 'ip -j route');
    compare(place, 'ip neigh', sorted);
    compare(place, 'ip addr show nope');
    compare(place, 'ip link show nope');
    compare(place, 'route -n');
    compare(place, 'arp -an', sorted);
    compare(place, 'arp -n', sorted);
    compare(place, 'tc qdisc show', sorted);
    compare(place, 'tc qdisc show dev nope');
    compare(place, 'tc filter show dev nope ingress');
    compare(place, 'ifconfig nope');
    compare(place, 'ethtool -S nope');
  }
  compare('node', 'ip addr show dev cilium_host');
  compare('node', 'ip link show lxc00aa');
  compare('node', 'ip route get 172.20.1.1');
  compare('node', 'ip route get 10.98.1.1');
  compare('node', 'ip route get 10.99.1.1');
  compare('pod', 'ip -j neigh');
  compare('pod', 'tc -j qdisc show');
  compare('node', 'tc qdisc show dev lxc00aa');
  compare('node', 'tc filter show dev lxc00aa ingress');
  compare('node', 'ifconfig cilium_host', withoutCounters);
  compare('node', 'ifconfig up0', withoutCounters);
  compare('pod', 'ifconfig eth0', withoutCounters);
  compare('pod', 'ethtool -S eth0', firstCounter);
  compare('node', 'ethtool -S lxc00aa', firstCounter);
});

/** A pod cannot see what its node's namespace is called. */
function numberedNamespace(text: string): string {
  return text.replace(`link-netns ${NODE}`, 'link-netnsid 0');
}

/** The kernel lists neighbours by hash, and devices as they were made. */
function sorted(text: string): string {
  return text.split('\n').sort().join('\n');
}

/** The kernel says a few words over IPv6 when a device comes up. */
function withoutCounters(text: string): string {
  return text.replace(/(RX|TX) packets \d+ {2}bytes \d+ \([\d.]+ \w+\)/g, '$1');
}

/** Kernels differ in what a veth counts per queue. */
function firstCounter(text: string): string {
  return text.split('\n').slice(0, 2).join('\n');
}
