import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { i32le, put16, put16le, u16, u16le } from '../../../src/engine/wire/bytes.js';
import * as checksum from '../../../src/engine/wire/checksum.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const IP = 14;
const L4 = 34;

/** The kernel's arithmetic, 32-bit words with end-around carry (include/net/checksum.h), written out in BigInt. */
const add = (a: bigint, b: bigint) => {
  const result = a + b;
  return (result & 0xffffffffn) + (result >> 32n);
};
const complement = (word: bigint) => word ^ 0xffffffffn;
function kernelReplace(check: number, from: number, to: number): number {
  const old = complement(BigInt(check));
  let sum = add(add(old, complement(BigInt(from >>> 0))), BigInt(to >>> 0));
  sum = (sum & 0xffffn) + (sum >> 16n);
  sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(~sum & 0xffffn);
}

const word16 = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(0, 1, 0xff, 0xff00, 0xfffe, 0xffff),
);
const word32 = fc.oneof(
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  fc.constantFrom(0, -1, 0xffff, -0x10000),
);

describe('full checksum', () => {
  test('RFC 1071 section 3: 0001 f203 f4f5 f6f7 sums to ddf2', () => {
    const bytes = fromHex('0001 f203 f4f5 f6f7');
    assert.equal(checksum.internet(bytes, 0, 8), 0x220d); // ~ddf2
    assert.equal(checksum.fold(checksum.sum(bytes, 0, 8, 0)), 0xf2dd); // memory order
  });

  test('an odd last byte counts as the high byte of a word', () => {
    assert.equal(checksum.internet(fromHex('0001 f2'), 0, 3), 0x0dfe); // ~(0001 + f200)
    assert.equal(checksum.internet(fromHex('ff'), 0, 1), 0x00ff);
    assert.equal(checksum.internet(fromHex(''), 0, 0), 0xffff);
  });

  test('64 KiB of ff do not overflow', () => {
    const bytes = new Uint8Array(65536).fill(0xff);
    assert.equal(checksum.fold(checksum.sum(bytes, 0, 65536, 0)), 0xffff);
    assert.equal(checksum.fold(checksum.sum(bytes, 0, 65535, 0x7fffffff)), 0x80fe);
  });

  test('partial sums continue at even lengths', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (bytes, half) => {
        const cut = Math.min(2 * half, bytes.length);
        const first = checksum.sum(bytes, 0, cut, 0);
        const both = checksum.sum(bytes, cut, bytes.length - cut, first);
        assert.equal(checksum.finish(both), checksum.internet(bytes, 0, bytes.length));
      }),
    );
  });

  test('ICMP messages of a capture', () => {
    assert.equal(checksum.isValid(frames.ping, L4, 64), true);
    const bytes = frames.portUnreachable.slice();
    put16(bytes, L4 + 2, 0xdead);
    assert.equal(checksum.isValid(bytes, L4, 69), false);
    checksum.fill(bytes, L4, 69, L4 + 2);
    assert.equal(toHex(bytes), toHex(frames.portUnreachable));
  });

  test('IPv4 headers of a capture, whatever the field holds', () => {
    for (const frame of [frames.ping, frames.synToService, frames.dnsToBackend, frames.portUnreachable]) {
      const expected = u16(frame, IP + 10);
      assert.equal(checksum.isIpv4HeaderValid(frame, IP), true);
      for (const garbage of [0, 0x1234, 0xffff, expected]) {
        const bytes = frame.slice();
        put16(bytes, IP + 10, garbage);
        assert.equal(checksum.ipv4Header(bytes, IP), expected);
        checksum.fillIpv4Header(bytes, IP);
        assert.equal(toHex(bytes), toHex(frame));
      }
    }
  });
});

