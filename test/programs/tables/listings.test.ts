/** Listings of hand-made states. Expected texts are what cilium-dbg 1.18 prints, unless a test says otherwise. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddress, parseMac } from '../../../src/engine/address-text.js';
import { createMap } from '../../../src/engine/maps/create-map.js';
import type { BpfMap } from '../../../src/engine/maps/map.js';
import { HashOfMaps } from '../../../src/engine/maps/map-of-maps.js';
import { writeBackend } from '../../../src/programs/tables/backends.js';
import { writeEndpoint, writeHostAddress } from '../../../src/programs/tables/endpoints.js';
import { writeIdentity } from '../../../src/programs/tables/ipcache.js';
import { MAP_SPECS, POLICY_MAP_SPEC } from '../../../src/programs/tables/map-specs.js';
import { writePolicyEntry } from '../../../src/programs/tables/policy.js';
import { conntrackObjects, conntrackText } from '../../../src/programs/tables/print-conntrack.js';
import { endpointRows, ipcacheRows } from '../../../src/programs/tables/print-identities.js';
import * as lists from '../../../src/programs/tables/print-lists.js';
import { metricsObjects, metricsText } from '../../../src/programs/tables/print-metrics.js';
import { natObjects, natText } from '../../../src/programs/tables/print-nat.js';
import { policyObjects, policyText } from '../../../src/programs/tables/print-policy.js';
import { listedServices, serviceListText } from '../../../src/programs/tables/print-service-list.js';
import * as print from '../../../src/programs/tables/print-services.js';
import { writeService, writeServiceBackend } from '../../../src/programs/tables/services.js';
import { writeSourceRange } from '../../../src/programs/tables/source-ranges.js';
import { mapTable, mapTableObject, plainTable, tabulate } from '../../../src/programs/tables/tab-writer.js';
import { setHex } from '../../support/map-hex.js';

/** A map of the datapath, small. */
function map(name: string): BpfMap {
  return createMap({ ...(MAP_SPECS.get(name) ?? POLICY_MAP_SPEC), maxEntries: 16 });
}

const ip = (text: string): Uint8Array => parseAddress(text)!;
const mac = (text: string): Uint8Array => parseMac(text)!;

/** Little-endian number in hex. */
function le(value: number, bytes: number): string {
  return Array.from({ length: bytes }, (_, i) =>
    (Math.floor(value / 2 ** (8 * i)) % 256).toString(16).padStart(2, '0'),
  ).join('');
}

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

describe('conntrack', () => {
  // Reserved, backend, packets, bytes, lifetime, flags, reverse NAT, reserved, tx and rx flags, identity, reports.
  const value = (backend: number, counts: string, flags: string, seen: string, rest: string): string =>
    le(0, 8) + le(backend, 8) + counts + flags + seen + rest;

  const outgoing = value(
    0,
    le(10, 8) + le(1029, 8) + le(17755044, 4),
    '13000000',
    '00001b1b',
    le(42837, 4) + le(17755035, 4) + le(17755035, 4),
  );

  test('the connection of the write-up, in the words of 1.18', () => {
    const made = map('cilium_ct4_global');
    setHex(made, '0af400d5010000010050b5960600', outgoing);
    assert.equal(
      conntrackText(made),
      'TCP OUT 10.244.0.213:46486 -> 1.0.0.1:80 expires=17755044 Packets=10 Bytes=1029 RxFlagsSeen=0x1b ' +
        'LastRxReport=17755035 TxFlagsSeen=0x1b LastTxReport=17755035 Flags=0x0013 ' +
        '[ RxClosing TxClosing SeenNonSyn ] RevNAT=0 SourceSecurityID=42837 BackendID=0 \n\n',
    );
    assert.match(conntrackText(made, 17755000), / expires=17755044 \(remaining: 44 sec\(s\)\) Packets=10 /);
  });

  test('related, service, incoming and IPv6 entries; protocol 0 is left out', () => {
    const made = map('cilium_ct_any4_global');
    const nothing = '00'.repeat(56);
    const related = value(
      0,
      le(0, 16) + le(17755093, 4),
      '10000000',
      '00000200',
      le(42837, 4) + le(17755035, 4) + le(0, 4),
    );
    setHex(made, '0af400d501000001000000000102', related);
    setHex(made, '0a60000a0af400d5b59600350604', value(5, le(0, 20), '00080003', le(0, 4), le(0, 12)));
    setHex(made, '0af400d501000001005000350601', nothing);
    setHex(made, '0af400d501000001005000350001', nothing);
    const rest = 'Packets=0 Bytes=0 RxFlagsSeen=0x00 LastRxReport=0 TxFlagsSeen=0x00 LastTxReport=0 Flags=0x';
    assert.equal(
      conntrackText(made),
      'ICMP OUT 10.244.0.213:0 -> 1.0.0.1:0 related expires=17755093 Packets=0 Bytes=0 RxFlagsSeen=0x00 ' +
        'LastRxReport=0 TxFlagsSeen=0x02 LastTxReport=17755035 Flags=0x0010 [ SeenNonSyn ] RevNAT=0 ' +
        'SourceSecurityID=42837 BackendID=0 \n' +
        `TCP SVC 10.244.0.213:46486 -> 10.96.0.10:53 expires=0 ${rest}0800 [ Unknown=0x0800 ] RevNAT=3 ` +
        'SourceSecurityID=0 BackendID=5 \n' +
        `TCP IN 10.244.0.213:53 -> 1.0.0.1:80 expires=0 ${rest}0000 [ ] RevNAT=0 ` +
        'SourceSecurityID=0 BackendID=0 \n\n',
    );
    const ipv6 = map('cilium_ct6_global');
    const addresses = 'fd0000000000000000000000000000d5fd000000000000000000000000000001';
    setHex(ipv6, `${addresses}00500fa00600`, nothing);
    assert.match(conntrackText(ipv6), /^TCP OUT fd00::d5:4000 -> fd00::1:80 expires=0 /);
    assert.equal(conntrackText(map('cilium_ct6_global')), '\n');
  });

  test('JSON has the raw fields', () => {
    const made = map('cilium_ct4_global');
    setHex(made, '0af400d5010000010050b5960600', outgoing);
    assert.deepEqual(conntrackObjects(made), [
      {
        Key: {
          DestAddr: [10, 244, 0, 213],
          SourceAddr: [1, 0, 0, 1],
          DestPort: 20480,
          SourcePort: 38581,
          NextHeader: 6,
          Flags: 0,
        },
        Value: {
          Reserved0: 0n,
          BackendID: 0n,
          Packets: 10n,
          Bytes: 1029n,
          Lifetime: 17755044,
          Flags: 19,
          RevNAT: 0,
          Reserved4: 0,
          TxFlagsSeen: 27,
          RxFlagsSeen: 27,
          SourceSecurityID: 42837,
          LastTxReport: 17755035,
          LastRxReport: 17755035,
        },
      },
    ]);
  });
});

