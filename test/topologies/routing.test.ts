import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/engine/clock.js';
import * as fate from '../../src/engine/fate.js';
import { SeededRandom } from '../../src/engine/random.js';
import * as checksum from '../../src/engine/wire/checksum.js';
import { buildTopology } from '../../src/topologies/build.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { faultText, TopologyError } from '../../src/topologies/faults.js';
import { readTopology } from '../../src/topologies/load.js';
import { fromHex } from '../support/hex.js';

/** A router between two links that nobody has Cilium on, and a node; `more` goes to the router. */
const topology = (more: string): string => `
name: routing
cilium: { routing-mode: native, ipv4-native-routing-cidr: 10.0.0.0/8 }
nodes:
  - name: n1
    podCIDR: 10.1.1.0/24
    devices: [{ name: eth0, addresses: [192.168.1.1/24] }]
    routes: [{ to: default, via: 192.168.1.254, dev: eth0 }]
    pods: [{ name: a, ip: 10.1.1.10 }]
routers:
  - name: r
    devices:
      - { name: left, mac: "02:00:00:00:00:1e", addresses: [192.168.1.254/24] }
      - { name: right, mac: "02:00:00:00:00:2e", addresses: [192.168.2.254/24] }
    neighbours: [{ address: 192.168.2.9, mac: "02:00:00:00:00:29", dev: right }]
${more.replace(/^(?=.)/gm, '    ')}
links: [{ name: l, devices: [n1/eth0, r/left] }]
services: [{ name: s, clusterIP: 10.96.0.1, ports: [{ port: 80 }], backends: [{ pod: a }] }]
`;

function build(more = ''): BuiltTopology {
  const { spec } = readTopology(topology(more), 'test.yaml');
  return buildTopology(spec, { clock: new Clock(), random: new SeededRandom(1) });
}

function faultsOf(more: string): string[] {
  try {
    return readTopology(topology(more), 'test.yaml').warnings.map(faultText);
  } catch (error) {
    assert.ok(error instanceof TopologyError);
    return error.faults.map(faultText);
  }
}

// UDP from 192.168.1.1 (or .2) to 198.51.100.7, and its MACs; checksums by RFC 1071.
const toWorld = (source: '01' | '02'): Uint8Array =>
  fromHex(
    `02000000001e0200000000aa08004500001e0000000040${source === '01' ? '118eeb' : '118eea'}c0a801${source}c63364070035` +
      '0009000a00006869',
  );