describe('incremental update', () => {
  test('RFC 1624 section 4: dd2f with 5555 replaced by 3285 gives 0000', () => {
    const bytes = fromHex('dd2f');
    checksum.replace16(bytes, 0, 0x5555, 0x8532); // memory order
    assert.equal(toHex(bytes), '0000');
  });

  test('translation of a SYN gives the bytes that the kernel put on the wire', () => {
    const bytes = frames.synToService.slice();
    const service = i32le(fromHex('0a600050'), 0);
    const backend = i32le(fromHex('0a010228'), 0);
    checksum.replace32(bytes, IP + 10, service, backend);
    checksum.replace16(bytes, IP + 10, 0x40, 0x3f);
    assert.equal(u16(bytes, IP + 10), 0x8f35);
    checksum.replace32(bytes, L4 + 16, service, backend);
    checksum.replace16(bytes, L4 + 16, 0x5000, 0x901f); // 80, 8080 in memory order
    assert.equal(u16(bytes, L4 + 16), 0xd3c5);
  });

  test('translation of a UDP datagram by one summed difference', () => {
    const bytes = frames.dnsToService.slice();
    const address = checksum.difference(0, i32le(fromHex('0a600035'), 0), i32le(fromHex('0a010228'), 0));
    const both = checksum.difference(address, 0x3500, 0xe914); // 53, 5353 in memory order
    checksum.addDifferenceUdp(bytes, L4 + 6, both);
    assert.equal(u16(bytes, L4 + 6), 0x4ce6);
  });

  test('differences of byte ranges: an IPv6 address', () => {
    const bytes = frames.neighbourSolicitation.slice();
    const target = fromHex('fd000000000000000000000000000099');
    const change = checksum.differenceOfBytes(0, bytes, 62, target, 0, 16);
    const before = checksum.sum(bytes, 62, 16, 0);
    checksum.addDifference(bytes, 56, change);
    bytes.set(target, 62);
    const summed = checksum.differenceOfSums(before, checksum.sum(bytes, 62, 16, 0));
    assert.equal(checksum.fold(summed), checksum.fold(change));
    // 566e + (fe80 + 546f + f7ff + fee1 + 000f) - (fd00 + 0099), end-around
    assert.equal(u16(bytes, 56), 0xa2b5);
  });

  test('zero and ffff: never ffff, as the kernel leaves them', () => {
    const cases: [check: number, from: number, to: number, result: number][] = [
      [0x0000, 0, 0, 0x0000],
      [0xffff, 0, 0, 0x0000],
      [0xffff, 0xffff, 0, 0x0000],
      [0xffff, -1, 0, 0x0000],
      [0x0000, 0, -1, 0x0000],
      [0x0001, 0, 1, 0x0000],
      [0x0000, 0, 1, 0xfffe],
    ];
    for (const [check, from, to, result] of cases) {
      const bytes = new Uint8Array(2);
      put16le(bytes, 0, check);
      checksum.replace32(bytes, 0, from, to);
      assert.equal(u16le(bytes, 0), result, `replace32 ${check} ${from} ${to}`);
      put16le(bytes, 0, check);
      checksum.addDifference(bytes, 0, checksum.difference(0, from, to));
      assert.equal(u16le(bytes, 0), result, `addDifference ${check} ${from} ${to}`);
      if (from === -1 || to === -1) continue;
      put16le(bytes, 0, check);
      checksum.replace16(bytes, 0, from, to);
      assert.equal(u16le(bytes, 0), result, `replace16 ${check} ${from} ${to}`);
    }
  });

  test("bit for bit the kernel's csum_replace", () => {
    fc.assert(
      fc.property(word16, word32, word32, (check, from, to) => {
        const expected = kernelReplace(check, from, to);
        const bytes = new Uint8Array(2);
        put16le(bytes, 0, check);
        checksum.replace32(bytes, 0, from, to);
        assert.equal(u16le(bytes, 0), expected);
        put16le(bytes, 0, check);
        checksum.addDifference(bytes, 0, checksum.difference(0, from, to));
        assert.equal(u16le(bytes, 0), expected);
        put16le(bytes, 0, check);
        checksum.replace16(bytes, 0, from & 0xffff, to & 0xffff);
        assert.equal(u16le(bytes, 0), kernelReplace(check, from & 0xffff, to & 0xffff));
      }),
      { numRuns: 2000 },
    );
  });

  test('incremental equals full, whichever word changes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), fc.nat(), word32, (bytes, where, to) => {
        bytes[0] |= 1; // a sum of nothing but zeros has two representations
        checksum.fill(bytes, 0, bytes.length, 2);
        const at = 4 + 2 * (where % (((bytes.length - 8) >> 1) + 1));
        const from = i32le(bytes, at);
        for (let i = 0; i < 4; i++) bytes[at + i] = to >> (8 * i);
        checksum.replace32(bytes, 2, from, to);
        const incremental = u16(bytes, 2);
        put16(bytes, 2, 0);
        assert.equal(incremental, checksum.internet(bytes, 0, bytes.length));
      }),
    );
  });
});

describe('UDP', () => {
  test('none stays none', () => {
    const bytes = fromHex('0000');
    checksum.replace16Udp(bytes, 0, 1, 2);
    checksum.replace32Udp(bytes, 0, 1, 2);
    checksum.addDifferenceUdp(bytes, 0, 1);
    assert.equal(toHex(bytes), '0000');
  });

  test('a computed zero is sent as ffff', () => {
    const updates: [string, (bytes: Uint8Array) => void][] = [
      ['dd2f', (bytes) => checksum.replace16Udp(bytes, 0, 0x5555, 0x8532)],
      ['dd2f', (bytes) => checksum.replace32Udp(bytes, 0, 0x5555, 0x8532)],
      ['dd2f', (bytes) => checksum.addDifferenceUdp(bytes, 0, checksum.difference(0, 0x5555, 0x8532))],
    ];
    for (const [before, update] of updates) {
      const bytes = fromHex(before);
      update(bytes);
      assert.equal(toHex(bytes), 'ffff');
    }
    assert.equal(checksum.udpField(0), 0xffff);
    assert.equal(checksum.udpField(0x1234), 0x1234);
  });
});
