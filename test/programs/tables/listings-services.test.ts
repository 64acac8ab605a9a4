/** Services and backends, made by hand, as they are listed. Expected texts are what cilium-dbg 1.18 prints, unless a test says otherwise. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { HashOfMaps } from '../../../src/engine/maps/map-of-maps.js';
import { writeBackend } from '../../../src/programs/tables/backends.js';
import { MAP_SPECS } from '../../../src/programs/tables/map-specs.js';
import { listedServices, serviceListText } from '../../../src/programs/tables/print-service-list.js';
import * as print from '../../../src/programs/tables/print-services.js';
import { writeService, writeServiceBackend } from '../../../src/programs/tables/services.js';
import { writeSourceRange } from '../../../src/programs/tables/source-ranges.js';
import { mapTable } from '../../../src/programs/tables/tab-writer.js';
import { setHex } from '../../support/map-hex.js';
import { ip, le, map } from './listing-support.js';

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
