import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { put16, u16 } from '../../../src/engine/wire/bytes.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as layer4 from '../../../src/engine/wire/layer4.js';
import * as sctp from '../../../src/engine/wire/sctp.js';
import * as tcp from '../../../src/engine/wire/tcp.js';
import * as udp from '../../../src/engine/wire/udp.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const IP = 14;
const L4 = 34;

describe('tcp', () => {
  test('reads a SYN', () => {
    const bytes = frames.synToService;
    assert.equal(tcp.sourcePort(bytes, L4), 42126);
    assert.equal(tcp.destinationPort(bytes, L4), 80);
    assert.equal(tcp.sourcePortRaw(bytes, L4), 0x8ea4);
    assert.equal(tcp.destinationPortRaw(bytes, L4), 0x5000);
    assert.equal(tcp.sequence(bytes, L4), 0xa8a7ac7e | 0);
    assert.equal(tcp.acknowledgment(bytes, L4), 0);
    assert.equal(tcp.headerLength(bytes, L4), 40);
    assert.equal(tcp.flags(bytes, L4), tcp.SYN);
    assert.equal(tcp.window(bytes, L4), 64240);
    assert.equal(tcp.checksum(bytes, L4), 0xf47e);
    assert.equal(tcp.checksumAt(L4), 50);
    assert.equal(tcp.urgentPointer(bytes, L4), 0);
  });

  test('fits', () => {
    assert.equal(tcp.fits(L4, 54), true);
    assert.equal(tcp.fits(L4, 53), false);
    assert.equal(tcp.fitsOptions(frames.synToService, L4, 74), true);
    assert.equal(tcp.fitsOptions(frames.synToService, L4, 73), false);
    const short = frames.synToService.slice();
    tcp.putHeaderLength(short, L4, 16);
    assert.equal(tcp.fitsOptions(short, L4, 74), false);
  });

  test('writes what the capture holds', () => {
    const bytes = new Uint8Array(20).fill(0xee);
    tcp.write(bytes, 0, 42126, 80, 0xa8a7ac7e, 0, tcp.SYN, 64240);
    tcp.putHeaderLength(bytes, 0, 40);
    tcp.putChecksum(bytes, 0, 0xf47e);
    assert.equal(toHex(bytes), toHex(frames.synToService, L4, 20));
    tcp.putUrgentPointer(bytes, 0, 0x0102);
    tcp.putFlags(bytes, 0, tcp.FIN | tcp.ACK);
    assert.equal(toHex(bytes, 12), 'a011faf0f47e0102');
  });
});

describe('udp', () => {
  test('reads a datagram', () => {
    const bytes = frames.dnsToService;
    assert.equal(udp.sourcePort(bytes, L4), 36975);
    assert.equal(udp.destinationPort(bytes, L4), 53);
    assert.equal(udp.sourcePortRaw(bytes, L4), 0x6f90);
    assert.equal(udp.destinationPortRaw(bytes, L4), 0x3500);
    assert.equal(udp.length(bytes, L4), 41);
    assert.equal(udp.checksum(bytes, L4), 0x632e);
    assert.equal(udp.checksumAt(L4), 40);
    assert.equal(udp.fits(L4, 42), true);
    assert.equal(udp.fits(L4, 41), false);
  });

  test('writes what the capture holds', () => {
    const bytes = new Uint8Array(8).fill(0xee);
    udp.write(bytes, 0, 36975, 53, 33);
    udp.putChecksum(bytes, 0, 0x632e);
    assert.equal(toHex(bytes), toHex(frames.dnsToService, L4, 8));
  });
});

