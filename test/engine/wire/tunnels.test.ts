import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as geneve from '../../../src/engine/wire/geneve.js';
import * as udp from '../../../src/engine/wire/udp.js';
import * as vxlan from '../../../src/engine/wire/vxlan.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const TUNNEL = 42;

describe('vxlan', () => {
  test('reads what the capture holds', () => {
    assert.equal(udp.destinationPort(frames.vxlanPing, 34), udp.PORT_VXLAN);
    assert.equal(vxlan.flags(frames.vxlanPing, TUNNEL), vxlan.FLAG_IDENTIFIER);
    assert.equal(vxlan.identifier(frames.vxlanPing, TUNNEL), 100);
    assert.equal(ethernet.type(frames.vxlanPing, TUNNEL + vxlan.HEADER_LENGTH), ethernet.TYPE_IPV4);
    assert.equal(vxlan.fits(TUNNEL, 50), true);
    assert.equal(vxlan.fits(TUNNEL, 49), false);
  });

  test('writes', () => {
    const bytes = new Uint8Array(8).fill(0xee);
    vxlan.write(bytes, 0, 100);
    assert.equal(toHex(bytes), toHex(frames.vxlanPing, TUNNEL, 8));
    vxlan.putIdentifier(bytes, 0, 0xfedcba);
    assert.equal(vxlan.identifier(bytes, 0), 0xfedcba);
  });
});

describe('geneve', () => {
  test('reads what the capture holds', () => {
    assert.equal(udp.destinationPort(frames.geneve, 34), udp.PORT_GENEVE);
    assert.equal(geneve.version(frames.geneve, TUNNEL), 0);
    assert.equal(geneve.flags(frames.geneve, TUNNEL), 0);
    assert.equal(geneve.optionsLength(frames.geneve, TUNNEL), 0);
    assert.equal(geneve.protocolType(frames.geneve, TUNNEL), ethernet.TYPE_TEB);
    assert.equal(geneve.identifier(frames.geneve, TUNNEL), 0x1389);
    assert.equal(geneve.fits(TUNNEL, 50), true);
    assert.equal(geneve.fits(TUNNEL, 49), false);
  });

  test('writes a header with one critical option of 8 bytes', () => {
    const bytes = new Uint8Array(20);
    geneve.write(bytes, 0, 12, ethernet.TYPE_TEB, 0xfedcba);
    const option = geneve.optionsAt(0);
    geneve.writeOption(bytes, option, 0x014b, 0x81, 8);
    bytes.set(fromHex('0a0102281f900000'), geneve.optionDataAt(option));
    assert.equal(toHex(bytes), '03006558fedcba00014b81020a0102281f900000');
    assert.equal(geneve.optionsLength(bytes, 0), 12);
    assert.equal(geneve.identifier(bytes, 0), 0xfedcba);
    assert.equal(geneve.fitsOptions(bytes, 0, 20), true);
    assert.equal(geneve.fitsOptions(bytes, 0, 19), false);
    assert.equal(geneve.optionClass(bytes, option), 0x014b);
    assert.equal(geneve.optionType(bytes, option), 0x81);
    assert.equal(geneve.optionDataLength(bytes, option), 8);
    geneve.putFlags(bytes, 0, geneve.FLAG_CRITICAL_OPTIONS);
    assert.equal(geneve.flags(bytes, 0), 0x40);
  });
});
