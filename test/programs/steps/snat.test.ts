import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../../../src/engine/random.js';
import { i32le } from '../../../src/engine/wire/bytes.js';
import * as checksum from '../../../src/engine/wire/checksum.js';
import * as icmp from '../../../src/engine/wire/icmp.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import { DROP_NAT_NO_MAPPING, NAT_NOT_NEEDED } from '../../../src/programs/drop-reasons.js';
import { snatForward, snatReverse } from '../../../src/programs/steps/snat.js';
import { fromHex, toHex } from '../../support/hex.js';
import { entriesHex, setHex } from '../../support/map-hex.js';
import { type End, frameBetween, hasRightChecksums, NatNode, NODE_IPV4, NODE_IPV6 } from '../nat-node.js';

const [FIRST_PORT, LAST_PORT] = [32768, 65535];

/** Translates the packet at hand as the masquerade of one of the node's pods. */
function masquerade(node: NatNode, needsConntrack = false): number {
  const { datapath, packet, host } = node;
  const target = datapath.snatTarget;
  target.reset(FIRST_PORT, LAST_PORT);
  target.fromLocalEndpoint = true;
  target.needsConntrack = needsConntrack;
  if (datapath.flow.family.isV6) {
    for (let i = 0; i < 4; i++) target.address[i] = i32le(NODE_IPV6, 4 * i);
  } else target.address[0] = NODE_IPV4;
  return snatForward(host, packet, datapath.flow, target);
}

function restore(node: NatNode): number {
  return snatReverse(node.host, node.packet, node.datapath.flow, FIRST_PORT, LAST_PORT);
}

const SENT =
  '0a00000001010a00000001fe 0800 450000281234000040064c8e0af5010a08080808 2b600050000003e8000000005002ffff643c0000';
const TRANSLATED =
  '0a00000001010a00000001fe 0800 4500002812340000400697d9c0a8000b08080808 bd8f0050000003e8000000005002ffff1d580000';
const ENTRIES = [
  {
    key: '080808080af5010a00502b600600',
    value: 'e803000000000000000000000000000000000000000000000000000000000000c0a8000bbd8f0000',
  },
  {
    key: 'c0a8000b08080808bd8f00500601',
    value: 'e8030000000000000000000000000000000000000000000000000000000000000af5010a2b600000',
  },
];

describe('SNAT of a recorded packet', () => {
  const random = { next: () => 2585492254 | 0 };

  test('a source port below the range becomes a random one; both entries are written', () => {
    const node = new NatNode({}, random);
    node.receive(fromHex(SENT));
    assert.equal(masquerade(node), 0);
    assert.equal(toHex(node.frame()), toHex(fromHex(TRANSLATED)));
    assert.deepEqual(entriesHex(node.datapath.ipv4.snat), ENTRIES);
    assert.equal(node.datapath.ipv4.snatRetries.words[0], 1);
  });

  test('the second packet uses the mapping, and brings a lost answer entry back', () => {
    const node = new NatNode({}, random);
    setHex(node.datapath.ipv4.snat, ENTRIES[0].key, ENTRIES[0].value);
    node.receive(fromHex(SENT));
    assert.equal(masquerade(node), 0);
    assert.equal(toHex(node.frame()), toHex(fromHex(TRANSLATED)));
    assert.deepEqual(entriesHex(node.datapath.ipv4.snat), ENTRIES);
    assert.equal(node.datapath.ipv4.snatRetries.words[0], 0);
  });

  test('a mapping to another address is replaced with both its entries', () => {
    const node = new NatNode({}, random);
    const other = ENTRIES[0].value.replace('c0a8000bbd8f', '01020304ea60');
    setHex(node.datapath.ipv4.snat, ENTRIES[0].key, other);
    setHex(node.datapath.ipv4.snat, '0102030408080808ea6000500601', ENTRIES[1].value);
    node.receive(fromHex(SENT));
    assert.equal(masquerade(node), 0);
    assert.deepEqual(entriesHex(node.datapath.ipv4.snat), ENTRIES);
  });

  test('a port of the node itself below the range is left alone', () => {
    const node = new NatNode({}, random);
    node.receive(fromHex(SENT));
    const target = node.datapath.snatTarget;
    target.reset(FIRST_PORT, LAST_PORT);
    target.address[0] = NODE_IPV4;
    assert.equal(snatForward(node.host, node.packet, node.datapath.flow, target), NAT_NOT_NEEDED);
    assert.equal(node.datapath.ipv4.snat.size, 0);
  });

  test('when every port is taken the packet is dropped after 32 tries, and the agent is told', () => {
    const node = new NatNode({}, random);
    setHex(node.datapath.ipv4.snat, 'c0a8000b080808089c4000500601', ENTRIES[1].value);
    node.receive(fromHex(SENT));
    const target = node.datapath.snatTarget;
    target.reset(40000, 40000);
    target.fromLocalEndpoint = true;
    target.address[0] = NODE_IPV4;
    assert.equal(snatForward(node.host, node.packet, node.datapath.flow, target), DROP_NAT_NO_MAPPING);
    assert.equal(node.datapath.flow.extendedError, 0);
    const { snat, snatRetries } = node.datapath.ipv4;
    assert.equal(snat.size, 1);
    assert.equal(snatRetries.words[snatRetries.lookup(Int32Array.of(32), 0) >> 2], 1);
    const { signals } = node.datapath;
    const at = signals.read();
    assert.equal(toHex(signals.bytes, at, signals.length), '0000000000000000');
  });

  test('an answer to nobody is not translated', () => {
    const node = new NatNode();
    node.receive(
      frameBetween(
        { address: Uint8Array.of(8, 8, 8, 8), port: 80 },
        { address: Uint8Array.of(192, 168, 0, 11), port: 48527 },
        ipv4.PROTOCOL_TCP,
        new Uint8Array(0),
      ),
    );
    assert.equal(restore(node), DROP_NAT_NO_MAPPING);
  });
});

