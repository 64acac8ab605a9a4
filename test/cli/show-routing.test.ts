import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { inTemporaryDirectory, packetwalk } from './run.js';

// As iproute2 6.1 printed them of such a namespace.
const TOPOLOGY = `
nodes: [{ name: n1, podCIDR: 10.1.1.0/24 }]
routers:
  - name: r
    devices: [{ name: eth0, addresses: [10.0.0.1/24, 10.5.0.1/32] }]
    neighbours: [{ address: 10.0.0.2, mac: "02:00:00:00:00:02", dev: eth0 }]
    routes:
      - { to: 10.7.0.0/16, via: 10.0.0.2, dev: eth0, table: 100 }
      - { to: 10.9.0.0/16, type: throw, table: 100 }
      - { to: default, type: unreachable, table: 101 }
      - { to: default, type: local, table: 2004 }
      - { to: 10.8.0.0/16, dev: eth0, src: 10.5.0.1, mtu: 1400, metric: 7 }
    rules:
      - { fwmark: 0x200/0xf00, table: 2004, priority: 9 }
      - { from: 10.0.1.40, table: 100, priority: 50 }
      - { from: 10.0.1.41, action: prohibit, priority: 51 }
      - { to: 10.8.0.0/16, iif: eth0, table: 101, priority: 52 }
      - { not: true, from: 10.0.0.0/8, to: 10.6.0.0/16, action: blackhole, priority: 53 }
      - { oif: eth0, fwmark: 5, table: main, suppressPrefixlength: 0, priority: 54 }
      - { iif: lo, action: unreachable, priority: 55 }
      - { table: local, priority: 100 }
`;

function show(topology: string, ...command: string[]): string {
  let output = '';
  inTemporaryDirectory((directory) => {
    const file = path.join(directory, 'routing.yaml');
    writeFileSync(file, topology);
    output = packetwalk(['show', '-t', file, '--node', 'r', ...command]).stdout;
  });
  return output;
}

describe('rules and tables', () => {
  test('ip rule', () => {
    assert.equal(
      show(TOPOLOGY, 'ip rule'),
      `9:	from all fwmark 0x200/0xf00 lookup 2004
50:	from 10.0.1.40 lookup 100
51:	from 10.0.1.41 prohibit
52:	from all to 10.8.0.0/16 iif eth0 lookup 101
53:	not from 10.0.0.0/8 to 10.6.0.0/16 blackhole
54:	from all fwmark 0x5 oif eth0 lookup main suppress_prefixlength 0
55:	from all iif lo unreachable
100:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
`,
    );
    assert.equal(show(TOPOLOGY, 'ip -6 rule'), '0:	from all lookup local\n32766:	from all lookup main\n');
    assert.equal(
      show(TOPOLOGY, 'ip -j rule'),
      '[{"priority":9,"src":"all","fwmark":"0x200","fwmask":"0xf00","table":"2004"},' +
        '{"priority":50,"src":"10.0.1.40","table":"100"},{"priority":51,"src":"10.0.1.41","action":"prohibit"},' +
        '{"priority":52,"src":"all","dst":"10.8.0.0","dstlen":16,"iif":"eth0","table":"101"},' +
        '{"priority":53,"not":null,"src":"10.0.0.0","srclen":8,"dst":"10.6.0.0","dstlen":16,"action":"blackhole"},' +
        '{"priority":54,"src":"all","fwmark":"0x5","oif":"eth0","table":"main","suppress_prefixlen":0},' +
        '{"priority":55,"src":"all","iif":"lo","action":"unreachable"},{"priority":100,"src":"all","table":"local"},' +
        '{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}]\n',
    );
  });

  test('ip route show table', () => {
    assert.equal(
      show(TOPOLOGY, 'ip route show table all'),
      `10.7.0.0/16 via 10.0.0.2 dev eth0 table 100 
throw 10.9.0.0/16 table 100 
unreachable default table 101 
local default dev lo table 2004 scope host 
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 
10.8.0.0/16 dev eth0 scope link src 10.5.0.1 metric 7 mtu 1400 
local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1 
broadcast 10.0.0.255 dev eth0 table local proto kernel scope link src 10.0.0.1 
local 10.5.0.1 dev eth0 table local proto kernel scope host src 10.5.0.1 
local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1 
local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 
broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1 
`,
    );
    assert.equal(
      show(TOPOLOGY, 'ip route show table 100'),
      '10.7.0.0/16 via 10.0.0.2 dev eth0 \nthrow 10.9.0.0/16 \n',
    );
    assert.equal(
      show(TOPOLOGY, 'ip -j route show table 2004'),
      '[{"type":"local","dst":"default","dev":"lo","scope":"host","flags":[]}]\n',
    );
    assert.equal(show(TOPOLOGY, 'ip route show table 77'), '');
  });
});

