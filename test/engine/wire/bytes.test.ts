import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as bytes from '../../../src/engine/wire/bytes.js';
import { fromHex, toHex } from '../../support/hex.js';

test('reads: network order and little-endian, 32 bits as int32', () => {
  const data = fromHex('00 fedcba98 00');
  assert.equal(bytes.u16(data, 1), 0xfedc);
  assert.equal(bytes.u16le(data, 1), 0xdcfe);
  assert.equal(bytes.i32(data, 1), 0xfedcba98 | 0);
  assert.equal(bytes.i32le(data, 1), 0x98badcfe | 0);
});

test('writes', () => {
  const data = new Uint8Array(14);
  bytes.put16(data, 1, 0xfedc);
  bytes.put16le(data, 3, 0xfedc);
  bytes.put32(data, 5, 0xfedcba98 | 0);
  bytes.put32le(data, 9, 0xfedcba98);
  assert.equal(toHex(data), '00fedcdcfefedcba9898badcfe00');
});

test('swaps', () => {
  assert.equal(bytes.swap16(0x12fe), 0xfe12);
  assert.equal(bytes.swap32(0xfedcba98), 0x98badcfe | 0);
});

test('copy within one array moves forward', () => {
  const data = fromHex('0102030405');
  bytes.copy(data, 0, data, 2, 3);
  assert.equal(toHex(data), '0304050405');
});