describe('checksums with a pseudo-header', () => {
  const captured: [name: string, frame: Uint8Array, length: number, checksumAt: number][] = [
    ['TCP', frames.synToService, 40, L4 + tcp.CHECKSUM_OFFSET],
    ['TCP translated', frames.synToBackend, 40, L4 + tcp.CHECKSUM_OFFSET],
    ['UDP, odd length', frames.dnsToService, 41, L4 + udp.CHECKSUM_OFFSET],
    ['UDP translated', frames.dnsToBackend, 41, L4 + udp.CHECKSUM_OFFSET],
  ];
  for (const [name, frame, length, checksumAt] of captured) {
    test(`${name} over IPv4`, () => {
      assert.equal(layer4.isValidIpv4(frame, IP, L4, length), true);
      const bytes = frame.slice();
      bytes[checksumAt] ^= 0x10;
      assert.equal(layer4.isValidIpv4(bytes, IP, L4, length), false);
      layer4.fillIpv4(bytes, IP, L4, length, checksumAt);
      assert.equal(toHex(bytes), toHex(frame));
    });
  }

  test('UDP in a tagged frame', () => {
    assert.equal(layer4.isValidIpv4(frames.vlanBroadcast, 18, 38, 80), true);
  });

  test('ICMPv6 over IPv6', () => {
    for (const [frame, length] of [
      [frames.neighbourSolicitation, 32],
      [frames.parameterProblem, 72],
    ] as const) {
      assert.equal(layer4.isValidIpv6(frame, 14, 58, 54, length), true);
      assert.equal(layer4.isValidIpv6(frame, 14, 17, 54, length), false);
      const bytes = frame.slice();
      put16(bytes, 56, 0xbad);
      layer4.fillIpv6(bytes, 14, 58, 54, length, 56);
      assert.equal(toHex(bytes), toHex(frame));
    }
  });

  test('a UDP checksum that computes to zero is stored as ffff, a TCP one as zero', () => {
    // All zero but the header words that make the sum ffff: 0011 + 0008 (pseudo) + 0008 (length) + ffde.
    const bytes = fromHex('4500001c000000004011000000000000 00000000 ffde 0000 0008 0000');
    layer4.fillIpv4(bytes, 0, 20, 8, 26);
    assert.equal(u16(bytes, 26), 0xffff);
    assert.equal(layer4.isValidIpv4(bytes, 0, 20, 8), true);
    ipv4.putProtocol(bytes, 0, ipv4.PROTOCOL_TCP);
    put16(bytes, 20, 0xffe9); // protocol 6 instead of 17
    layer4.fillIpv4(bytes, 0, 20, 8, 26);
    assert.equal(u16(bytes, 26), 0x0000);
  });

  test('whatever is filled is valid', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 28, maxLength: 120 }), (bytes) => {
        bytes[9] = ipv4.PROTOCOL_UDP;
        layer4.fillIpv4(bytes, 0, 20, bytes.length - 20, 26);
        assert.equal(layer4.isValidIpv4(bytes, 0, 20, bytes.length - 20), true);
        assert.notEqual(u16(bytes, 26), 0);
      }),
    );
  });
});

describe('sctp', () => {
  test('CRC32c of RFC 3720 appendix B.4', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(32), 'aa36918a'],
      [new Uint8Array(32).fill(0xff), '43aba862'],
      [ascending, '4e79dd46'],
      [ascending.slice().reverse(), '5cdb3f11'],
    ];
    for (const [bytes, expected] of cases) {
      const field = new Uint8Array(12);
      sctp.putChecksum(field, 0, sctp.crc32c(bytes, 0, 32));
      assert.equal(toHex(field, sctp.CHECKSUM_OFFSET), expected);
    }
  });

  test('writes and reads a common header', () => {
    const bytes = new Uint8Array(12).fill(0xee);
    sctp.write(bytes, 0, 3868, 36412, 0xdeadbeef);
    assert.equal(toHex(bytes), '0f1c8e3cdeadbeef00000000');
    assert.equal(sctp.sourcePort(bytes, 0), 3868);
    assert.equal(sctp.destinationPort(bytes, 0), 36412);
    assert.equal(sctp.sourcePortRaw(bytes, 0), 0x1c0f);
    assert.equal(sctp.destinationPortRaw(bytes, 0), 0x3c8e);
    assert.equal(sctp.verificationTag(bytes, 0), 0xdeadbeef | 0);
    assert.equal(sctp.fits(0, 12), true);
    assert.equal(sctp.fits(0, 11), false);
    sctp.fillChecksum(bytes, 0, 12);
    const filled = sctp.checksum(bytes, 0);
    sctp.fillChecksum(bytes, 0, 12);
    assert.equal(sctp.checksum(bytes, 0), filled);
  });
});
