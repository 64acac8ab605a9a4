import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fate from '../../src/engine/fate.js';
import { OWES_CHECKSUM, OWES_TCP_SEGMENTS } from '../../src/engine/frame-arena.js';
import {
  HOOK_CLSACT_INGRESS,
  HOOK_TCX_EGRESS,
  HOOK_TCX_INGRESS,
  HOOK_XDP,
} from '../../src/engine/hooks/order.js';
import {
  MAC_ETH0,
  MAC_GATEWAY,
  MAC_LXC_A,
  MAC_LXC_B,
  MAC_POD_A,
  MAC_POD_B,
  program,
  TestNode,
} from './network.js';

// IPv4, UDP to port 9, payload "hi"; TTL 64 and header checksums as tcpdump verifies them.
const UDP_TAIL = '00350009000a0000' + '6869';
const A_TO_B = `${MAC_LXC_A}${MAC_POD_A}08004500001e00000000401166cd0a0000010a000002${UDP_TAIL}`;
const A_TO_B_ROUTED = `${MAC_POD_B}${MAC_LXC_B}08004500001e000000003f1167cd0a0000010a000002${UDP_TAIL}`;
const A_TO_WORLD = `${MAC_LXC_A}${MAC_POD_A}08004500001e0000000040116cc90a00000101020304${UDP_TAIL}`;

describe('plain forwarding', () => {
  test('pod to pod on the node: TTL, checksum, MACs; delivered to b', () => {
    const t = new TestNode();
    const handle = t.slot(A_TO_B);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.DELIVERED);
    assert.equal(t.walker.device, t.podB);
    assert.equal(t.frame(handle), A_TO_B_ROUTED);
    const { counters } = t.walker;
    assert.equal(counters.delivered[t.podB.namespace.index], 1);
    assert.equal(counters.receivedPackets[t.lxcA.index], 1);
    assert.equal(counters.transmittedBytes[t.lxcB.index], 44);
    assert.equal(counters.receivedPackets[t.podB.index], 1);
  });

  test('pod to the world: out of eth0, towards the gateway', () => {
    const t = new TestNode();
    const handle = t.slot(A_TO_WORLD);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.TRANSMITTED);
    assert.equal(t.walker.device, t.eth0);
    assert.equal(t.frame(handle).slice(0, 28), `${MAC_GATEWAY}${MAC_ETH0}0800`);
    assert.equal(t.walker.counters.left[t.eth0.index], 1);
  });

  test('to the node itself: consumed; padding is cut off by the stack', () => {
    const t = new TestNode();
    const padded =
      `${MAC_LXC_A}${MAC_POD_A}0800` +
      '4500001e000000004011' +
      'b025' +
      '0a000001c0a80001' +
      UDP_TAIL +
      '00'.repeat(16);
    const handle = t.slot(padded);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.CONSUMED);
    assert.equal(t.arena.length[handle], 44);
  });

  test('sent by the stack: no TTL step', () => {
    const t = new TestNode();
    const handle = t.slot(`00000000000000000000000008004500001e000000004011b025c0a800010a000001${UDP_TAIL}`);
    assert.equal(t.walker.send(handle, t.node.host, 0xc00), fate.DELIVERED);
    assert.equal(t.frame(handle).slice(0, 48), `${MAC_POD_A}${MAC_LXC_A}08004500001e000000004011`);
  });
});