describe('routes with several next hops', () => {
  // As iproute2 6.1 printed them of such a namespace.
  const MULTIPATH = `
nodes: [{ name: n1, podCIDR: 10.1.1.0/24 }]
routers:
  - name: r
    devices:
      - { name: la, addresses: [10.0.1.1/24, "fd00:1::1/64"] }
      - { name: lb, addresses: [10.0.2.1/24, "fd00:2::1/64"] }
    routes:
      - { to: default, nexthops: [{ via: 10.0.1.254, dev: la, weight: 2 }, { via: 10.0.2.254, dev: lb }] }
      - to: 10.9.0.0/16
        metric: 50
        src: 10.0.1.1
        mtu: 1400
        nexthops: [{ via: 10.0.1.254, dev: la, weight: 2 }, { dev: lb }]
      - { to: 10.8.0.0/16, nexthops: [{ via: 10.0.1.9, dev: la }, { via: "fd00:2::9", dev: lb }] }
      - { to: "fd09::/64", nexthops: [{ via: "fd00:1::2", dev: la }, { via: "fd00:2::2", dev: lb, weight: 3 }] }
`;
  const shown = (...command: string[]): string => show(MULTIPATH, ...command);

  test('ip route', () => {
    assert.equal(
      shown('ip route'),
      `default 
	nexthop via 10.0.1.254 dev la weight 2 
	nexthop via 10.0.2.254 dev lb weight 1 
10.0.1.0/24 dev la proto kernel scope link src 10.0.1.1 
10.0.2.0/24 dev lb proto kernel scope link src 10.0.2.1 
10.8.0.0/16 
	nexthop via 10.0.1.9 dev la weight 1 
	nexthop via inet6 fd00:2::9 dev lb weight 1 
10.9.0.0/16 src 10.0.1.1 metric 50 mtu 1400 
	nexthop via 10.0.1.254 dev la weight 2 
	nexthop dev lb weight 1 
`,
    );
    assert.match(
      shown('ip -6 route'),
      /^fd09::\/64 metric 1024 pref medium\n\tnexthop via fd00:1::2 dev la weight 1 \n\tnexthop via fd00:2::2 dev lb weight 3 $/m,
    );
  });

  test('ip -j route, route -n', () => {
    const [first, , , , last] = JSON.parse(shown('ip -j route')) as object[];
    assert.deepEqual(first, {
      dst: 'default',
      flags: [],
      nexthops: [
        { gateway: '10.0.1.254', dev: 'la', weight: 2, flags: [] },
        { gateway: '10.0.2.254', dev: 'lb', weight: 1, flags: [] },
      ],
    });
    assert.deepEqual(last, {
      dst: '10.9.0.0/16',
      prefsrc: '10.0.1.1',
      metric: 50,
      flags: [],
      metrics: [{ mtu: 1400 }],
      nexthops: [
        { gateway: '10.0.1.254', dev: 'la', weight: 2, flags: [] },
        { dev: 'lb', weight: 1, flags: [] },
      ],
    });
    assert.match(
      shown('route -n'),
      /^10\.9\.0\.0 {8}10\.0\.1\.254 {6}255\.255\.0\.0 {5}UG {4}50 {5}0 {8}0 la$/m,
    );
  });
});