describe('rules, tables and settings of a topology', () => {
  test('a rule leads to a table, whose route says from which address', () => {
    const built = build(`
routes:
  - { to: default, via: 192.168.2.9, dev: right, table: 100, src: 192.168.2.254, mtu: 1400 }
  - { to: 198.51.100.0/24, type: prohibit }
rules:
  - { from: 192.168.1.1, table: 100 }
  - { fwmark: 0x10/0xf0, table: 100, priority: 7 }
`);
    const left = built.device('r/left')!;
    assert.equal(built.walk(left, toWorld('01')).fate, fate.TRANSMITTED);
    assert.equal(built.walk(left, toWorld('02')).reason, fate.ROUTE_PROHIBITED);
    const { host } = built.network.node('r')!;
    assert.deepEqual(
      host.policy(4).rules.map(({ priority, table }) => [priority, table]),
      [
        [0, 255],
        [7, 100],
        [32765, 100],
        [32766, 254],
        [32767, 253],
      ],
    );
    const [route] = host.policy(4).table(100).routes;
    assert.deepEqual([...route.source!], [192, 168, 2, 254]);
  });

  test('settings', () => {
    const built = build(`
sysctls:
  net.ipv4.conf.all.rp_filter: 2
  net.ipv4.conf.left.rp_filter: 1
  net.ipv4.conf.right.forwarding: false
  net/ipv4/ip_default_ttl: 32
  net.ipv6.icmp.ratelimit: 100
  net.ipv4.icmp_echo_ignore_all: 1
`);
    const stack = built.stacks.find(({ namespace }) => namespace.name === 'r')!;
    const [left, right] = stack.namespace.devices;
    assert.deepEqual([left.reversePathFilter, right.reversePathFilter], [2, 2], 'the larger one counts');
    assert.deepEqual([left.ipv4Forwarding, right.ipv4Forwarding], [null, false]);
    assert.deepEqual([stack.errors.timeToLive, stack.errors.ipv6Limit.intervalNs], [32, 100e6]);
    assert.equal(stack.answersEcho, false);
  });

  const cases: [string, string, string[]][] = [
    [
      'a setting that there is not',
      'sysctls: { net.ipv4.conf.all.rp_fitler: 1 }',
      ['routers[0].sysctls["net.ipv4.conf.all.rp_fitler"]: there is no such setting here'],
    ],
    [
      'a device that there is not, a value that cannot be',
      'sysctls: { net.ipv4.conf.lift.rp_filter: 1, net.ipv4.conf.left.rp_filter: 3 }',
      [
        'routers[0].sysctls["net.ipv4.conf.lift.rp_filter"]: there is no device lift; did you mean "left"?',
        'routers[0].sysctls["net.ipv4.conf.left.rp_filter"]: 3 is not a whole number from 0 to 2',
      ],
    ],
    [
      'a rule of two families, with a mark that is none, by a device that is not there',
      'rules: [{ from: 10.0.0.0/8, to: "fd00::/8" }, { fwmark: 0xfoo, table: main }, { iif: lift, table: main }]',
      [
        'routers[0].rules[0]: from, to and family are not of one family',
        'routers[0].rules[1].fwmark: "0xfoo" is not MARK or MARK/MASK, such as 0x200/0xf00',
        'routers[0].rules[2].iif: r has no device lift; did you mean "left"?',
      ],
    ],
    [
      'a rule to nowhere, and one with two ends',
      'rules: [{ from: 10.0.0.1, table: 77 }, { table: 5, action: blackhole }]',
      ['routers[0].rules[1]: a rule has a table or an action, not both'],
    ],
    [
      "a source that is not the machine's",
      'routes: [{ to: 10.0.0.0/8, via: 192.168.2.9, dev: right, src: 192.168.2.1 }]',
      ['routers[0].routes[0].src: 192.168.2.1 is no address of r'],
    ],
  ];
  for (const [name, more, expected] of cases) {
    test(name, () => {
      const found = faultsOf(more).filter((text) => !text.includes('warning'));
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [i, text] of expected.entries()) assert.ok(found[i].includes(text), `${found[i]}\n${text}`);
    });
  }

  test('next hops that are faulty', () => {
    const route = (text: string): string[] => faultsOf(`routes: [{ to: 10.9.0.0/16, ${text} }]`);
    const hops = 'nexthops: [{ via: 192.168.2.9, dev: right }, { via: 192.168.1.1, dev: left }]';
    assert.deepEqual(route(hops), []);
    const [fault] = route(`via: 192.168.2.9, dev: right, ${hops}`);
    assert.match(fault, /routers\[0\]\.routes\[0\]\.via: say via of each of the nexthops instead$/);
    assert.match(
      route(`type: blackhole, ${hops}`)[0],
      /nexthops: a route of type blackhole has no next hops$/,
    );
    const [elsewhere] = route('nexthops: [{ via: 10.3.3.3, dev: right }, { dev: left }]');
    assert.match(elsewhere, /nexthops\[0\]\.via: 10\.3\.3\.3 is on no network of right/);
    assert.match(route('nexthops: [{ via: 192.168.2.9, dev: up }]')[0], /nexthops\[0\]\.dev: .*up/);
  });

  test('flows spread over the next hops that are up', () => {
    const built = build(`routes:
  - { to: 10.9.0.0/16, nexthops: [{ via: 192.168.2.9, dev: right, weight: 3 }, { via: 192.168.1.1, dev: left }] }`);
    const right = built.device('r/right')!;
    const counts = (): Record<string, number> => {
      const ways: Record<string, number> = {};
      for (let i = 0; i < 200; i++) {
        const address = `0a09${(i + 256).toString(16).padStart(4, '0')}`;
        const frame = fromHex(`02000000001e0200000000aa0800450000140000000040110000c0a80101${address}`);
        frame[24] = 0;
        checksum.fillIpv4Header(frame, 14);
        const { device } = built.walk(built.device('r/left')!, frame);
        ways[device.name] = (ways[device.name] ?? 0) + 1;
      }
      return ways;
    };
    const { right: most, ...others } = counts();
    assert.ok(most > 130 && most < 170, String(most));
    assert.deepEqual(counts().right, most, 'each flow keeps its way');
    assert.equal(
      Object.values(others).reduce((sum, count) => sum + count, 0),
      200 - most,
    );
    right.up = false;
    assert.equal(counts().right, undefined);
  });

  test('a table without routes is warned of', () => {
    assert.match(
      faultsOf('rules: [{ from: 10.0.0.1, table: 77 }]').join(),
      /no route is in table 77: the rule leads nowhere/,
    );
  });

  test('what is for an L7 proxy is taken where it would take over, by its port', () => {
    const built = build();
    const { walker } = built;
    const { host } = built.nodes[0].node;
    const frame = toWorld('01');
    const handle = walker.arena.put(new DataView(frame.buffer), 0, frame.length);
    // 0x2711 is 10001; the mark has it as a header does.
    assert.equal(walker.send(handle, host, 0x11270200), fate.CONSUMED);
    assert.equal(walker.send(handle, host, 0x11270200), fate.CONSUMED);
    assert.deepEqual([...built.proxies[0].packets], [[10001, 2]]);
    assert.equal(walker.counters.transparent[host.index], 2);
  });
});