describe('drops have one name each', () => {
  const cases: [string, string, number][] = [
    ['short frame', '0200', fate.FRAME_TOO_SHORT],
    ['other MAC', A_TO_B.replace(MAC_LXC_A, '0200000000dd'), fate.OTHER_HOST],
    ['unknown type', `${MAC_LXC_A}${MAC_POD_A}88b5${'00'.repeat(46)}`, fate.NO_PROTOCOL_HANDLER],
    ['IP version', A_TO_B.replace('08004500', '08005500'), fate.INVALID_IP_HEADER],
    ['IP checksum', A_TO_B.replace('66cd', '66ce'), fate.IP_CHECKSUM],
    ['cut IP packet', A_TO_B.slice(0, -4), fate.IP_TRUNCATED],
    ['half an IP header', A_TO_B.slice(0, 60), fate.IP_TRUNCATED],
    ['TTL 1', A_TO_B.replace('4011' + '66cd', '0111' + 'a5cd'), fate.TTL_EXCEEDED],
    ['own source address', A_TO_B.replace('66cd0a000001', 'b024c0a80001'), fate.MARTIAN_SOURCE],
    [
      'unknown neighbour',
      A_TO_WORLD.replace('6cc90a00000101020304', 'afe20a000001c0a80044'),
      fate.NO_NEIGHBOUR,
    ],
    ['VLAN without device', A_TO_B.replace('0800', '810000070800'), fate.NO_VLAN_DEVICE],
  ];
  for (const [name, frame, reason] of cases) {
    test(name, () => {
      const t = new TestNode();
      const handle = t.slot(frame);
      assert.equal(t.walker.receive(handle, t.lxcA), fate.DROPPED);
      assert.equal(fate.engineReasonName(t.walker.reason), fate.engineReasonName(reason));
      assert.equal(t.walker.counters.dropped[reason], 1);
      assert.equal(t.walker.counters.fates[fate.DROPPED], 1);
    });
  }

  test('no route, forwarding off, device down', () => {
    const t = new TestNode();
    const drop = (): string => {
      const handle = t.slot(A_TO_WORLD);
      assert.equal(t.walker.receive(handle, t.lxcA), fate.DROPPED);
      t.arena.free(handle);
      return fate.engineReasonName(t.walker.reason);
    };
    t.eth0.up = false;
    assert.equal(drop(), 'device is down');
    t.node.host.ipv4Forwarding = false;
    assert.equal(drop(), 'device is down');
    t.eth0.up = true;
    assert.equal(drop(), 'forwarding is disabled');
    t.node.host.ipv4Routes.remove(t.node.host.ipv4Routes.routes.find((route) => route.prefixLength === 0)!);
    assert.equal(drop(), 'no route');
  });
});

describe('programs and redirects', () => {
  test('a redirect out of another device runs its egress hooks, keeps the mark, then crosses the veth without it', () => {
    const t = new TestNode();
    const seen: string[] = [];
    t.lxcA.attach(
      HOOK_TCX_INGRESS,
      program('first', (packet) => {
        seen.push(`first ${packet.ifindex} ${packet.ingressIfindex}`);
        packet.mark = 0xf00;
        packet.cb0 = 7;
        return packet.redirect(4, 0);
      }),
    );
    t.lxcB.attach(
      HOOK_TCX_EGRESS,
      program('second', (packet) => {
        seen.push(`second ${packet.ifindex} ${packet.ingressIfindex} ${packet.mark} ${packet.cb0}`);
        return 0;
      }),
    );
    t.podB.attach(
      HOOK_TCX_INGRESS,
      program('third', (packet) => {
        seen.push(`third ${packet.mark} type ${packet.packetType}`);
        return -1;
      }),
    );
    const handle = t.slot(A_TO_B);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.DROPPED);
    assert.equal(t.walker.reason, fate.OTHER_HOST);
    assert.deepEqual(seen, ['first 3 3', 'second 4 3 3840 7', 'third 0 type 3']);
  });

  test('redirect_peer enters the pod past its type check, with the mark', () => {
    const t = new TestNode();
    t.eth0.attach(
      HOOK_TCX_INGRESS,
      program('p', (packet) => packet.redirectPeer(3, 0)),
    );
    const handle = t.slot(
      A_TO_B.replace(MAC_LXC_A, MAC_ETH0).replace('66cd0a0000010a000002', '66cd0a0000020a000001'),
    );
    assert.equal(t.walker.receive(handle, t.eth0), fate.DELIVERED);
    assert.equal(t.walker.device, t.podA);
    assert.equal(t.walker.counters.transmittedPackets[t.lxcA.index], 0);
  });

  test('redirect_neigh writes link addresses, by gateway or by the next hop given', () => {
    const t = new TestNode();
    let next: Uint8Array | null = null;
    t.lxcA.attach(
      HOOK_TCX_INGRESS,
      program('n', (packet) => packet.redirectNeigh(2, next, 0, 0)),
    );
    let handle = t.slot(A_TO_WORLD);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.TRANSMITTED);
    assert.equal(t.frame(handle), A_TO_WORLD.replace(MAC_LXC_A + MAC_POD_A, MAC_GATEWAY + MAC_ETH0));
    next = new Uint8Array(20);
    next.set([2, 0, 0, 0, 192, 168, 0, 44]);
    handle = t.slot(A_TO_WORLD);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.DROPPED);
    assert.equal(t.walker.reason, fate.NO_NEIGHBOUR);
  });

  test('redirect back out of the same device: the frame is delivered to the pod that sent it', () => {
    const t = new TestNode();
    t.lxcA.attach(
      HOOK_TCX_INGRESS,
      program('echo', (packet) => {
        for (let i = 0; i < 6; i++) packet.bytes[packet.start + i] = t.podA.mac[i];
        packet.bytes.fill(0xff, packet.start + 12, packet.start + 14);
        packet.bytes.set([8, 6], packet.start + 12);
        return packet.redirect(3, 0);
      }),
    );
    const handle = t.slot(A_TO_B);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.DELIVERED);
    assert.equal(t.walker.device, t.podA);
  });

  test('a program drop carries the reason that the program gave; without one the engine says so', () => {
    const t = new TestNode();
    let reason = 133;
    t.lxcA.attach(
      HOOK_CLSACT_INGRESS,
      program('drop', (packet) => {
        packet.dropReason = reason;
        return 2;
      }),
    );
    t.walker.receive(t.slot(A_TO_B), t.lxcA);
    assert.equal(t.walker.reason, 133);
    reason = 0;
    t.walker.receive(t.slot(A_TO_B), t.lxcA);
    assert.equal(t.walker.reason, fate.NO_REASON_GIVEN);
    assert.equal(t.walker.counters.dropped[133], 1);
  });

  test('tcx runs before clsact whatever was attached first; OK ends the chain and sets tc_index', () => {
    const t = new TestNode();
    const order: string[] = [];
    const note = (name: string, verdict: number) =>
      program(name, (packet) => {
        order.push(name);
        packet.tcIndex = 5;
        if (name === 'tcx2') packet.tcClassid = 0x10003;
        return verdict;
      });
    t.lxcA.attach(HOOK_CLSACT_INGRESS, note('clsact', 0));
    t.lxcA.attach(HOOK_TCX_INGRESS, note('tcx1', -1));
    t.lxcA.attach(HOOK_TCX_INGRESS, note('tcx2', 0));
    t.walker.receive(t.slot(A_TO_B), t.lxcA);
    assert.deepEqual(order, ['tcx1', 'tcx2']);
    assert.equal(t.walker.packet.tcIndex, 3);
  });

  test('a redirect loop ends', () => {
    const t = new TestNode();
    t.lxcA.attach(
      HOOK_TCX_INGRESS,
      program('loop', (packet) => packet.redirect(3, 1)),
    );
    assert.equal(t.walker.receive(t.slot(A_TO_B), t.lxcA), fate.DROPPED);
    assert.equal(t.walker.reason, fate.LOOP);
  });

  test('XDP: drop with reason, TX past the egress hooks', () => {
    const t = new TestNode();
    let verdict = 1;
    t.eth0.attach(
      HOOK_XDP,
      program('xdp', (packet) => {
        packet.dropReason = verdict === 1 ? 139 : 0;
        return verdict;
      }),
    );
    t.eth0.attach(
      HOOK_TCX_EGRESS,
      program('never', () => assert.fail('egress hook after XDP_TX')),
    );
    assert.equal(t.walker.receive(t.slot(A_TO_B), t.eth0), fate.DROPPED);
    assert.equal(t.walker.reason, 139);
    verdict = 3;
    assert.equal(t.walker.receive(t.slot(A_TO_B), t.eth0), fate.TRANSMITTED);
  });
});