test('NAT: addresses and ports as named, IPv6 in brackets', () => {
  const made = map('cilium_snat_v4_external');
  const stamp = le(1000, 8) + le(0, 24);
  setHex(made, '010000010af400d50050b5960600', `${stamp}0a879846b5960000`);
  setHex(made, '0a87984601000001b59600500601', `${stamp}0af400d5b5960000`);
  assert.equal(
    natText(made, 1042),
    `TCP OUT 10.244.0.213:46486 -> 1.0.0.1:80 XLATE_SRC 10.135.152.70:46486 Created=42sec ago NeedsCT=0
TCP IN 1.0.0.1:80 -> 10.135.152.70:46486 XLATE_DST 10.244.0.213:46486 Created=42sec ago NeedsCT=0

`,
  );
  const ipv6 = map('cilium_snat_v6_external');
  const addresses = '20010db8000000000000000000000001fd0000000000000000000000000000d5';
  const to = 'fd010000000000000000000000000001';
  setHex(ipv6, `${addresses}003514e91100`, `${le(7, 8)}${le(1, 8)}${le(0, 16)}${to}9c40000000000000`);
  assert.equal(
    natText(ipv6, 10),
    'UDP OUT [fd00::d5]:5353 -> [2001:db8::1]:53 XLATE_SRC [fd01::1]:40000 Created=3sec ago NeedsCT=1\n\n',
  );
  assert.deepEqual(natObjects(made)[0], {
    Key: {
      DestAddr: [1, 0, 0, 1],
      SourceAddr: [10, 244, 0, 213],
      DestPort: 20480,
      SourcePort: 38581,
      NextHeader: 6,
      Flags: 0,
    },
    Value: { Created: 1000n, NeedsCT: 0n, Pad1: 0n, Pad2: 0n, Addr: [10, 135, 152, 70], Port: 38581 },
  });
});

