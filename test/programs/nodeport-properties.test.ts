/** What holds of NodePort whatever the packets: a reply finds its flow, and what goes out has right checksums. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TC_ACT_REDIRECT, XDP_TX } from '../../src/engine/hooks/verdict.js';
import * as checksum from '../../src/engine/wire/checksum.js';
import * as ethernet from '../../src/engine/wire/ethernet.js';
import * as ipv4 from '../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../src/engine/wire/ipv6.js';
import * as layer4 from '../../src/engine/wire/layer4.js';
import * as tcp from '../../src/engine/wire/tcp.js';
import * as udp from '../../src/engine/wire/udp.js';
import { toHex } from '../support/hex.js';
import { address, NodePortNode } from './nodeport-node.js';

const NODE_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0x10);
const PEER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const FRONTEND_PORT = 31001;
const BACKEND_PORT = 8080;

interface Side {
  readonly frontend: Uint8Array;
  readonly backend: Uint8Array;
}

const V4: Side = { frontend: address('192.168.0.11'), backend: address('10.245.2.10') };
const V6: Side = { frontend: address('fd00::11'), backend: address('fd00:10:2::10') };

/** A TCP or UDP packet with right checksums. */
function frame(
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort: number,
  destinationPort: number,
  flags: number,
  payload: Uint8Array,
): Uint8Array {
  const v6 = source.length === 16;
  const header = protocol === ipv4.PROTOCOL_TCP ? tcp.HEADER_LENGTH : udp.HEADER_LENGTH;
  const ipLength = v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
  const length = header + payload.length;
  const bytes = new Uint8Array(ethernet.HEADER_LENGTH + ipLength + length);
  ethernet.write(bytes, 0, NODE_MAC, PEER_MAC, v6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4);
  const at = ethernet.HEADER_LENGTH;
  const l4At = at + ipLength;
  if (v6) ipv6.write(bytes, at, length, protocol, 64, source, destination);
  else {
    ipv4.write(bytes, at, length, 1, 0, 64, protocol, 0, 0);
    bytes.set(source, ipv4.sourceAt(at));
    bytes.set(destination, ipv4.destinationAt(at));
    checksum.fillIpv4Header(bytes, at);
  }
  if (protocol === ipv4.PROTOCOL_TCP) tcp.write(bytes, l4At, sourcePort, destinationPort, 1, 1, flags, 1000);
  else udp.write(bytes, l4At, sourcePort, destinationPort, payload.length);
  bytes.set(payload, l4At + header);
  const sumAt = protocol === ipv4.PROTOCOL_TCP ? tcp.checksumAt(l4At) : udp.checksumAt(l4At);
  if (v6) layer4.fillIpv6(bytes, at, protocol, l4At, length, sumAt);
  else layer4.fillIpv4(bytes, at, l4At, length, sumAt);
  return bytes;
}

/** Source and destination of a packet as `address port`, in hex. */
function ends(bytes: Uint8Array, v6: boolean): { readonly source: string; readonly destination: string } {
  const at = ethernet.HEADER_LENGTH;
  const length = v6 ? 16 : 4;
  const sourceAt = v6 ? ipv6.sourceAt(at) : ipv4.sourceAt(at);
  const l4At = at + (v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH);
  return {
    source: `${toHex(bytes, sourceAt, length)} ${udp.sourcePort(bytes, l4At)}`,
    destination: `${toHex(bytes, sourceAt + length, length)} ${udp.destinationPort(bytes, l4At)}`,
  };
}

function assertChecksums(bytes: Uint8Array, protocol: number, v6: boolean): void {
  const at = ethernet.HEADER_LENGTH;
  if (v6) {
    const l4At = at + ipv6.HEADER_LENGTH;
    assert.ok(layer4.isValidIpv6(bytes, at, protocol, l4At, bytes.length - l4At));
  } else {
    const l4At = at + ipv4.HEADER_LENGTH;
    assert.ok(checksum.isIpv4HeaderValid(bytes, at));
    assert.ok(layer4.isValidIpv4(bytes, at, l4At, bytes.length - l4At));
  }
}