test('a tagged frame is untagged before tc and leaves with its tag', () => {
  const t = new TestNode();
  t.lxcA.attach(
    HOOK_TCX_INGRESS,
    program('vlan', (packet) => {
      assert.deepEqual([packet.vlanPresent, packet.vlanTci, packet.protocol], [1, 7, 0x0800]);
      return packet.redirect(2, 0);
    }),
  );
  const tagged = A_TO_B.replace('0800', '810000070800');
  const handle = t.slot(tagged);
  assert.equal(t.walker.receive(handle, t.lxcA), fate.TRANSMITTED);
  assert.equal(t.frame(handle), tagged);
});

describe('MTU', () => {
  const frame = (flagsAndChecksum: string, length: number): string =>
    `${MAC_LXC_A}${MAC_POD_A}0800` +
    `4500${length.toString(16).padStart(4, '0')}0000${flagsAndChecksum.replace('|', '4011')}0a00000101020304` +
    '00'.repeat(length - 20);
  const cases: [string, string, number, number][] = [
    ['merged by offload: passes', '0000|595f', 5000, 0],
    ['one byte over, DF', '4000|270a', 1501, fate.FRAGMENTATION_NEEDED],
    ['one byte over: in fragments', '0000|670a', 1501, 0],
  ];
  for (const [name, header, length, reason] of cases) {
    test(name, () => {
      const t = new TestNode();
      t.walker.receive(t.slot(frame(header, length)), t.lxcA);
      assert.equal(t.walker.reason, reason);
    });
  }

  test('several segments that are together no longer than the first device takes pass as well', () => {
    const t = new TestNode();
    const handle = t.slot(frame('4000|270a', 1501));
    t.walker.arena.owes[handle] = OWES_CHECKSUM | OWES_TCP_SEGMENTS;
    t.walker.receive(handle, t.lxcA);
    assert.equal(t.walker.reason, 0);
  });
});
