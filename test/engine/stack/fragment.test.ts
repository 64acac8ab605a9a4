import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../../src/engine/clock.js';
import * as fate from '../../../src/engine/fate.js';
import { fragmentFrame } from '../../../src/engine/stack/fragment.js';
import { HostStack } from '../../../src/engine/stack/host-stack.js';
import { fromHex, toHex } from '../../support/hex.js';
import { MAC_ETH0, MAC_GATEWAY, MAC_LXC_A, MAC_POD_A, TestNode } from '../network.js';

const ETH = '0200000000ff0200000000e00800';

describe('IPv4', () => {
  // 28 bytes of payload over an MTU of 44: 24 bytes a fragment; id 0x1234, TTL 63, UDP. Checksums by RFC 1071.
  const PAYLOAD = '000102030405060708090a0b0c0d0e0f' + '101112131415161718191a1b';
  test('parts of a multiple of 8 bytes, header checksums', () => {
    const frame = fromHex(`${ETH}450000301234000` + `03f115b830a00000101020304${PAYLOAD}`);
    assert.deepEqual(
      fragmentFrame(frame, 44, 0).map((part) => toHex(part)),
      [
        `${ETH}4500002c123420003f113b870a00000101020304${PAYLOAD.slice(0, 48)}`,
        `${ETH}45000018123400033f115b980a00000101020304${PAYLOAD.slice(48)}`,
      ],
    );
  });

  test('of a fragment: offsets go on, the last keeps its M flag', () => {
    const frame = fromHex(`${ETH}450000301234200a` + `3f113b790a00000101020304${PAYLOAD}`);
    assert.deepEqual(
      fragmentFrame(frame, 44, 0).map((part) => toHex(part.slice(14, 26))),
      ['4500002c1234200a3f113b7d', '450000181234200d3f113b8e'],
    );
  });

  test('options that are not copied are blanked from the second on', () => {
    // Record route (7), then router alert (0x94).
    const frame = fromHex(
      `${ETH}4800003c123400003f1100000a000001010203040707040000000094040000ff00${'00'.repeat(27)}`,
    );
    const [first, second] = fragmentFrame(frame, 56, 0).map((part) => toHex(part.slice(34, 46)));
    assert.equal(first, '0707040000000094040000ff');
    assert.equal(second, '0101010101010194040000ff');
  });
});

test('IPv6: a header of its own', () => {
  const addresses = `fd00${'0'.repeat(27)}1fd00${'0'.repeat(27)}2`;
  const frame = fromHex(`${ETH.slice(0, 24)}86dd60000000001c1140${addresses}${'ab'.repeat(28)}`);
  assert.deepEqual(
    fragmentFrame(frame, 72, 0x01020304).map((part) => toHex(part)),
    [
      `${ETH.slice(0, 24)}86dd6000000000202c40${addresses}1100000101020304${'ab'.repeat(24)}`,
      `${ETH.slice(0, 24)}86dd60000000000c2c40${addresses}1100001801020304${'ab'.repeat(4)}`,
    ],
  );
});

describe('on the way', () => {
  // 36 bytes of UDP and payload from pod a to 1.2.3.4.
  const packet =
    `${MAC_LXC_A}${MAC_POD_A}0800450000380000000040116caf0a00000101020304` +
    `003500090024aaaa${'cd'.repeat(28)}`;

  function routed(mtu: number): { t: TestNode; sent: string[] } {
    const t = new TestNode();
    t.node.host.ipv4Routes.add({
      prefix: fromHex('01020300'),
      prefixLength: 24,
      ifindex: 2,
      gateway: fromHex('c0a800fe'),
      mtu,
    });
    const sent: string[] = [];
    t.walker.copyEnded = (part, kind, device) =>
      sent.push(`${fate.FATE_NAMES[kind]} ${device.name} ${toHex(part.bytes.slice(part.start, part.end))}`);
    return { t, sent };
  }

  test('a forwarded packet leaves in fragments, each with a fate', () => {
    const { t, sent } = routed(44);
    const handle = t.slot(packet);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.TRANSMITTED);
    assert.equal(
      t.frame(handle),
      `${MAC_GATEWAY}${MAC_ETH0}08004500002c000020003f114dbb0a00000101020304003500090024aaaa${'cd'.repeat(16)}`,
    );
    assert.deepEqual(sent, [
      `transmitted eth0 ${MAC_GATEWAY}${MAC_ETH0}080045000020000000033f116dc40a00000101020304${'cd'.repeat(12)}`,
    ]);
    assert.equal(t.walker.counters.copies, 1);
    assert.equal(t.walker.counters.left[t.eth0.index], 2);
  });

  test('one that may not be: its sender is told what fits', () => {
    const { t, sent } = routed(44);
    new HostStack(t.node.host, t.walker.output, new Clock());
    const forbidden = packet.replace('0000000040116caf', '0000400040112caf');
    assert.equal(t.walker.receive(t.slot(forbidden), t.lxcA), fate.DROPPED);
    assert.equal(t.walker.reason, fate.FRAGMENTATION_NEEDED);
    assert.equal(sent.length, 1);
    assert.equal(sent[0].slice(0, 'delivered eth0 '.length), 'delivered eth0 ');
    // Type 3, code 4, and 44 as the MTU of the next hop; the packet as it came.
    assert.match(
      sent[0],
      /0a0000010304[0-9a-f]{4}0000002c450000380000400040112caf0a00000101020304003500090024aaaa(cd){28}$/,
    );
  });
});

test('an echo request in fragments is put together, and answered in fragments', () => {
  const t = new TestNode();
  new HostStack(t.node.host, t.walker.output, new Clock());
  const { ipv4Routes } = t.node.host;
  ipv4Routes.remove(ipv4Routes.routes.find(({ ifindex }) => ifindex === t.lxcA.ifindex)!);
  ipv4Routes.add({ prefix: fromHex('0a000001'), prefixLength: 32, ifindex: t.lxcA.ifindex, mtu: 44 });
  const sent: string[] = [];
  t.walker.copyEnded = (part, kind, device) =>
    sent.push(
      `${fate.FATE_NAMES[kind]} ${device.name} ${toHex(part.bytes.slice(part.start + 14, part.end))}`,
    );
  // Echo request, id 1, seq 1, 24 bytes of data; checksums by RFC 1071.
  const data = '11223344'.repeat(6);
  const link = `${MAC_LXC_A}${MAC_POD_A}0800`;
  const addresses = '0a000001c0a80001';
  const first = `${link}450000241234200040017dfb${addresses}08005d9800010001${data.slice(0, 16)}`;
  const second = `${link}450000241234000240019df9${addresses}${data.slice(16)}`;
  for (const part of [second, first]) {
    const handle = t.slot(part);
    assert.equal(t.walker.receive(handle, t.lxcA), fate.CONSUMED);
    t.arena.free(handle);
  }
  assert.deepEqual(sent, [
    `delivered eth0 4500002c0001200040019026c0a800010a0000010000659800010001${data.slice(0, 32)}`,
    `delivered eth0 4500001c000100034001b033c0a800010a000001${data.slice(32)}`,
  ]);
});
