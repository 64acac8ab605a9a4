import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as icmpv6 from '../../../src/engine/wire/icmpv6.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const IP = 14;
const L4 = 54;

describe('ipv6', () => {
  test('reads a header', () => {
    const bytes = frames.parameterProblem;
    assert.equal(ipv6.version(bytes, IP), 6);
    assert.equal(ipv6.trafficClass(bytes, IP), 0);
    assert.equal(ipv6.trafficClass(frames.authenticated, 0), 0xe0);
    assert.equal(ipv6.flowLabel(bytes, IP), 0);
    assert.equal(ipv6.payloadLength(bytes, IP), 72);
    assert.equal(ipv6.nextHeader(bytes, IP), ipv6.NEXT_ICMPV6);
    assert.equal(ipv6.nextHeaderAt(IP), 20);
    assert.equal(ipv6.hopLimit(bytes, IP), 64);
    assert.equal(toHex(bytes, ipv6.sourceAt(IP), 16), '200106300042011002a098fffe15ece7');
    assert.equal(toHex(bytes, ipv6.destinationAt(IP), 16), '2001063000420110ae1f6bfffe469eda');
    assert.equal(ipv6.sourceWord(bytes, IP, 0), 0x30060120);
    assert.equal(ipv6.sourceWord(bytes, IP, 3), 0xe7ec15fe | 0);
    assert.equal(ipv6.destinationWord(bytes, IP, 1), 0x10014200);
    assert.equal(ipv6.addressWord(bytes, ipv6.destinationAt(IP), 1), 0x10014200);
    assert.equal(ipv6.fits(14, 54), true);
    assert.equal(ipv6.fits(14, 53), false);
  });

  test('writes what the capture holds', () => {
    const bytes = new Uint8Array(40).fill(0xee);
    const source = fromHex('200106300042011002a098fffe15ece7');
    const destination = fromHex('2001063000420110ae1f6bfffe469eda');
    ipv6.write(bytes, 0, 72, ipv6.NEXT_ICMPV6, 64, source, destination);
    assert.equal(toHex(bytes), toHex(frames.parameterProblem, IP, 40));
  });

  test('traffic class and flow label', () => {
    const bytes = new Uint8Array(4);
    ipv6.putTrafficClassAndFlowLabel(bytes, 0, 0xab, 0xcdef1);
    assert.equal(toHex(bytes), '6abcdef1');
    assert.equal(ipv6.trafficClass(bytes, 0), 0xab);
    assert.equal(ipv6.flowLabel(bytes, 0), 0xcdef1);
    assert.equal(ipv6.versionClassFlow(bytes, 0), 0x6abcdef1);
    ipv6.putVersionClassFlow(bytes, 0, 0x60000000);
    assert.equal(toHex(bytes), '60000000');
  });

  test('authentication header: 4 * (field + 2)', () => {
    const kind = ipv6.nextHeader(frames.authenticated, 0);
    assert.equal(ipv6.isExtension(kind), true);
    assert.equal(ipv6.extensionLength(frames.authenticated, 40, kind), 24);
    assert.equal(ipv6.extensionNextHeader(frames.authenticated, 40), 89);
    assert.equal(ipv6.isExtension(89), false);
  });

  test('routing header: 8 * (field + 1)', () => {
    const kind = ipv6.nextHeader(frames.sourceRouted, 0);
    assert.equal(kind, ipv6.NEXT_ROUTING);
    assert.equal(ipv6.extensionLengthField(frames.sourceRouted, 40), 2);
    assert.equal(ipv6.extensionLength(frames.sourceRouted, 40, kind), 24);
    assert.equal(ipv6.extensionNextHeader(frames.sourceRouted, 40), ipv6.NEXT_ICMPV6);
    assert.equal(icmpv6.type(frames.sourceRouted, 64), icmpv6.ECHO_REQUEST);
    assert.equal(ipv6.fitsExtension(40, 42), true);
    assert.equal(ipv6.fitsExtension(40, 41), false);
  });

  test('which next headers are extension headers', () => {
    const extensions = Array.from({ length: 256 }, (_, next) => next).filter(ipv6.isExtension);
    assert.deepEqual(extensions, [0, 43, 44, 51, 60]);
  });

  test('fragment header: a first fragment quoted by an error', () => {
    const at = icmpv6.quotedAt(L4) + ipv6.HEADER_LENGTH;
    assert.equal(ipv6.nextHeader(frames.parameterProblem, icmpv6.quotedAt(L4)), ipv6.NEXT_FRAGMENT);
    assert.equal(ipv6.extensionLength(frames.parameterProblem, at, ipv6.NEXT_FRAGMENT), 8);
    assert.equal(ipv6.fragmentField(frames.parameterProblem, at), ipv6.FRAGMENT_MORE);
    assert.equal(ipv6.isFragment(frames.parameterProblem, at), true);
    assert.equal(ipv6.isLaterFragment(frames.parameterProblem, at), false);
    assert.equal(ipv6.fragmentIdentification(frames.parameterProblem, at), 0xd6b1);
  });

  test('fragment header: later, and atomic', () => {
    const bytes = new Uint8Array(8).fill(0xee);
    ipv6.writeFragment(bytes, 0, 17, 1480, 0x12345678);
    assert.equal(toHex(bytes), '110005c812345678');
    assert.equal(ipv6.isLaterFragment(bytes, 0), true);
    assert.equal(ipv6.isFragment(bytes, 0), true);
    ipv6.writeFragment(bytes, 0, 17, 0, 1);
    assert.equal(ipv6.isFragment(bytes, 0), false);
  });
});

