import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DROP_CSUM_L4, DROP_INVALID_EXTHDR } from '../../../src/programs/drop-reasons.js';
import {
  embeddedIpv4,
  isMapped,
  isPrefixed,
  putMapped,
  putPrefixed,
  toIpv4,
  toIpv6,
} from '../../../src/programs/steps/nat46.js';
import { fromHex, toHex } from '../../support/hex.js';
import { frameBetween, hasRightChecksums, NatNode } from '../nat-node.js';

const IPV4_WORD = 0x0100a8c0;

/** Source and destination for `toIpv6`: the packet's own addresses, mapped. */
function mappedAddresses(node: NatNode): Int32Array {
  const { bytes } = node.packet;
  const { l3At } = node.datapath.flow;
  const words = new Int32Array(8);
  const view = new DataView(bytes.buffer);
  putMapped(words, 0, view.getInt32(l3At + 12, true));
  putMapped(words, 4, view.getInt32(l3At + 16, true));
  return words;
}

describe('IPv4 addresses in IPv6 ones', () => {
  const node = new NatNode();

  test('mapped', () => {
    const words = new Int32Array(4);
    putMapped(words, 0, IPV4_WORD);
    const bytes = new Uint8Array(words.buffer);
    assert.equal(toHex(bytes), '00000000000000000000ffffc0a80001');
    assert.equal(isMapped(bytes, 0), true);
    assert.equal(isPrefixed(node.host, bytes, 0), false);
    assert.equal(embeddedIpv4(bytes, 0), IPV4_WORD);
  });

  test('behind the prefix 64:ff9b::/96', () => {
    const words = new Int32Array(4);
    putPrefixed(node.host, words, 0, IPV4_WORD);
    const bytes = new Uint8Array(words.buffer);
    assert.equal(toHex(bytes), '0064ff9b0000000000000000c0a80001');
    assert.equal(isPrefixed(node.host, bytes, 0), true);
    assert.equal(isMapped(bytes, 0), false);
    assert.equal(isPrefixed(node.host, fromHex('0064ff9b000100000000000000000000'), 0), false);
  });
});

describe('header conversion', () => {
  // Recorded: a parameter problem, whose pointer Cilium writes in host order.
  const IPV4_FRAME =
    '020000000010020000000001 0800 45000038123400003f01f7d2c0a80001ac100505 0c0072ae0400000045000028123400003f06ac7eac1005050af5011459d91f90000003e8';
  const IPV6_FRAME =
    '020000000010020000000001 86dd 6000000000243a3f0064ff9b0000000000000000c0a800010064ff9b0000000000000000ac100505 040006910600000045000028123400003f06ac7eac1005050af5011459d91f90000003e8';

  test('a recorded ICMP error becomes IPv6', () => {
    const node = new NatNode();
    node.receive(fromHex(IPV4_FRAME));
    const words = new Int32Array(8);
    putPrefixed(node.host, words, 0, IPV4_WORD);
    putPrefixed(node.host, words, 4, 0x050510ac);
    assert.equal(toIpv6(node.host, node.packet, node.datapath.flow, words), 0);
    assert.equal(toHex(node.frame()), toHex(fromHex(IPV6_FRAME)));
    assert.equal(node.datapath.flow.family.isV6, true);
  });

  test('IPv4 options and IPv6 extension headers are refused, a checksum outside the frame too', () => {
    const node = new NatNode();
    const words = new Int32Array(8);
    const options = fromHex(IPV4_FRAME);
    options[14] = 0x46;
    node.receive(options);
    assert.equal(toIpv6(node.host, node.packet, node.datapath.flow, words), DROP_INVALID_EXTHDR);
    const extended = fromHex(IPV6_FRAME);
    extended[20] = 60;
    node.receive(extended);
    assert.equal(toIpv4(node.host, node.packet, node.datapath.flow, 0, 0), DROP_INVALID_EXTHDR);
    const short = fromHex(IPV4_FRAME).subarray(0, 40);
    short[23] = 17;
    node.receive(short);
    assert.equal(toIpv6(node.host, node.packet, node.datapath.flow, words), DROP_CSUM_L4);
  });

  test('TCP and UDP come back as they were, with right checksums in between', () => {
    const end = fc.record({
      address: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      port: fc.integer({ min: 0, max: 65535 }),
    });
    fc.assert(
      fc.property(
        end,
        end,
        fc.constantFrom(6, 17),
        fc.uint8Array({ maxLength: 32 }),
        (from, to, protocol, payload) => {
          const node = new NatNode();
          const frame = frameBetween(from, to, protocol, payload);
          node.receive(frame);
          const words = mappedAddresses(node);
          const { host, packet, datapath } = node;
          assert.equal(toIpv6(host, packet, datapath.flow, words), 0);
          assert.ok(hasRightChecksums(node.frame(), protocol));
          assert.equal(toIpv4(host, packet, datapath.flow, words[3], words[7]), 0);
          const back = node.frame();
          // Identification and, with it, the header checksum are lost.
          assert.equal(toHex(back, 26), toHex(frame, 26));
          assert.ok(hasRightChecksums(back, protocol));
        },
      ),
    );
  });

  test('an echo request becomes ICMPv6 with a right checksum', () => {
    const node = new NatNode();
    const from = { address: Uint8Array.of(172, 16, 5, 5), port: 0x1234 };
    const to = { address: Uint8Array.of(203, 0, 113, 30), port: 0 };
    node.receive(frameBetween(from, to, 1, Uint8Array.of(1, 2, 3, 4)));
    assert.equal(toIpv6(node.host, node.packet, node.datapath.flow, mappedAddresses(node)), 0);
    const frame = node.frame();
    assert.equal(toHex(frame, 54, 2), '8000');
    assert.equal(toHex(frame, 58, 4), '12340000');
    assert.ok(hasRightChecksums(frame, 58));
  });
});
