/** Listings of hand-made states. Expected texts are what cilium-dbg 1.18 prints, unless a test says otherwise. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { writeEndpoint, writeHostAddress } from '../../../src/programs/tables/endpoints.js';
import { writeIdentity } from '../../../src/programs/tables/ipcache.js';
import { writePolicyEntry } from '../../../src/programs/tables/policy.js';
import { endpointRows, ipcacheRows } from '../../../src/programs/tables/print-identities.js';
import * as lists from '../../../src/programs/tables/print-lists.js';
import { metricsObjects, metricsText } from '../../../src/programs/tables/print-metrics.js';
import { policyObjects, policyText } from '../../../src/programs/tables/print-policy.js';
import { mapTable, mapTableObject, plainTable, tabulate } from '../../../src/programs/tables/tab-writer.js';
import { setHex } from '../../support/map-hex.js';
import { ip, le, mac, map } from './listing-support.js';

describe('columns', () => {
  test('a line without a cell ends its column', () => {
    assert.equal(tabulate('a\tb\nlonger\tc\nx\nyy\tz\n', 2, 3), 'a        b\nlonger   c\nx\nyy   z\n');
  });

  test('columns of empty cells have the least width', () => {
    assert.equal(tabulate('\t|\n'), '     |\n');
  });

  test('a map table: the rows end in spaces, the title does not', () => {
    const rows = [
      ['10.0.0.1/32', 'identity=1 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>'],
      ['0.0.0.0/0', 'identity=2 encryptkey=0 tunnelendpoint=10.135.152.71 flags=hastunnel'],
    ] as const;
    assert.equal(
      mapTable(['IP PREFIX/ADDRESS', 'IDENTITY'], rows),
      `IP PREFIX/ADDRESS   IDENTITY
10.0.0.1/32         identity=1 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>            ${''}
0.0.0.0/0           identity=2 encryptkey=0 tunnelendpoint=10.135.152.71 flags=hastunnel   ${''}
`,
    );
  });

  test('rows of one key share its cell, and are one list in JSON', () => {
    const rows = [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ] as const;
    assert.equal(mapTable(['K', 'V'], rows), 'K    V\nb    1    \n     3    \na    2    \n');
    assert.equal(JSON.stringify(mapTableObject(rows)), '{"a":["2"],"b":["1","3"]}');
  });
});

test('ipcache: most specific first; tunnels, flags, clusters', () => {
  const made = map('cilium_ipcache_v2');
  writeIdentity(made, ip('0.0.0.0'), 0, { identity: 2 });
  writeIdentity(made, ip('10.0.0.1'), 32, { identity: 42837, tunnelEndpoint: ip('10.135.152.71') }, 7);
  const tunnel = { identity: 5, tunnelEndpoint: ip('fd00::1'), key: 3, skipTunnel: true };
  writeIdentity(made, ip('fd00:1::'), 64, tunnel);
  assert.deepEqual(ipcacheRows(made), [
    ['0.0.0.0/0', 'identity=2 encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>'],
    ['fd00:1::/64', 'identity=5 encryptkey=3 tunnelendpoint=fd00::1 flags=skiptunnel,hastunnel,ipv6tunnel'],
    ['10.0.0.1/32@7', 'identity=42837 encryptkey=0 tunnelendpoint=10.135.152.71 flags=hastunnel'],
  ]);
});

test('endpoints', () => {
  const made = map('cilium_lxc');
  writeEndpoint(made, ip('10.244.0.213'), {
    ifindex: 25,
    id: 762,
    identity: 42837,
    mac: mac('a6:c6:93:71:26:19'),
    nodeMac: mac('f6:93:7d:11:4d:37'),
  });
  writeHostAddress(made, ip('10.244.0.201'));
  assert.equal(
    mapTable(['IP ADDRESS', 'LOCAL ENDPOINT INFO'], endpointRows(made)),
    `IP ADDRESS       LOCAL ENDPOINT INFO
10.244.0.213:0   id=762   sec_id=42837 flags=0x0000 ifindex=25  mac=A6:C6:93:71:26:19 nodemac=F6:93:7D:11:4D:37 parent_ifindex=0     ${''}
10.244.0.201:0   (localhost)                                                                                                         ${''}
`,
  );
});

describe('policy', () => {
  const made = map('cilium_policy_v2');
  const tcp = { egress: false, protocol: 6, port: 8080, portBits: 15 };
  writePolicyEntry(made, { ...tcp, identity: 42837 }, {});
  writePolicyEntry(made, { identity: 0, egress: true, protocol: 0, port: 0, portBits: 0 }, {});
  writePolicyEntry(made, { identity: 1, egress: false, protocol: 0, port: 0, portBits: 0 }, {});
  const stats = map('cilium_policystats');
  // Endpoint, padding, prefix; identity; direction, protocol, port.
  setHex(stats, `${le(762, 2)}0000${le(1, 4)}00000000`, le(60, 8) + le(5120, 8));
  setHex(stats, `${le(762, 2)}0017${le(42837, 4)}00061f90`, le(0, 16));
  setHex(stats, `${le(763, 2)}0000${le(0, 4)}01000000`, le(9, 16));

  test('numeric, with counters where there are any', () => {
    assert.equal(
      policyText(made, 762, stats, null).text,
      `POLICY   DIRECTION   IDENTITY   PORT/PROTO      PROXY PORT   AUTH TYPE   BYTES   PACKETS   PREFIX   ${''}
Allow    Ingress     1          ANY             NONE         disabled    5120    60        0        ${''}
Allow    Ingress     42837      8080-8081/TCP   NONE         disabled    0       0         23       ${''}
Allow    Egress      0          ANY             NONE         disabled    -       -         0        ${''}
`,
    );
  });

  test('by labels, one per line; deny first', () => {
    const labelled = map('cilium_policy_v2');
    writePolicyEntry(labelled, { ...tcp, identity: 42837, portBits: 16 }, { proxyPort: 10001, authType: 1 });
    writePolicyEntry(labelled, { ...tcp, identity: 77, portBits: 0, port: 0 }, { deny: true });
    const labels = (identity: number) => (identity === 42837 ? ['k8s:app=client', 'k8s:zone'] : null);
    const { text, errors } = policyText(labelled, 762, null, labels);
    assert.equal(
      text,
      `POLICY   DIRECTION   LABELS (source:key[=value])   PORT/PROTO   PROXY PORT   AUTH TYPE   BYTES   PACKETS   PREFIX   ${''}
Deny     Ingress     77                            TCP          NONE         disabled    -       -         8        ${''}
Allow    Ingress     k8s:app=client                8080/TCP     10001        spire       -       -         24       ${''}
                     k8s:zone                                                                                       ${''}
`,
    );
    assert.equal(errors, 'Was impossible to retrieve label ID 77: identity not found\n');
  });

  test('nothing in the map', () => {
    assert.equal(
      policyText(map('cilium_policy_v2'), 1, null, null).text,
      'POLICY   DIRECTION   IDENTITY   PORT/PROTO   PROXY PORT   AUTH TYPE   BYTES   PACKETS   PREFIX   \n' +
        'Policy stats empty. Perhaps the policy enforcement is disabled?\n',
    );
  });

  test('JSON has raw fields, and the largest number for counters that are not there', () => {
    assert.deepEqual(policyObjects(made, 762, stats).at(-1), {
      ProxyPortNetwork: 0,
      Flags: 0,
      AuthRequirement: 0,
      ProxyPortPriority: 0,
      Pad1: 0,
      Pad2: 0,
      Packets: 18446744073709551615n,
      Bytes: 18446744073709551615n,
      Key: { Prefixlen: 40, Identity: 0, TrafficDirection: 1, Nexthdr: 0, DestPortNetwork: 0 },
    });
  });
});

test('metrics: rows sorted as texts', () => {
  const made = map('cilium_metrics');
  assert.equal(metricsText(made), null);
  assert.equal(metricsObjects(made), null);
  setHex(made, `8502${le(1311, 2)}02000000`, le(9, 8) + le(666, 8));
  setHex(made, `0301${le(1132, 2)}01000000`, le(100, 8) + le(1000, 8));
  assert.equal(
    metricsText(made),
    `REASON          DIRECTION   PACKETS   BYTES   LINE   FILE
Interface       INGRESS     100       1000    1132   bpf_host.c
Policy denied   EGRESS      9         666     1311   bpf_lxc.c
`,
  );
  assert.deepEqual(metricsObjects(made)?.[0], {
    reason: 'Policy denied',
    direction: 'egress',
    packets: 9n,
    bytes: 666n,
    line: 1311,
    file: 'bpf_lxc.c',
  });
  setHex(made, 'fa00000000000000', le(1, 16));
  assert.match(metricsText(made)!, /^250, 0 {10}UNKNOWN {5}1 {9}0 {7}0 {6}unknown\(0\)$/m);
});

describe('small lists', () => {
  const text = ({ titles, rows }: lists.SmallList): string => plainTable(titles, rows);

  test('egress policies: no gateway, excluded prefixes', () => {
    const made = map('cilium_egress_gw_policy_v4');
    setHex(made, '380000000a0000010a010200', '0a0000fe0a0000fd');
    setHex(made, '200000000a00000100000000', '0000000000000000');
    setHex(made, '300000000a0000010a010000', '0a0000fe00000001');
    assert.equal(
      text(lists.egressList([made])),
      `Source IP   Destination CIDR   Egress IP    Gateway IP
10.0.0.1    10.1.2.0/24        10.0.0.254   10.0.0.253
10.0.0.1    10.1.0.0/16        10.0.0.254   Excluded CIDR
10.0.0.1    0.0.0.0/0          0.0.0.0      Not Found
`,
    );
  });

  test('authentications with their expiry in UTC', () => {
    const made = map('cilium_auth_map');
    // 2026-11-20 10:00:00.5 UTC is 1795168800.5 s, in ticks of 512 ns.
    setHex(made, `${le(1001, 4)}${le(1002, 4)}${le(3, 2)}0100`, le(1795168800.5 * 1953125, 8));
    assert.equal(
      text(lists.authList(made)),
      `SRC IDENTITY   DST IDENTITY   REMOTE NODE ID   AUTH TYPE   EXPIRATION
1001           1002           3                spire       2026-11-20 10:00:00.499999744 +0000 UTC
`,
    );
  });

  test('fragments: ports in raw order', () => {
    const made = map('cilium_ipv4_frag_datagrams');
    setHex(made, '0a0000020a00000100070600', '00501f90');
    assert.equal(
      text(lists.fragmentList([made])),
      `ID   PROTO   SOURCE ADDRESS:PORT   DEST ADDRESS:PORT
7    TCP     10.0.0.1:20480        10.0.0.2:36895
`,
    );
  });

  test('nodes, VTEPs, masquerading, SRv6, configuration', () => {
    const nodes = map('cilium_node_map_v2');
    setHex(nodes, `000000010a0000${'02'.padEnd(26, '0')}`, '0b000300');
    assert.equal(text(lists.nodeList(nodes)), 'NODE ID   IP ADDRESSES   SPI\n0xb       10.0.0.2       3\n');
    const vtep = map('cilium_vtep_map');
    setHex(vtep, '0a010100', 'aabbccddeeff00000a00000200000000');
    assert.deepEqual(lists.vtepRows(vtep), [
      ['10.1.1.0', 'vtepmac=aa:bb:cc:dd:ee:ff tunnelendpoint=10.0.0.2'],
    ]);
    const masquerade = map('cilium_ipmasq_v4');
    setHex(masquerade, '080000000a000000', '00');
    assert.deepEqual(lists.prefixTexts([masquerade]), ['10.0.0.0/8']);
    const segments = map('cilium_srv6_sid');
    setHex(segments, 'fd00000000000000000000000000000a', '07000000');
    assert.deepEqual(lists.srv6SegmentList(segments).objects, [{ SID: 'fd00::a', VRFID: 7 }]);
    const vrf = map('cilium_srv6_vrf_v4');
    setHex(vrf, '280000000a0000010a000000', '07000000');
    assert.deepEqual(lists.srv6VrfList([vrf]).rows, [['10.0.0.1', '10.0.0.0/8', '7']]);
    const policy = map('cilium_srv6_policy_v4');
    setHex(policy, '28000000070000000a000000', 'fd00000000000000000000000000000a');
    assert.deepEqual(lists.srv6PolicyList([policy]).rows, [['7', '10.0.0.0/8', 'fd00::a']]);
    const config = map('cilium_runtime_config');
    setHex(config, '00000000', le(5, 8));
    assert.equal(
      text(lists.configList(config)),
      'KEY             VALUE\nAgentLiveness   0\nUTimeOffset     5\n',
    );
  });
});
