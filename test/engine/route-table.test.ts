import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NeighbourTable } from '../../src/engine/stack/neighbour.js';
import { ROUTE_LOCAL, RouteTable } from '../../src/engine/stack/route-table.js';
import { fromHex } from '../support/hex.js';

test('longest prefix wins; host, default and no route', () => {
  const table = new RouteTable(4);
  table.add({ prefix: fromHex('0a010100'), prefixLength: 24, ifindex: 3 });
  table.add({ prefix: fromHex('0a010101'), prefixLength: 32, ifindex: 4 });
  table.add({ prefix: fromHex('0a000000'), prefixLength: 9, ifindex: 5 });
  const find = (hex: string): number => {
    const row = table.lookup(fromHex(hex), 0);
    return row < 0 ? 0 : table.ifindex[row];
  };
  assert.equal(find('0a010101'), 4);
  assert.equal(find('0a010102'), 3);
  assert.equal(find('0a020304'), 5);
  assert.equal(find('0a800000'), 0);
  table.add({ prefix: fromHex('00000000'), prefixLength: 0, ifindex: 6, gateway: fromHex('0affff01') });
  assert.equal(find('0a800000'), 6);
  assert.deepEqual(
    [...table.gateways.slice(table.lookup(fromHex('08080808'), 0) * 16).slice(0, 4)],
    [10, 255, 255, 1],
  );
});

test('of equal prefixes: local, then the lower metric, then the first', () => {
  const table = new RouteTable(4);
  const prefix = fromHex('0a000001');
  table.add({ prefix, prefixLength: 32, ifindex: 1, metric: 100 });
  table.add({ prefix, prefixLength: 32, ifindex: 2, metric: 50 });
  table.add({ prefix, prefixLength: 32, ifindex: 3, metric: 50 });
  assert.equal(table.ifindex[table.lookup(prefix, 0)], 2);
  table.add({ prefix, prefixLength: 32, ifindex: 4, kind: ROUTE_LOCAL, metric: 1000 });
  assert.equal(table.ifindex[table.lookup(prefix, 0)], 4);
  assert.equal(table.isLocal(prefix, 0), true);
});

test('IPv6', () => {
  const table = new RouteTable(16);
  table.add({ prefix: fromHex('fd000000000000000000000000000000'), prefixLength: 8, ifindex: 1 });
  table.add({ prefix: fromHex('fd00000000000000000000000000000a'), prefixLength: 127, ifindex: 2 });
  const row = (hex: string): number => table.lookup(fromHex(hex), 0);
  assert.equal(table.ifindex[row('fd00000000000000000000000000000b')], 2);
  assert.equal(table.ifindex[row('fd00000000000000000000000000000c')], 1);
  assert.equal(row('fe000000000000000000000000000000'), -1);
});

test('agrees with a search through all routes', () => {
  const address = fc
    .uint8Array({ minLength: 4, maxLength: 4 })
    .map((bytes) => bytes.map((byte) => byte & 0x83));
  const route = fc.record({ prefix: address, prefixLength: fc.nat(32) });
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 30 }),
      fc.array(address, { maxLength: 20 }),
      (routes, targets) => {
        const table = new RouteTable(4);
        routes.forEach((r, i) => {
          table.add({ ...r, ifindex: i + 1 });
        });
        for (const target of targets) {
          let best = -1;
          routes.forEach((r, i) => {
            if (!sharesPrefix(r.prefix, target, r.prefixLength)) return;
            if (best < 0 || r.prefixLength > routes[best].prefixLength) best = i;
          });
          assert.equal(table.lookup(target, 0), best);
        }
      },
    ),
  );
});

function sharesPrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let i = 0; i < bits; i++) {
    const mask = 0x80 >> (i & 7);
    if ((a[i >> 3] & mask) !== (b[i >> 3] & mask)) return false;
  }
  return true;
}

test('neighbours by interface and address, both families, many', () => {
  const table = new NeighbourTable();
  for (let i = 0; i < 1000; i++)
    table.set(1 + (i % 3), Uint8Array.of(10, 0, i >> 8, i), Uint8Array.of(2, 0, 0, 0, i >> 8, i));
  table.set(1, fromHex('0a000000000000000000000000000000'), fromHex('060000000006'));
  table.set(1, Uint8Array.of(10, 0, 0, 0), fromHex('040000000004'));
  assert.equal(table.size, 1001);
  const mac = (ifindex: number, address: Uint8Array): number[] | null => {
    const at = table.macAt(ifindex, address, 0, address.length);
    return at < 0 ? null : [...table.macs.slice(at, at + 6)];
  };
  assert.deepEqual(mac(1 + (777 % 3), Uint8Array.of(10, 0, 3, 9)), [2, 0, 0, 0, 3, 9]);
  assert.equal(mac(4, Uint8Array.of(10, 0, 3, 9)), null);
  assert.deepEqual(mac(1, Uint8Array.of(10, 0, 0, 0)), [4, 0, 0, 0, 0, 4]);
  assert.deepEqual(mac(1, fromHex('0a000000000000000000000000000000')), [6, 0, 0, 0, 0, 6]);
});
