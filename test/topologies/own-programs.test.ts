import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DROPPED, TRANSMITTED } from '../../src/engine/fate.js';
import { HOOK_TCX_INGRESS, HOOK_XDP } from '../../src/engine/hooks/order.js';
import { TC_ACT_UNSPEC, XDP_DROP, XDP_PASS } from '../../src/engine/hooks/verdict.js';
import { SeededRandom } from '../../src/engine/random.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { attachOwnProgram, type OwnProgram } from '../../src/topologies/own-programs.js';
import { fromHex } from '../support/hex.js';
import { buildReady } from './support.js';

/** A UDP packet from an address outside to pod1 of life-of-a-packet, as it arrives at node1's bond0. */
const udp = (source: string, port: string): Uint8Array =>
  fromHex(
    `92d463f9ddb100005e00010c 0800 4500001d000100003f110000 ${source} 0a01010a 1000 ${port} 00090000 00`,
  );

const attach = (built: BuiltTopology, program: Parameters<typeof attachOwnProgram>[4], hook = HOOK_XDP) =>
  attachOwnProgram(built, new SeededRandom(1), built.device('node1/bond0')!, hook, program);

describe('the filter against floods', () => {
  async function filtered(environment: Record<string, string>) {
    Object.assign(process.env, environment);
    const url = new URL(`../../examples/ddos-filter.js?${JSON.stringify(environment)}`, import.meta.url);
    const { default: filter } = (await import(url.href)) as { default: () => OwnProgram };
    const built = buildReady('life-of-a-packet');
    const attached = attach(built, filter);
    const walk = (frame: Uint8Array): string => {
      const { fate, reason } = built.walk(built.device('node1/bond0')!, frame);
      return fate === DROPPED ? built.dropReasonName(reason) : '';
    };
    return { built, attached, walk };
  }

  test('drops what a blocked prefix sends, by the longest match', async () => {
    const { walk, attached } = await filtered({ BLOCKED: '203.0.113.0/24,198.51.100.7', RATE: '1000' });
    assert.equal(walk(udp('cb007105', '0035')), 'blocked source');
    assert.equal(walk(udp('c6336407', '1234')), 'blocked source');
    assert.notEqual(walk(udp('c6336408', '1234')), 'blocked source');
    assert.deepEqual([attached.runs, attached.drops], [3, 2]);
  });

  test('drops what is over the rate, second by second', async () => {
    const { built, walk, attached } = await filtered({ BLOCKED: '', RATE: '2', PORT: '53' });
    const burst = (): boolean[] =>
      Array.from({ length: 4 }, () => walk(udp('cb007105', '0035')) === 'over the rate');
    assert.deepEqual(burst(), [false, false, true, true]);
    assert.notEqual(walk(udp('cb007105', '0036')), 'over the rate');
    built.clock.set(built.clock.nowNs + 1e9);
    assert.deepEqual(burst(), [false, false, true, true]);
    assert.equal(attached.drops, 4);
  });
});

test('two XDP programs: the second sees what the first passes', () => {
  const built = buildReady('life-of-a-packet');
  const seen: string[] = [];
  const program = (name: string, verdict: number): OwnProgram => ({
    name,
    run() {
      seen.push(name);
      return verdict;
    },
  });
  attach(built, program('second', XDP_DROP));
  attach(built, program('first', XDP_PASS));
  const { fate, reason } = built.walk(built.device('node1/bond0')!, udp('cb007105', '0035'));
  assert.deepEqual(seen, ['first', 'second']);
  assert.equal(fate, DROPPED);
  assert.equal(built.dropReasonName(reason), 'second');
  assert.equal(built.walker.counters.dropped[reason], 1);
});

test('a program sees and changes the packet before Cilium does', () => {
  const built = buildReady('life-of-a-packet');
  const { device } = built.pods[0];
  // 10.1.1.10 to 10.96.0.53:53; the program makes the destination port 54, which is no service.
  const request = fromHex(
    '0a00000011aa 0a000a01010a 0800 4500001d00010000401165300a01010a0a600035 1000 0035 00090000 00',
  );
  assert.equal(built.walk(device, request).fate, TRANSMITTED);
  attachOwnProgram(built, new SeededRandom(1), device, HOOK_TCX_INGRESS, {
    name: 'other-port',
    run(packet) {
      packet.bytes[packet.start + 37] = 54;
      return TC_ACT_UNSPEC;
    },
  });
  const { fate, reason } = built.walk(device, request);
  assert.equal(fate, DROPPED);
  assert.equal(built.dropReasonName(reason), 'Policy denied');
});

test('there are 128 numbers for names', () => {
  const built = buildReady('life-of-a-packet');
  assert.equal(built.ownReason('a'), 384);
  assert.equal(built.ownReason('a'), 384);
  for (let i = 1; i < 128; i++) assert.equal(built.ownReason(`reason ${i}`), 384 + i);
  assert.throws(() => built.ownReason('one more'), /no number left for drop reason "one more"/);
});