interface Conversation {
  readonly protocol: number;
  readonly from: End;
  readonly to: End;
  readonly payload: Uint8Array;
  readonly seed: number;
}

const port = fc.integer({ min: 1, max: 65535 });
/** Of the pods' or the outside's range, so that the two ends differ. */
const address = (length: 4 | 16, first: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => {
    bytes[0] = first;
    return bytes;
  });

const conversation: fc.Arbitrary<Conversation> = fc
  .tuple(fc.constantFrom(4, 16) as fc.Arbitrary<4 | 16>, fc.constantFrom('tcp', 'udp', 'icmp'))
  .chain(([length, name]) => {
    const icmpProtocol = length === 4 ? 1 : 58;
    const protocol = name === 'tcp' ? 6 : name === 'udp' ? 17 : icmpProtocol;
    return fc.record({
      protocol: fc.constant(protocol),
      from: fc.record({ address: address(length, 10), port }),
      to: fc.record({ address: address(length, 32), port: name === 'icmp' ? fc.constant(0) : port }),
      payload: fc.uint8Array({ maxLength: 64 }),
      seed: fc.integer(),
    });
  });

/** What an answer to the translated packet at hand is addressed to. */
function natEnd(node: NatNode, protocol: number): End {
  const { datapath, packet } = node;
  node.read();
  const { l3At, l4At, family } = datapath.flow;
  const at = l3At + family.sourceOffset;
  const isIcmp = protocol === family.icmpProtocol;
  const portAt = l4At + (isIcmp ? icmp.IDENTIFIER_OFFSET : 0);
  return {
    address: packet.bytes.slice(at, at + 4 * family.addressWords),
    port: (packet.bytes[portAt] << 8) | packet.bytes[portAt + 1],
  };
}

describe('SNAT of any flow', () => {
  test('the answer finds its way back, and all checksums are right', () => {
    fc.assert(
      fc.property(conversation, ({ protocol, from, to, payload, seed }) => {
        const node = new NatNode({}, new SeededRandom(seed));
        node.receive(frameBetween(from, to, protocol, payload));
        assert.equal(masquerade(node), 0);
        assert.ok(hasRightChecksums(node.frame(), protocol), 'translated');
        const outside = natEnd(node, protocol);
        assert.notDeepEqual(outside.address, from.address);
        node.receive(frameBetween(to, outside, protocol, payload));
        assert.equal(restore(node), 0);
        assert.deepEqual(toHex(node.frame()), toHex(frameBetween(to, from, protocol, payload)));
      }),
    );
  });

  test('flows of many pods to one place never share an address and port', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { minLength: 2, maxLength: 40 }),
        port,
        fc.integer(),
        (pods, sourcePort, seed) => {
          const node = new NatNode({}, new SeededRandom(seed));
          const to = { address: Uint8Array.of(8, 8, 8, 8), port: 53 };
          const used = new Set<number>();
          for (const pod of pods) {
            const from = { address: Uint8Array.of(10, 245, 1, pod), port: sourcePort };
            node.receive(frameBetween(from, to, ipv4.PROTOCOL_UDP, new Uint8Array(8)));
            assert.equal(masquerade(node), 0);
            used.add(natEnd(node, ipv4.PROTOCOL_UDP).port);
          }
          assert.equal(used.size, pods.length);
          assert.equal(node.datapath.ipv4.snat.size, 2 * pods.length);
        },
      ),
    );
  });

  test('an ICMP error about it quotes the packet as it was sent', () => {
    const ipv4Conversation = conversation.filter(({ from }) => from.address.length === 4);
    fc.assert(
      fc.property(ipv4Conversation, fc.constantFrom(3, 11), ({ protocol, from, to, payload, seed }, type) => {
        const node = new NatNode({}, new SeededRandom(seed));
        const sent = frameBetween(from, to, protocol, payload);
        node.receive(sent);
        assert.equal(masquerade(node), 0);
        const translated = node.frame();
        const router = { address: Uint8Array.of(33, 0, 0, 1), port: 0 };
        const node4 = { address: Uint8Array.of(192, 168, 0, 11), port: 0 };
        const error = frameBetween(router, node4, ipv4.PROTOCOL_ICMP, translated.subarray(14));
        error[34] = type;
        checksum.fill(error, 34, error.length - 34, 36);
        node.receive(error);
        assert.equal(restore(node), 0);
        const restored = node.frame();
        assert.equal(toHex(restored, 42), toHex(sent, 14));
        assert.equal(toHex(restored, 30, 4), toHex(from.address));
        assert.ok(checksum.isIpv4HeaderValid(restored, 14));
      }),
    );
  });
});