describe('load balancer', () => {
  const services = map('cilium_lb4_services_v2');
  const backends = map('cilium_lb4_backends_v3');
  const kubernetes = { address: ip('10.96.0.1'), port: 443, protocol: 6 };
  writeService(services, kubernetes, { backendCount: 1, reverseNatId: 1, flags: 0 });
  writeServiceBackend(services, kubernetes, 1, 1, 1);
  writeServiceBackend(services, { ...kubernetes, port: 80, scope: 1 }, 1, 9, 1);
  writeBackend(backends, 1, { address: ip('172.18.0.3'), port: 6443, protocol: 6 });

  test('services with their backends', () => {
    const title = 'BACKEND ADDRESS (REVNAT_ID) (SLOT)';
    assert.equal(
      mapTable(['SERVICE ADDRESS', title], print.serviceRows(services, backends)),
      `SERVICE ADDRESS          BACKEND ADDRESS (REVNAT_ID) (SLOT)
10.96.0.1:443/TCP (0)    0.0.0.0:0 (1) (0) [ClusterIP, non-routable]    ${''}
10.96.0.1:443/TCP (1)    172.18.0.3:6443/TCP (1) (1)                    ${''}
10.96.0.1:80/TCP/i (1)   backend 9 not found                            ${''}
`,
    );
  });

  test('services as the agent lists them', () => {
    const made = map('cilium_lb4_services_v2');
    const ends = map('cilium_lb4_backends_v3');
    writeBackend(ends, 1, { address: ip('172.18.0.3'), port: 6443, protocol: 6 });
    writeBackend(ends, 2, { address: ip('10.244.0.5'), port: 53, protocol: 17 });
    writeBackend(ends, 3, { address: ip('10.244.1.7'), port: 53, protocol: 17 });
    const dns = { address: ip('10.96.0.10'), port: 53, protocol: 17 };
    writeService(made, dns, { backendCount: 2, reverseNatId: 2, flags: 0 });
    writeServiceBackend(made, dns, 2, 3, 2);
    writeServiceBackend(made, dns, 1, 2, 2);
    writeService(made, kubernetes, { backendCount: 1, reverseNatId: 1, flags: 0 });
    writeServiceBackend(made, kubernetes, 1, 1, 1);
    const empty = { address: ip('10.96.7.7'), port: 80, protocol: 6 };
    writeService(made, empty, { backendCount: 0, reverseNatId: 3, flags: 0 });
    assert.equal(
      serviceListText(listedServices([[made, ends]])),
      `ID   Frontend            Service Type   Backend                             ${''}
1    10.96.0.1:443/TCP   ClusterIP      1 => 172.18.0.3:6443/TCP (active)   ${''}
2    10.96.0.10:53/UDP   ClusterIP      1 => 10.244.0.5:53/UDP (active)     ${''}
                                        2 => 10.244.1.7:53/UDP (active)     ${''}
3    10.96.7.7:80/TCP    ClusterIP                                          ${''}
`,
    );
  });

  test('frontends, backends, reverse NAT, source ranges', () => {
    assert.deepEqual(print.frontendRows(services)[0], ['10.96.0.1:443/TCP (0)', '0 1[0] (1) [0x0 0x0]']);
    assert.deepEqual(print.backendRows(backends), [['1', 'TCP://172.18.0.3']]);
    const ipv6 = map('cilium_lb6_backends_v3');
    writeBackend(ipv6, 300, { address: ip('fd00::1'), port: 53, protocol: 17, clusterId: 7, zone: 3 });
    assert.deepEqual(print.backendRows(ipv6), [['300', 'UDP://fd00::1@7[3]']]);
    const reverse = map('cilium_lb6_reverse_nat');
    setHex(reverse, '0102', 'fd00000000000000000000000000000a01bb');
    assert.deepEqual(print.reverseNatRows(reverse), [['258', '[fd00::a]:443']]);
    const ranges = map('cilium_lb4_source_range');
    writeSourceRange(ranges, 7, ip('10.0.0.0'), 8);
    assert.equal(
      mapTable(['SOURCE RANGE (REVNAT_ID)', ''], print.sourceRangeRows(ranges)),
      `SOURCE RANGE (REVNAT_ID)   \n10.0.0.0/8 (7)                  \n`,
    );
  });

  test('flags in Cilium’s order', () => {
    const flagged = (flags: number, proxy = 0): string => {
      const made = map('cilium_lb6_services_v2');
      const key = 'fd00000000000000000000000000000a01bb000006000000';
      setHex(made, key, `${proxy.toString(16).padStart(4, '0')}0000${le(0, 2)}0007${le(flags, 2)}0000`);
      return print.serviceRows(made, backends)[0][1];
    };
    assert.equal(flagged(0x2 | 0x4 | 0x10 | 0x40), '[::]:0 (7) (0) [NodePort, Local, sessionAffinity] ');
    assert.equal(
      flagged(0x1 | 0x80 | 0x4000 | 0x8000),
      '[::]:0 (7) (0) [ExternalIPs, non-routable, check source-range, deny, dsr] ',
    );
    assert.equal(flagged(0x8 | 0x40 | 0x800 | 0x4000), '[::]:0 (7) (0) [HostPort, loopback, quarantined] ');
    assert.equal(
      flagged(0x20 | 0x40 | 0x400 | 0x1000 | 0x2000, 10001),
      '[::]:0 (7) (0) [LoadBalancer, InternalLocal, two-scopes, l7-load-balancer] (L7LB Proxy Port: 10001)',
    );
  });

  test('Maglev tables', () => {
    const inner = { ...MAP_SPECS.get('cilium_lb4_maglev')!.inner!, valueSize: 12 };
    const outer = new HashOfMaps({ ...MAP_SPECS.get('cilium_lb4_maglev')!, maxEntries: 4, inner });
    setHex(outer, '0102', '05000000');
    assert.deepEqual(print.maglevRows(outer, true), []);
    const table = createMap(inner);
    setHex(table, '00000000', '010000000200000001000000');
    outer.adopt(5, table);
    assert.deepEqual(print.maglevRows(outer, true), [['[258]/v4', '[1 2 1]']]);
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
