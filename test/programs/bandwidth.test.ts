import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT } from '../../src/engine/hooks/verdict.js';
import { hostPrograms } from '../../src/programs/host.js';
import { writeEndpoint } from '../../src/programs/tables/endpoints.js';
import { Struct, writeEntry } from '../../src/programs/tables/entry.js';
import { fromHex } from '../support/hex.js';
import { address, SmallNode } from './small-node.js';

/** UDP 192.0.2.1:1000 to 10.0.1.1:2000, 100 bytes with the Ethernet header. */
const FRAME = `
  020000000001 020000000002 0800
  45000056 00010000 40110000 c0000201 0a000101
  03e807d0 00420000 ${'00'.repeat(58)}`;
const ENDPOINT_ID = 7;
const NATIVE = 10;
const SECOND = 1_000_000_000;

interface Limit {
  readonly direction: number;
  readonly bytesPerSecond: number;
  readonly lastNs: number;
  /** Longest wait in ns (egress), tokens in bytes (ingress). */
  readonly third: number;
  readonly priority?: number;
}

function pacedNode(limit: Limit): SmallNode {
  const node = new SmallNode({ bandwidthManager: true, hostRouting: true, routing: true });
  const u64 = (struct: Struct, at: number, value: number) =>
    struct.u32le(at, value % 2 ** 32).u32le(at + 4, Math.floor(value / 2 ** 32));
  const value = new Struct(56);
  u64(value, 0, limit.bytesPerSecond);
  u64(value, 8, limit.lastNs);
  u64(value, 16, limit.third);
  value.u32le(24, limit.priority ?? 0);
  writeEntry(node.map('cilium_throttle'), new Struct(8).u32le(0, ENDPOINT_ID).u8(4, limit.direction), value);
  return node;
}

describe('what a limited pod sends', () => {
  const send = (node: SmallNode, endpointId = ENDPOINT_ID) => {
    const { toNetdev } = hostPrograms(node.instance('host', { interfaceIfindex: NATIVE }));
    const packet = node.lay(fromHex(FRAME), NATIVE);
    packet.queueMapping = endpointId;
    return toNetdev.run(packet);
  };

  test('leaves as far behind the last packet as its length asks for', () => {
    const node = pacedNode({ direction: 0, bytesPerSecond: 1000, lastNs: 1000 * SECOND, third: 2 * SECOND });
    assert.equal(send(node), TC_ACT_OK);
    // 100 bytes at 1,000 bytes a second are a tenth of a second.
    assert.equal(node.packet.departureNs, 1000.1 * SECOND);
    assert.equal(node.packet.queueMapping, 0);
    assert.equal(send(node), TC_ACT_OK);
    assert.equal(node.packet.departureNs, 1000.2 * SECOND);
  });

  test('leaves at once when the line has been free', () => {
    const node = pacedNode({ direction: 0, bytesPerSecond: 1000, lastNs: 10 * SECOND, third: SECOND });
    assert.equal(send(node), TC_ACT_OK);
    assert.equal(node.packet.departureNs, 0);
  });

  test('is dropped beyond the horizon: counted, no event', () => {
    const node = pacedNode({ direction: 0, bytesPerSecond: 1000, lastNs: 1003 * SECOND, third: 2 * SECOND });
    assert.equal(send(node), TC_ACT_SHOT);
    assert.equal(node.counted(162, 2), 1);
    assert.deepEqual(node.events(), []);
  });

  test('carries its priority; other pods wait for nothing', () => {
    const node = pacedNode({ direction: 0, bytesPerSecond: 0, lastNs: 0, third: 0, priority: 4 });
    assert.equal(send(node), TC_ACT_OK);
    assert.equal(node.packet.priority, 3);
    assert.equal(send(node, 8), TC_ACT_OK);
    assert.equal(node.packet.priority, 0);
  });
});

describe('what a limited pod receives', () => {
  const receive = (tokens: number, lastNs: number) => {
    const node = pacedNode({ direction: 1, bytesPerSecond: 200, lastNs, third: tokens });
    writeEndpoint(node.map('cilium_lxc'), address('10.0.1.1'), {
      ifindex: 21,
      id: ENDPOINT_ID,
      mac: Uint8Array.of(2, 0, 0, 0, 1, 1),
      nodeMac: Uint8Array.of(2, 0, 0, 0, 1, 2),
      identity: 1001,
    });
    node.datapath.programs.push(
      { name: 'none', run: () => TC_ACT_SHOT },
      { name: 'policy', run: () => TC_ACT_REDIRECT },
    );
    writeEntry(
      node.map('cilium_call_policy'),
      new Struct(4).u32le(0, ENDPOINT_ID),
      new Struct(4).u32le(0, 1),
    );
    const { fromNetdev } = hostPrograms(node.instance('host', { interfaceIfindex: NATIVE }));
    return { node, verdict: fromNetdev.run(node.lay(fromHex(FRAME), NATIVE)) };
  };

  test('takes its bytes from the bucket, which a second fills', () => {
    const { node, verdict } = receive(0, 0);
    assert.equal(verdict, TC_ACT_REDIRECT);
    // 200 bytes were in it, 100 are left; last refill at second 1000.
    assert.equal(
      node.value('cilium_throttle', '0700000001000000'),
      `c800000000000000 0010a5d4e8000000 6400000000000000 ${'00'.repeat(32)}`.replaceAll(' ', ''),
    );
  });

  test('is dropped when the bucket has too few, as reason 2', () => {
    const { node, verdict } = receive(50, 1000 * SECOND - SECOND / 10);
    assert.equal(verdict, TC_ACT_SHOT);
    assert.equal(node.counted(2, 1), 1);
  });
});
