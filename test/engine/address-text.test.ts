import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as text from '../../src/engine/address-text.js';
import { fromHex, toHex } from '../support/hex.js';

const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : toHex(bytes));

test('IPv4', () => {
  assert.equal(hex(text.parseIpv4('10.96.0.255')), '0a6000ff');
  for (const bad of ['10.0.0', '10.0.0.256', '10.0.0.01', '10.0.0.1.2', '', ' 1.2.3.4', '1.2.3.-4']) {
    assert.equal(text.parseIpv4(bad), null, bad);
  }
  assert.equal(text.formatIpv4(fromHex('ff0a600080'), 1), '10.96.0.128');
});

test('IPv6', () => {
  assert.equal(hex(text.parseIpv6('fd00::1')), 'fd000000000000000000000000000001');
  assert.equal(hex(text.parseIpv6('::')), '00'.repeat(16));
  assert.equal(hex(text.parseIpv6('::ffff:10.1.2.3')), '00000000000000000000ffff0a010203');
  assert.equal(hex(text.parseIpv6('1:2:3:4:5:6:7:8')), '00010002000300040005000600070008');
  for (const bad of ['1:2:3', '1::2::3', '12345::', '1:2:3:4:5:6:7::8', ':1', 'g::', '1.2.3.4::']) {
    assert.equal(text.parseIpv6(bad), null, bad);
  }
  for (const same of [
    'fd00::1',
    '::',
    '1:0:0:2::3',
    '2001:db8::1:0:0:1',
    '1:2:3:4:5:6:7:8',
    '1:0:2:3:4:5:6:7',
  ]) {
    assert.equal(text.formatIpv6(text.parseIpv6(same)!), same);
  }
});

test('every IPv6 address survives text', () => {
  const address = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => bytes.map((b) => (b & 2 ? b : 0)));
  fc.assert(fc.property(address, (bytes) => hex(text.parseIpv6(text.formatIpv6(bytes))) === toHex(bytes)));
});

test('prefixes and what they contain', () => {
  const prefix = text.parsePrefix('10.1.64.0/18')!;
  assert.equal(text.contains(prefix, fromHex('0a017fff')), true);
  assert.equal(text.contains(prefix, fromHex('0a018000')), false);
  assert.equal(text.contains(text.parsePrefix('::/0')!, fromHex('0a018000')), false);
  assert.equal(text.parsePrefix('10.0.0.1')!.length, 32);
  for (const bad of ['10.0.0.0/33', '10.0.0.0/', '10.0.0/8', 'fd00::/129', '/8', '10.0.0.0/8/8']) {
    assert.equal(text.parsePrefix(bad), null, bad);
  }
});

test('MACs', () => {
  assert.equal(hex(text.parseMac('0a:00:00:00:11:AA')), '0a00000011aa');
  assert.equal(text.parseMac('0a:00:00:00:11'), null);
  assert.equal(text.parseMac('0a-00-00-00-11-aa'), null);
  assert.equal(text.formatMac(fromHex('000a00000011aa'), 1), '0a:00:00:00:11:aa');
});