/** Turns a packet around, as the backend's answer. */
function answer(bytes: Uint8Array, protocol: number, v6: boolean, payload: Uint8Array): Uint8Array {
  const at = ethernet.HEADER_LENGTH;
  const length = v6 ? 16 : 4;
  const sourceAt = v6 ? ipv6.sourceAt(at) : ipv4.sourceAt(at);
  const l4At = at + (v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH);
  return frame(
    protocol,
    bytes.slice(sourceAt + length, sourceAt + 2 * length),
    bytes.slice(sourceAt, sourceAt + length),
    udp.destinationPort(bytes, l4At),
    udp.sourcePort(bytes, l4At),
    tcp.SYN | tcp.ACK,
    payload,
  );
}

const flows = fc.record({
  v6: fc.boolean(),
  isTcp: fc.boolean(),
  client: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  port: fc.integer({ min: 1, max: 65535 }),
  payload: fc.uint8Array({ maxLength: 64 }),
});

for (const kind of ['xdp', 'host'] as const) {
  test(`${kind}: a request goes to the backend under the node's address, its reply to the client from the frontend`, () => {
    fc.assert(
      fc.property(flows, ({ v6, isTcp, client, port, payload }) => {
        const node = new NodePortNode(kind);
        node.addService('192.168.0.11', FRONTEND_PORT, '10.245.2.10', BACKEND_PORT);
        node.addService('fd00::11', FRONTEND_PORT, 'fd00:10:2::10', BACKEND_PORT);
        const { frontend, backend } = v6 ? V6 : V4;
        const protocol = isTcp ? ipv4.PROTOCOL_TCP : ipv4.PROTOCOL_UDP;
        const from = v6 ? client : client.slice(0, 4);
        const sent = frame(protocol, from, frontend, port, FRONTEND_PORT, tcp.SYN, payload);
        const redirected = kind === 'xdp' ? XDP_TX : TC_ACT_REDIRECT;

        const request = node.run(sent);
        assert.equal(request.verdict, redirected);
        assertChecksums(request.frame, protocol, v6);
        const atBackend = ends(request.frame, v6);
        assert.equal(atBackend.destination, `${toHex(backend)} ${BACKEND_PORT}`);
        assert.equal(atBackend.source.split(' ')[0], toHex(frontend));

        const reply = node.run(answer(request.frame, protocol, v6, payload));
        assert.equal(reply.verdict, redirected);
        assertChecksums(reply.frame, protocol, v6);
        assert.deepEqual(ends(reply.frame, v6), {
          source: `${toHex(frontend)} ${FRONTEND_PORT}`,
          destination: `${toHex(from)} ${port}`,
        });
      }),
      { numRuns: 100 },
    );
  });
}

test('damaged frames never throw, never read outside the frame', () => {
  const damage = fc.record({
    v6: fc.boolean(),
    isTcp: fc.boolean(),
    dsrMode: fc.constantFrom(0, 1, 2, 3),
    icmpErrors: fc.boolean(),
    gateway: fc.boolean(),
    keep: fc.integer({ min: 0, max: 90 }),
    edits: fc.array(fc.tuple(fc.nat(89), fc.nat(255)), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(damage, ({ v6, isTcp, dsrMode, icmpErrors, gateway, keep, edits }) => {
      const features = {
        dsr: dsrMode !== 0,
        dsrMode: dsrMode || 1,
        dsrIcmpErrors: icmpErrors,
        tunnelProtocol: 2,
        nat46x64: gateway,
        nat46x64Gateway: gateway,
      };
      const { frontend } = v6 ? V6 : V4;
      const client = address(v6 ? '2001:db8::5' : '172.16.5.5');
      const protocol = isTcp ? ipv4.PROTOCOL_TCP : ipv4.PROTOCOL_UDP;
      const bytes = frame(protocol, client, frontend, 40000, FRONTEND_PORT, tcp.SYN, new Uint8Array(20));
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      const cut = bytes.slice(0, keep);
      const results = ['00', 'ff'].map((outside) => {
        const node = new NodePortNode('xdp', { features });
        node.addService('192.168.0.11', FRONTEND_PORT, '10.245.2.10', BACKEND_PORT);
        node.addService('fd00::11', FRONTEND_PORT, 'fd00:10:2::10', BACKEND_PORT);
        node.packet.bytes.fill(Number.parseInt(outside, 16));
        const { verdict, frame: result } = node.run(cut);
        return `${verdict} ${toHex(result)}`;
      });
      assert.equal(results[0], results[1]);
    }),
    { numRuns: 300 },
  );
});
