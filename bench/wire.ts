/** Header access and checksums, per packet, over 1,024 TCP frames that lie 2 KiB apart. */
import assert from 'node:assert/strict';
import * as checksum from '../src/engine/wire/checksum.js';
import * as ethernet from '../src/engine/wire/ethernet.js';
import * as ipv4 from '../src/engine/wire/ipv4.js';
import * as layer4 from '../src/engine/wire/layer4.js';
import * as tcp from '../src/engine/wire/tcp.js';
import type { Benchmark, Case } from './harness.js';

const FLOWS = 1024;
const SLOT = 2048;
const HEADROOM = 256;
const ROUNDS = 256;
const SOURCE = 0x0a01010a;
const SERVICE = 0x5000600a;
const BACKEND = 0x2802010a;

const IP = HEADROOM + ethernet.HEADER_LENGTH;
const L4 = IP + ipv4.HEADER_LENGTH;

/** Frames to one address that differ in the source port: 10000 + flow. */
function frames(payloadLength: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(FLOWS * SLOT));
  const length = tcp.HEADER_LENGTH + payloadLength;
  const mac = new Uint8Array(ethernet.ADDRESS_LENGTH);
  for (let flow = 0; flow < FLOWS; flow++) {
    const slot = flow * SLOT;
    ethernet.write(bytes, slot + HEADROOM, mac, mac, ethernet.TYPE_IPV4);
    ipv4.write(bytes, slot + IP, length, flow, ipv4.DONT_FRAGMENT, 64, ipv4.PROTOCOL_TCP, SOURCE, SERVICE);
    tcp.write(bytes, slot + L4, 10000 + flow, 80, flow, 0, tcp.ACK, 65535);
    layer4.fillIpv4(bytes, slot + IP, slot + L4, length, slot + L4 + tcp.CHECKSUM_OFFSET);
  }
  return bytes;
}

/** A case that calls `each(slot)` for every frame, `ROUNDS` times over, and adds up what it answers. */
function overFrames(each: (slot: number) => number, verify: (sum: number) => void): Case {
  let sum = 0;
  return {
    flows: FLOWS,
    phase: 'established',
    packets: FLOWS * ROUNDS,
    run: () => {
      let total = 0;
      for (let round = 0; round < ROUNDS; round++) {
        for (let slot = 0; slot < FLOWS * SLOT; slot += SLOT) total = (total + each(slot)) | 0;
      }
      sum = total;
    },
    verify: () => verify(sum),
  };
}

/** EtherType, IHL, total length, protocol, both addresses, both ports, flags. */
function readHeaders(): Case {
  const bytes = frames(0);
  const portSum = (10000 * FLOWS + (FLOWS * (FLOWS - 1)) / 2 + 80 * FLOWS) * ROUNDS;
  return overFrames(
    (slot) => {
      const at = slot + IP;
      if (ethernet.type(bytes, slot + HEADROOM) !== ethernet.TYPE_IPV4) return 0;
      if (ipv4.protocol(bytes, at) !== ipv4.PROTOCOL_TCP || ipv4.totalLength(bytes, at) !== 40) return 0;
      if (ipv4.source(bytes, at) !== SOURCE || ipv4.destination(bytes, at) !== SERVICE) return 0;
      const l4 = at + ipv4.headerLength(bytes, at);
      if (tcp.flags(bytes, l4) !== tcp.ACK) return 0;
      return tcp.sourcePort(bytes, l4) + tcp.destinationPort(bytes, l4);
    },
    (sum) => assert.equal(sum, portSum | 0),
  );
}

/** Destination, port, TTL and both checksums: to the backend in even rounds, back in odd ones. */
function translate(): Case {
  const bytes = frames(0);
  return overFrames(
    (slot) => {
      const at = slot + IP;
      const l4 = slot + L4;
      const from = ipv4.destination(bytes, at);
      const to = from === SERVICE ? BACKEND : SERVICE;
      ipv4.putDestination(bytes, at, to);
      checksum.replace32(bytes, ipv4.checksumAt(at), from, to);
      const fromPort = tcp.destinationPortRaw(bytes, l4);
      const toPort = fromPort ^ 0xcf1f; // 80 and 8080, raw
      tcp.putDestinationPort(bytes, l4, ((toPort & 0xff) << 8) | (toPort >> 8));
      const change = checksum.difference(checksum.difference(0, from, to), fromPort, toPort);
      checksum.addDifference(bytes, tcp.checksumAt(l4), change);
      return 1;
    },
    (sum) => {
      assert.equal(sum, FLOWS * ROUNDS);
      for (let slot = 0; slot < bytes.length; slot += SLOT) {
        assert.ok(checksum.isIpv4HeaderValid(bytes, slot + IP), `IPv4 checksum of frame ${slot / SLOT}`);
        assert.ok(
          layer4.isValidIpv4(bytes, slot + IP, slot + L4, 20),
          `TCP checksum of frame ${slot / SLOT}`,
        );
      }
    },
  );
}

/** The checksum of the whole TCP segment, computed and compared. */
function verifyChecksum(payloadLength: number): Case {
  const bytes = frames(payloadLength);
  const length = tcp.HEADER_LENGTH + payloadLength;
  return overFrames(
    (slot) => (layer4.isValidIpv4(bytes, slot + IP, slot + L4, length) ? 1 : 0),
    (sum) => assert.equal(sum, FLOWS * ROUNDS),
  );
}

export const wireBenchmarks: readonly Benchmark[] = [
  { name: 'wire-read-headers', prepare: () => [readHeaders()] },
  { name: 'wire-translate', prepare: () => [translate()] },
  { name: 'wire-checksum-64', prepare: () => [verifyChecksum(64 - 54)] },
  { name: 'wire-checksum-1500', prepare: () => [verifyChecksum(1500 - 40)] },
];