describe('icmpv6', () => {
  test('reads a neighbour solicitation', () => {
    const bytes = frames.neighbourSolicitation;
    assert.equal(icmpv6.type(bytes, L4), icmpv6.NEIGHBOUR_SOLICITATION);
    assert.equal(icmpv6.code(bytes, L4), 0);
    assert.equal(icmpv6.checksum(bytes, L4), 0x566e);
    assert.equal(icmpv6.checksumAt(L4), 56);
    assert.equal(toHex(bytes, icmpv6.targetAt(L4), 16), 'fe80000000000000546ff7fffee1000f');
    assert.equal(icmpv6.fitsNeighbour(L4, 78), true);
    assert.equal(icmpv6.fitsNeighbour(L4, 77), false);
    assert.equal(icmpv6.isError(bytes, L4), false);
  });

  test('writes an advertisement', () => {
    const bytes = new Uint8Array(32);
    icmpv6.write(bytes, 0, icmpv6.NEIGHBOUR_ADVERTISEMENT, 0, -1);
    icmpv6.putAdvertisementFlags(bytes, 0, icmpv6.ADVERTISEMENT_SOLICITED | icmpv6.ADVERTISEMENT_OVERRIDE);
    bytes.set(fromHex('fe80000000000000546ff7fffee1000f'), icmpv6.targetAt(0));
    const mac = fromHex('0a00000011aa');
    icmpv6.writeLinkAddressOption(
      bytes,
      icmpv6.neighbourOptionAt(0),
      icmpv6.OPTION_TARGET_LINK_ADDRESS,
      mac,
      0,
    );
    assert.equal(toHex(bytes), '8800000060000000fe80000000000000546ff7fffee1000f02010a00000011aa');
    assert.equal(icmpv6.advertisementFlags(bytes, 0), 0x60);
  });

  test('reads an error', () => {
    assert.equal(icmpv6.type(frames.parameterProblem, L4), icmpv6.PARAMETER_PROBLEM);
    assert.equal(icmpv6.code(frames.parameterProblem, L4), 3);
    assert.equal(icmpv6.rest(frames.parameterProblem, L4), 48);
    assert.equal(icmpv6.restRaw(frames.parameterProblem, L4), 0x30000000);
    assert.equal(icmpv6.isError(frames.parameterProblem, L4), true);
    assert.equal(icmpv6.quotedAt(L4), 62);
  });

  test('echo fields', () => {
    const bytes = fromHex('8000d3ab12345678');
    assert.equal(icmpv6.identifier(bytes, 0), 0x1234);
    assert.equal(icmpv6.identifierRaw(bytes, 0), 0x3412);
    assert.equal(icmpv6.sequence(bytes, 0), 0x5678);
    icmpv6.putType(bytes, 0, icmpv6.ECHO_REPLY);
    icmpv6.putCode(bytes, 0, 1);
    icmpv6.putChecksum(bytes, 0, 0xd2ab);
    icmpv6.putIdentifier(bytes, 0, 0xbeef);
    icmpv6.putSequence(bytes, 0, 9);
    assert.equal(toHex(bytes), '8101d2abbeef0009');
    icmpv6.putRest(bytes, 0, 1280);
    assert.equal(toHex(bytes), '8101d2ab00000500');
  });
});
