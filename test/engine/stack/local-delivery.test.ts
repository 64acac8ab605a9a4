import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fate from '../../../src/engine/fate.js';
import { HOOK_TCX_EGRESS } from '../../../src/engine/hooks/order.js';
import type { WalkObserver } from '../../../src/engine/observer.js';
import { fromHex, toHex } from '../../support/hex.js';
import { MAC_LXC_A, MAC_LXC_B, MAC_POD_A, MAC_POD_B, program, TestNode } from '../network.js';

// IPv4, UDP to port 9, payload "hi".
const UDP_TAIL = '00350009000a0000' + '6869';
const A_TO_B = `${MAC_LXC_A}${MAC_POD_A}08004500001e00000000401166cd0a0000010a000002${UDP_TAIL}`;
const B_TO_A = `08004500001e00000000401166cd0a0000020a000001${UDP_TAIL}`;

/** Pod b answers each packet with one to pod a, by route or as a whole frame. */
function answering(how: 'route' | 'device'): TestNode {
  const t = new TestNode();
  const pod = t.podB.namespace;
  const gateway = fromHex('0a0000fe');
  pod.ipv4Routes.add({ prefix: new Uint8Array(4), prefixLength: 0, ifindex: 2, gateway });
  pod.neighbours.set(2, gateway, fromHex(MAC_LXC_B));
  pod.localDelivery = {
    receive: (packet, device) => {
      assert.equal(device, t.podB);
      assert.equal(toHex(packet.bytes.slice(packet.start, packet.start + 12)), MAC_POD_B + MAC_LXC_B);
      const frame = fromHex(how === 'route' ? '00'.repeat(12) + B_TO_A : MAC_LXC_B + MAC_POD_B + B_TO_A);
      const flight = t.walker.output.make(frame.length)!;
      flight.packet.bytes.set(frame, flight.packet.start);
      if (how === 'route') t.walker.output.sendLater(flight, pod, 7);
      else t.walker.output.transmitLater(flight, t.podB);
    },
  };
  return t;
}

describe('what a stack says itself', () => {
  for (const how of ['route', 'device'] as const) {
    test(`an answer by ${how} walks after the packet, and has a fate of its own`, () => {
      const t = answering(how);
      const marks: number[] = [];
      t.podB.attach(
        HOOK_TCX_EGRESS,
        program('egress', (packet) => {
          marks.push(packet.mark);
          return -1;
        }),
      );
      const seen: string[] = [];
      const observer: WalkObserver = {
        started: (_, device, namespace) => seen.push(`started ${device} ${namespace}`),
        hookEntered: () => {},
        hookLeft: () => {},
        forwarded: () => {},
        ended: (_, kind, device) => seen.push(`${fate.FATE_NAMES[kind]} ${device}`),
      };
      t.walker.observer = observer;
      const ends: string[] = [];
      t.walker.copyEnded = (packet, kind, device) => {
        ends.push(`${fate.FATE_NAMES[kind]} ${device.name}`);
        ends.push(toHex(packet.bytes.slice(packet.start, packet.end)));
      };
      const handle = t.slot(A_TO_B);
      assert.equal(t.walker.receive(handle, t.lxcA), fate.DELIVERED);
      assert.equal(t.walker.device, t.podB);
      const start = how === 'route' ? `started -1 ${t.podB.namespace.index}` : `started ${t.podB.index} 2`;
      assert.deepEqual(seen, [
        `started ${t.lxcA.index} 0`,
        `delivered ${t.podB.index}`,
        start,
        `delivered ${t.podA.index}`,
      ]);
      const routed = `${MAC_POD_A}${MAC_LXC_A}${B_TO_A.replace('401166cd', '3f1167cd')}`;
      assert.deepEqual(ends, ['delivered eth0', routed]);
      assert.deepEqual(marks, [how === 'route' ? 7 : 0]);
      assert.equal(t.walker.counters.originated, 1);
      assert.deepEqual([...t.walker.counters.fates.slice(0, 4)], [2, 0, 0, 0]);
      t.arena.free(handle);
      for (let i = 0; i < 4; i++) assert.notEqual(t.arena.allocate(60), -1, 'the slots are free again');
    });
  }

  test('outside of a walk, what was sent walks when it is told to', () => {
    const t = answering('route');
    const flight = t.walker.output.make(44)!;
    flight.packet.bytes.set(fromHex('00'.repeat(12) + B_TO_A), flight.packet.start);
    t.walker.output.sendLater(flight, t.podB.namespace, 0);
    assert.equal(t.walker.counters.fates[fate.DELIVERED], 0);
    t.walker.output.walkWaiting();
    assert.equal(t.walker.counters.fates[fate.DELIVERED], 1);
  });
});
