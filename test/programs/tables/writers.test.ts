import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddress, parseMac } from '../../../src/engine/address-text.js';
import { createMap } from '../../../src/engine/maps/create-map.js';
import type { BpfMap } from '../../../src/engine/maps/map.js';
import { writeAffinityMatch } from '../../../src/programs/tables/affinity.js';
import { writeBackend } from '../../../src/programs/tables/backends.js';
import { writeEndpoint, writeHostAddress } from '../../../src/programs/tables/endpoints.js';
import { writeIdentity } from '../../../src/programs/tables/ipcache.js';
import { MAP_SPECS, POLICY_MAP_SPEC } from '../../../src/programs/tables/map-specs.js';
import { writePolicyEntry } from '../../../src/programs/tables/policy.js';
import { writeReverseNat } from '../../../src/programs/tables/reverse-nat.js';
import { writeService, writeServiceBackend } from '../../../src/programs/tables/services.js';
import { writeSourceRange } from '../../../src/programs/tables/source-ranges.js';
import { getHex } from '../../support/map-hex.js';

/** A map of the datapath, small. */
function map(name: string): BpfMap {
  return createMap({ ...(MAP_SPECS.get(name) ?? POLICY_MAP_SPEC), maxEntries: 8 });
}

const ip = (text: string): Uint8Array => parseAddress(text)!;
const mac = (text: string): Uint8Array => parseMac(text)!;

// Where an entry was recorded from Cilium, its bytes are those of the recording.
describe('map entries, byte for byte', () => {
  test('services, recorded', () => {
    const services = map('cilium_lb4_services_v2');
    const frontend = { address: ip('10.96.0.12'), port: 80, protocol: 0 };
    writeService(services, frontend, { backendCount: 4, reverseNatId: 0x0300, flags: 0 });
    writeServiceBackend(services, frontend, 2, 2, 0x0300);
    assert.equal(getHex(services, '0a60000c0050000000000000'), '000000000400030000000000');
    assert.equal(getHex(services, '0a60000c0050020000000000'), '020000000000030000000000');
  });

  test('a service with protocol, internal scope, affinity, Maglev, flags and quarantined backends', () => {
    const services = map('cilium_lb6_services_v2');
    const frontend = { address: ip('fd00::a'), port: 443, protocol: 6, scope: 1 };
    writeService(services, frontend, {
      backendCount: 2,
      quarantinedCount: 1,
      reverseNatId: 7,
      flags: 16 | (32 << 8),
      affinitySeconds: 10800,
      algorithm: 2,
    });
    assert.equal(
      getHex(services, 'fd00000000000000000000000000000a01bb000006010000'),
      '302a00020200000710200100',
    );
  });

  test('backends, recorded', () => {
    const backends = map('cilium_lb4_backends_v3');
    writeBackend(backends, 6, { address: ip('10.245.2.20'), port: 8080, protocol: 0, state: 1 });
    assert.equal(getHex(backends, '06000000'), '0af502141f90000100000000');
    const ipv6 = map('cilium_lb6_backends_v3');
    writeBackend(ipv6, 300, { address: ip('fd00::1'), port: 53, protocol: 17, clusterId: 258, zone: 3 });
    assert.equal(getHex(ipv6, '2c010000'), 'fd000000000000000000000000000001003511000201' + '0300');
  });

  test('reverse NAT, affinity match, source range', () => {
    const reverse = map('cilium_lb4_reverse_nat');
    writeReverseNat(reverse, 0x0a00, ip('10.96.0.19'), 53);
    assert.equal(getHex(reverse, '0a00'), '0a6000130035');
    const match = map('cilium_lb_affinity_match');
    writeAffinityMatch(match, 1, 6);
    assert.equal(getHex(match, '0100000000060000'), '00');
    const ranges = map('cilium_lb4_source_range');
    writeSourceRange(ranges, 0x2100, ip('172.16.5.0'), 24);
    assert.equal(getHex(ranges, '3800000021000000ac100500'), '00');
  });

  test('endpoints, recorded', () => {
    const endpoints = map('cilium_lxc');
    writeEndpoint(endpoints, ip('10.245.1.10'), {
      ifindex: 21,
      id: 101,
      identity: 1001,
      mac: mac('0a:00:00:00:01:01'),
      nodeMac: mac('0a:00:00:00:01:fe'),
    });
    writeHostAddress(endpoints, ip('192.168.0.11'));
    assert.equal(
      getHex(endpoints, '0af5010a00000000000000000000000001000000'),
      '150000000000650000000000000000000a000000010100000a00000001fe0000e9030000000000000000000000000000',
    );
    assert.equal(
      getHex(endpoints, 'c0a8000b00000000000000000000000001000000'),
      `0000000000000000010000${'00'.repeat(37)}`,
    );
  });

  test('ipcache, recorded; with tunnel endpoints and a host part cut off', () => {
    const ipcache = map('cilium_ipcache_v2');
    writeIdentity(ipcache, ip('0.0.0.0'), 0, { identity: 2 });
    writeIdentity(ipcache, ip('198.51.100.200'), 25, { identity: 16777218 });
    assert.equal(getHex(ipcache, `2000000000000001${'00'.repeat(16)}`), `02${'00'.repeat(23)}`);
    assert.equal(getHex(ipcache, `3900000000000001c6336480${'00'.repeat(12)}`), `02000001${'00'.repeat(20)}`);
    writeIdentity(ipcache, ip('10.1.2.40'), 32, {
      identity: 2002,
      tunnelEndpoint: ip('192.168.0.12'),
      key: 3,
      skipTunnel: true,
    });
    assert.equal(
      getHex(ipcache, `40000000000000010a010228${'00'.repeat(12)}`),
      `d2070000c0a8000c${'00'.repeat(14)}0303`,
    );
    writeIdentity(ipcache, ip('fd00::1'), 128, { identity: 9, tunnelEndpoint: ip('fd00::11') }, 5);
    assert.equal(
      getHex(ipcache, 'a000000005000002fd000000000000000000000000000001'),
      '09000000fd0000000000000000000000000000110000' + '0006',
    );
  });

  test('policy entries: allow all recorded; a port, a port prefix, a denial, a proxy redirect', () => {
    const policy = map('cilium_policy_v2');
    const any = { identity: 0, egress: false, protocol: 0, port: 0, portBits: 0 };
    writePolicyEntry(policy, any, {});
    assert.equal(getHex(policy, '280000000000000000000000'), '0000000000000000');
    writePolicyEntry(policy, { identity: 2002, egress: true, protocol: 6, port: 8080, portBits: 16 }, {});
    assert.equal(getHex(policy, '40000000d207000001061f90'), '0000c00000000000');
    writePolicyEntry(policy, { ...any, protocol: 17, port: 8192, portBits: 3 }, { deny: true });
    assert.equal(getHex(policy, '330000000000000000112000'), '0000590000000000');
    writePolicyEntry(
      policy,
      { ...any, identity: 1001, protocol: 6 },
      { proxyPort: 10001, proxyPortPriority: 2, authType: 1, explicitAuth: true },
    );
    assert.equal(getHex(policy, '30000000e903000000060000'), '2711408102000000');
  });

  test('a full map is an error that names it', () => {
    const backends = createMap({ ...MAP_SPECS.get('cilium_lb4_backends_v3')!, maxEntries: 1 });
    const backend = { address: ip('10.0.0.1'), port: 1, protocol: 6 };
    writeBackend(backends, 1, backend);
    assert.throws(() => writeBackend(backends, 2, backend), /cilium_lb4_backends_v3 is full \(1 entries\)/);
  });
});
