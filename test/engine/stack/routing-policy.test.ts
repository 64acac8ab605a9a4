import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv4 } from '../../../src/engine/address-text.js';
import * as fate from '../../../src/engine/fate.js';
import { HOOK_TCX_INGRESS } from '../../../src/engine/hooks/order.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_THROW,
  RouteTable,
} from '../../../src/engine/stack/route-table.js';
import {
  RoutingPolicy,
  type Rule,
  TABLE_LOCAL,
  TABLE_MAIN,
} from '../../../src/engine/stack/routing-policy.js';
import { fromHex } from '../../support/hex.js';
import { MAC_LXC_A, MAC_POD_A, program, TestNode } from '../network.js';

const address = (text: string): Uint8Array => parseIpv4(text)!;
const prefix = (text: string): { address: Uint8Array; length: number } => {
  const [network, length] = text.split('/');
  return { address: address(network), length: Number(length) };
};

/** 10.0.0.0/8 by device 2, and the local 10.0.0.1; table 100 has 10.1.0.0/16 by device 3. */
function tables(rules: readonly Rule[]): (to: string, from?: string, mark?: number, inBy?: number) => string {
  const all = new RouteTable(4);
  all.add({ prefix: address('10.0.0.0'), prefixLength: 8, ifindex: 2 });
  all.add({ prefix: address('10.0.0.1'), prefixLength: 32, kind: ROUTE_LOCAL, ifindex: 2 });
  const policy = new RoutingPolicy(all);
  policy.table(100).add({ prefix: address('10.1.0.0'), prefixLength: 16, ifindex: 3 });
  policy.table(101).add({ prefix: address('10.1.0.0'), prefixLength: 16, kind: ROUTE_THROW, ifindex: 0 });
  for (const rule of rules) policy.set(rule);
  return (to, from = '192.0.2.1', mark = 0, inBy = 0) => {
    const bytes = Uint8Array.of(...address(to), ...address(from));
    const row = policy.lookup(bytes, 0, 4, mark, inBy, 0);
    const { kind = 0, ifindex } = policy.found.routes[row] ?? { ifindex: -1 };
    const gated = policy.concerns(mark) ? '' : ' (plain)';
    return row < 0 ? `none${gated}` : `${kind} by ${ifindex}${gated}`;
  };
}

describe('rules', () => {
  test('of every kernel: local before main', () => {
    const look = tables([]);
    assert.equal(look('10.0.0.1'), '1 by 2 (plain)');
    assert.equal(look('10.1.2.3'), '0 by 2 (plain)');
    assert.equal(look('11.0.0.1'), 'none (plain)');
  });

  test('by mark and mask: others are plain', () => {
    const look = tables([{ priority: 9, mark: 0x200, mask: 0xf00, table: 100 }]);
    assert.equal(look('10.1.2.3', undefined, 0x12200), '0 by 3');
    assert.equal(look('10.1.2.3', undefined, 0x300), '0 by 2');
    assert.equal(look('10.1.2.3', undefined, 0x100), '0 by 2 (plain)');
    assert.equal(look('10.2.0.1', undefined, 0x200), '0 by 2', 'what the table does not have is in the next');
  });

  test('by source, destination, device, and not', () => {
    assert.equal(tables([{ priority: 5, from: prefix('192.0.2.0/25'), table: 100 }])('10.1.0.1'), '0 by 3');
    assert.equal(tables([{ priority: 5, from: prefix('192.0.2.128/25'), table: 100 }])('10.1.0.1'), '0 by 2');
    assert.equal(tables([{ priority: 5, to: prefix('10.1.0.0/23'), table: 100 }])('10.1.1.1'), '0 by 3');
    assert.equal(tables([{ priority: 5, to: prefix('10.1.0.0/24'), table: 100 }])('10.1.1.1'), '0 by 2');
    assert.equal(tables([{ priority: 5, inIfindex: 7, table: 100 }])('10.1.1.1', undefined, 0, 7), '0 by 3');
    assert.equal(tables([{ priority: 5, inIfindex: 7, table: 100 }])('10.1.1.1', undefined, 0, 8), '0 by 2');
    const not = { priority: 5, from: prefix('192.0.2.0/24'), not: true, table: 100 };
    assert.equal(tables([not])('10.1.1.1'), '0 by 2');
    assert.equal(tables([not])('10.1.1.1', '198.51.100.1'), '0 by 3');
  });

  test('order, actions, throw, suppressed prefixes, rules that move', () => {
    const prohibit = { priority: 4, table: TABLE_MAIN, action: ROUTE_PROHIBIT, to: prefix('10.0.0.0/8') };
    assert.equal(tables([prohibit, { priority: 3, table: 100 }])('10.1.1.1'), '0 by 3');
    assert.equal(tables([prohibit, { priority: 5, table: 100 }])('10.1.1.1'), `${ROUTE_PROHIBIT} by 0`);
    assert.equal(tables([{ priority: 5, table: 101 }])('10.1.1.1'), '0 by 2');
    assert.equal(tables([{ priority: 5, table: 100, suppressPrefixLength: 16 }])('10.1.1.1'), '0 by 2');
    assert.equal(tables([{ priority: 5, table: 100, suppressPrefixLength: 15 }])('10.1.1.1'), '0 by 3');
    const moved = tables([
      { priority: 100, table: TABLE_LOCAL },
      { priority: 9, mark: 1, mask: 1, table: TABLE_MAIN },
    ]);
    assert.equal(moved('10.0.0.1'), '1 by 2 (plain)');
    assert.equal(moved('10.0.0.1', undefined, 1), '0 by 2', 'the rule goes before the local table');
  });
});

