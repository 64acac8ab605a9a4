/** Hostile packets at a stack that answers: none throws, each frame has one fate, and all slots are free afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Clock } from '../../src/engine/clock.js';
import { HostStack } from '../../src/engine/stack/host-stack.js';
import { arpFrame, icmpFrame, parts, udpFrame } from '../engine/kernel/frames.js';
import { MAC_LXC_A, TestNode } from '../engine/network.js';
import { fromHex } from '../support/hex.js';

const NODE = '192.168.0.1';
const POD = '10.0.0.1';
const V6 = { from: 'fd00::5', to: 'fd00::1' };

/** What a stack looks into: ARP, ND, echoes, errors, fragments, packets that it must refuse. */
function seeds(): Uint8Array[] {
  const solicitation = icmpFrame({ ...V6, ttl: 255, payload: 24 }, 135);
  solicitation.set(fromHex('fd00000000000000000000000000000101010200000000aa'), 14 + 40 + 8);
  return [
    arpFrame(1, '192.168.0.9', NODE),
    arpFrame(2, '192.168.0.9', NODE),
    icmpFrame({ from: POD, to: NODE }),
    icmpFrame(V6),
    icmpFrame({ from: POD, to: NODE }, 3, 4),
    icmpFrame(V6, 2),
    solicitation,
    icmpFrame({ ...V6, ttl: 255, payload: 24 }, 136),
    ...parts(icmpFrame({ from: POD, to: NODE, payload: 200 }), 100),
    ...parts(icmpFrame({ ...V6, payload: 200 }), 120),
    udpFrame({ from: POD, to: '203.0.113.1', ttl: 1 }),
    udpFrame({ from: POD, to: '192.168.0.99' }),
    udpFrame({ from: POD, to: '10.0.0.2', payload: 1400 }),
    udpFrame({ ...V6, to: 'fd00:1::9' }),
  ].map((frame) => {
    if (frame[0] !== 0xff) frame.set(fromHex(MAC_LXC_A));
    return frame;
  });
}

const damage = fc.record({
  seed: fc.nat(),
  changes: fc.array(fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
  length: fc.option(fc.nat(140)),
  seconds: fc.constantFrom(0, 0, 0.3, 1, 40),
});

test('damaged packets at a stack', () => {
  const frames = seeds();
  const t = new TestNode();
  const { host } = t.node;
  host.addAddress(t.eth0, fromHex(`fd00${'0'.repeat(27)}1`), 64);
  host.ipv6Forwarding = true;
  t.lxcB.namespace.ipv4Routes.add({ prefix: fromHex('0a000002'), prefixLength: 32, ifindex: 4, mtu: 600 });
  const clock = new Clock();
  const stack = new HostStack(host, t.walker.output, clock);
  stack.sockets = { receive: (packet) => stack.errors.refuseLocal(packet) };
  const { counters } = t.walker;
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 12 }), (all) => {
      for (const { seed, changes, length, seconds } of all) {
        const frame = frames[seed % frames.length].slice(0, length ?? undefined);
        for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
        clock.set(clock.nowNs + seconds * 1e9);
        stack.poll();
        const handle = t.arena.put(new DataView(frame.buffer), 0, frame.length);
        t.walker.receive(handle, t.lxcA);
        t.arena.free(handle);
        const waiting = stack.resolver.pending.reduce((sum, { queue }) => sum + queue.length, 0);
        const ended = counters.fates.reduce((sum, count) => sum + count);
        assert.equal(ended + waiting, counters.walked + counters.originated + counters.copies);
      }
      const slots = Array.from({ length: 4 }, () => t.arena.allocate(60));
      assert.ok(!slots.includes(-1), 'a slot is lost');
      for (const slot of slots) t.arena.free(slot);
    }),
    { numRuns: 500 },
  );
});
