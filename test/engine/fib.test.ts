import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fib from '../../src/engine/fib.js';
import { PacketContext } from '../../src/engine/packet.js';
import { NamespaceFib } from '../../src/engine/stack/fib.js';
import { ROUTE_BLACKHOLE } from '../../src/engine/stack/route-table.js';
import { fromHex, toHex } from '../support/hex.js';
import { MAC_ETH0, MAC_GATEWAY, TestNode } from './network.js';

/** family 2, ifindex 3, source 10.0.0.1, the destination given. */
function params(destinationHex: string, lengthHex = '0000'): Uint8Array {
  return fromHex(
    `02000000 0000${lengthHex} 03000000 00000000 0a000001${'00'.repeat(12)} ${destinationHex}${'00'.repeat(12)} ${'00'.repeat(16)}`,
  );
}

function lookup(node: TestNode, request: Uint8Array, flags = 0): number {
  return new NamespaceFib(node.node.host).lookup(new PacketContext(new Uint8Array(64)), request, flags);
}

test('success: ifindex, gateway over the destination, MACs', () => {
  const request = params('08080808');
  assert.equal(lookup(new TestNode(), request), fib.FIB_SUCCESS);
  assert.equal(
    toHex(request),
    toHex(
      fromHex(
        `02000000 00000000 02000000 00000000 0a000001${'00'.repeat(12)} c0a800fe${'00'.repeat(12)} 00000000 ${MAC_ETH0}${MAC_GATEWAY}`,
      ),
    ),
  );
});

test('no neighbour: ifindex and next hop only', () => {
  const request = params('c0a80044');
  assert.equal(lookup(new TestNode(), request), fib.FIB_NO_NEIGHBOUR);
  assert.equal(request[fib.FIB_IFINDEX], 2);
  assert.equal(toHex(request.slice(fib.FIB_SOURCE_MAC)), '00'.repeat(12));
});

test('not forwarded: local address, no route; blackhole; forwarding off; unknown device; over the MTU', () => {
  const t = new TestNode();
  assert.equal(lookup(t, params('c0a80001')), fib.FIB_NOT_FORWARDED);
  t.node.host.ipv4Routes.add({
    prefix: fromHex('09000000'),
    prefixLength: 8,
    kind: ROUTE_BLACKHOLE,
    ifindex: 0,
  });
  assert.equal(lookup(t, params('09000001')), fib.FIB_BLACKHOLE);
  const long = params('08080808', 'dd05');
  assert.equal(lookup(t, long), fib.FIB_FRAGMENTATION_NEEDED);
  assert.equal(toHex(long.slice(6, 8)), 'dc05');
  const unknown = params('08080808');
  unknown[fib.FIB_IFINDEX] = 77;
  assert.equal(lookup(t, unknown), -19);
  t.node.host.ipv4Forwarding = false;
  assert.equal(lookup(t, params('08080808')), fib.FIB_FORWARDING_DISABLED);
});
