/** Entries as `bpftool map dump` prints them, in words. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeEntry, describeKey } from '../../../src/programs/tables/describe.js';
import { MAP_SPECS, POLICY_MAP_SPEC } from '../../../src/programs/tables/map-specs.js';
import { fromHex } from '../../support/hex.js';

const CASES: readonly (readonly [map: string, key: string, value: string, expected: string])[] = [
  [
    'cilium_lb4_services_v2',
    '0a600050 0050 0000 06 00 0000',
    '00000000 0200 0003 0000 0000',
    '10.96.0.80:80/TCP slot 0: count=2 rev_nat=3 flags=[ClusterIP, non-routable]',
  ],
  [
    'cilium_lb4_services_v2',
    '0a600050 0050 0200 06 01 0000',
    '07000000 0000 0003 0000 0000',
    '10.96.0.80:80/TCP/i slot 2: backend=7 rev_nat=3',
  ],
  [
    'cilium_lb4_backends_v3',
    '07000000',
    '0a010228 1f90 06 01 0000 02 00',
    '7: address=10.1.2.40:8080/TCP state=terminating zone=2',
  ],
  ['cilium_lb4_reverse_nat', '0003', '0a600050 0050', '3: frontend=10.96.0.80:80'],
  [
    'cilium_ct4_global',
    '0a01010a 0a010228 1f90 a48e 06 00',
    '0000000000000000 0000000000000000 0200000000000000 9400000000000000 24040000 1000 0001 0000 02 12 11270000 e8030000 e8030000',
    'TCP OUT 10.1.1.10:42126 -> 10.1.2.40:8080: expires=1060 packets=2 bytes=148 rx flags=0x12 tx flags=0x02 flags=[SeenNonSyn] rev_nat=1 source identity=10001',
  ],
  [
    'cilium_snat_v4_external',
    '0a010228 c6336407 03e7 1f90 11 01',
    'e803000000000000 0000000000000000 0000000000000000 0000000000000000 c6336407 03e7 0000',
    'UDP IN 198.51.100.7:8080 -> 10.1.2.40:999: XLATE_DST=198.51.100.7:999 needs_ct=0',
  ],
  [
    'cilium_ipcache_v2',
    '40000000 0000 00 01 0a010228 000000000000000000000000',
    '14270000 0affff0c 000000000000000000000000 0000 00 02',
    '10.1.2.40/32: identity=10004 tunnelendpoint=10.255.255.12',
  ],
  [
    'cilium_lxc',
    '0a01010a 000000000000000000000000 01 00 0000',
    `0a000000 0000 e903 00000000 00000000 0a000a01010a0000 0a00000011aa0000 11270000 00000000 ${'00'.repeat(8)}`,
    '10.1.1.10: id=1001 sec_id=10001 ifindex=10 mac=0a:00:0a:01:01:0a nodemac=0a:00:00:00:11:aa',
  ],
  [
    'cilium_policy_v2_01001',
    '40000000 14270000 01 06 1f90',
    '0000 c0 00 00000000',
    'Egress 10004 8080/TCP: action=Allow',
  ],
  [
    'cilium_policy_v2_01001',
    '28000000 00000000 00 00 0000',
    '0000 01 00 00000000',
    'Ingress ANY ANY: action=Deny',
  ],
  [
    'cilium_policy_v2_01001',
    '3d000000 14270000 01 06 1f90',
    '3039 a8 00 00000000',
    'Egress 10004 8080-8087/TCP: action=Allow proxy port=12345',
  ],
  [
    'cilium_policystats',
    'e903 00 18 14270000 01 06 1f90',
    '0300000000000000 ba00000000000000',
    'endpoint 1001 Egress 10004 8080/TCP: packets=3 bytes=186',
  ],
  [
    'cilium_metrics',
    '85 02 0000 00 000000',
    '0400000000000000 2801000000000000',
    'Policy denied, egress: packets=4 bytes=296',
  ],
  [
    'cilium_egress_gw_policy_v4',
    '38000000 0a00010a c0000200',
    'ac1000c8 ac100002',
    '10.0.1.10 -> 192.0.2.0/24: egress IP=172.16.0.200 gateway IP=172.16.0.2',
  ],
  ['cilium_nodeport_neigh4', 'c6336407', '02000a0200fe 0000', '198.51.100.7: mac=02:00:0a:02:00:fe'],
  ['cilium_lb4_source_range', '38000000 0002 0000 c6336400', '00', '198.51.100.0/24 rev_nat 2: '],
  ['cilium_throttle', 'e9030000 00000000', '01', 'e903000000000000: value=01'],
];

describe('entries', () => {
  for (const [map, key, value, expected] of CASES) {
    test(`${map}: ${expected.split(':')[0]}`, () => {
      const described = describeEntry(map, fromHex(key), fromHex(value));
      assert.equal(
        `${described.key}: ${described.value.map((field) => field.join('=')).join(' ')}`,
        expected,
      );
      assert.equal(describeKey(map, fromHex(key)), described.key);
    });
  }
});

test('every map has words for any entry', () => {
  for (const { name, keySize, valueSize } of [...MAP_SPECS.values(), POLICY_MAP_SPEC]) {
    for (const byte of [0, 1, 0x80, 0xff]) {
      const described = describeEntry(
        name,
        new Uint8Array(keySize).fill(byte),
        new Uint8Array(Math.min(valueSize, 4096)).fill(byte),
      );
      assert.notEqual(described.key, '', name);
    }
  }
});