describe('packets', () => {
  const toWorld = `${MAC_LXC_A}${MAC_POD_A}08004500001e0000000040116cc90a0000010102030400350009000a00006869`;

  function marked(mark: number): TestNode {
    const t = new TestNode();
    t.lxcA.attach(
      HOOK_TCX_INGRESS,
      program('mark', (packet) => {
        packet.mark = mark;
        return 0;
      }),
    );
    return t;
  }

  test('a marked packet to somebody else is local where a rule says so', () => {
    const t = marked(0x200);
    const policy = t.node.host.policy(4);
    policy.set({ priority: 9, mark: 0x200, mask: 0xf00, table: 2004 });
    policy.table(2004).add({ prefix: new Uint8Array(4), prefixLength: 0, kind: ROUTE_LOCAL, ifindex: 1 });
    const taken: number[] = [];
    t.node.host.transparent = { receive: (packet) => taken.push(packet.mark) };
    assert.equal(t.walker.receive(t.slot(toWorld), t.lxcA), fate.CONSUMED);
    assert.deepEqual(taken, [0x200]);
    assert.equal(t.walker.counters.transparent[t.node.host.index], 1);
    assert.equal(t.walker.counters.consumed[t.node.host.index], 1);
  });

  test('a rule sends it elsewhere, or nowhere', () => {
    const t = marked(5);
    const policy = t.node.host.policy(4);
    policy.table(7).add({
      prefix: address('1.2.3.0'),
      prefixLength: 24,
      ifindex: t.lxcB.ifindex,
      gateway: address('10.0.0.2'),
    });
    policy.set({ priority: 9, mark: 5, mask: -1, table: 7 });
    assert.equal(t.walker.receive(t.slot(toWorld), t.lxcA), fate.DROPPED, 'no local address of pod b');
    assert.equal(t.walker.device, t.podB);
    policy.table(7).add({ prefix: address('1.2.3.4'), prefixLength: 32, kind: ROUTE_BLACKHOLE, ifindex: 0 });
    t.walker.receive(t.slot(toWorld), t.lxcA);
    assert.equal(t.walker.reason, fate.ROUTE_BLACKHOLE);
  });

  test('rp_filter: strict wants the same device, loose any', () => {
    const t = new TestNode();
    const spoofed = toWorld.replace('6cc90a000001', '6cc80a000002');
    const reason = (filter: number, frame: string): number => {
      t.lxcA.reversePathFilter = filter;
      const handle = t.slot(frame);
      t.walker.receive(handle, t.lxcA);
      t.arena.free(handle);
      return t.walker.reason;
    };
    assert.equal(reason(0, spoofed), 0);
    assert.equal(reason(1, toWorld), 0);
    assert.equal(reason(1, spoofed), fate.REVERSE_PATH);
    assert.equal(reason(2, spoofed), 0);
    const { ipv4Routes } = t.node.host;
    ipv4Routes.remove(ipv4Routes.routes.find(({ prefixLength }) => prefixLength === 0)!);
    ipv4Routes.add({
      prefix: address('1.2.3.4'),
      prefixLength: 32,
      ifindex: 2,
      gateway: address('192.168.0.254'),
    });
    const nowhere = toWorld.replace('6cc90a000001', 'b9c7bd000002');
    assert.equal(reason(2, nowhere), fate.REVERSE_PATH);
    assert.equal(reason(0, nowhere), 0);
  });

  test('forwarding per device', () => {
    const t = new TestNode();
    t.lxcA.ipv4Forwarding = false;
    t.walker.receive(t.slot(toWorld), t.lxcA);
    assert.equal(t.walker.reason, fate.FORWARDING_DISABLED);
  });

  test('what a namespace sends to itself goes by its loopback', () => {
    const t = new TestNode();
    const { host } = t.node;
    assert.equal(host.loopback, null);
    const lo = host.addDevice({
      name: 'lo',
      ifindex: 1,
      kind: 'loopback',
      mac: fromHex('000000000000'),
      mtu: 65536,
    });
    assert.equal(host.loopback, lo);
    assert.equal(lo.acceptLocal, true);
  });
});
