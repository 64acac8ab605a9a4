import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as arp from '../../../src/engine/wire/arp.js';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as icmp from '../../../src/engine/wire/icmp.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as vlan from '../../../src/engine/wire/vlan.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const IP = 14;
const L4 = 34;

describe('ipv4', () => {
  test('reads a header', () => {
    const bytes = frames.dnsToService;
    assert.equal(ipv4.version(bytes, IP), 4);
    assert.equal(ipv4.headerLength(bytes, IP), 20);
    assert.equal(ipv4.typeOfService(bytes, IP), 0);
    assert.equal(ipv4.typeOfService(frames.portUnreachable, IP), 0xc0);
    assert.equal(ipv4.totalLength(bytes, IP), 61);
    assert.equal(ipv4.identification(bytes, IP), 0x8aea);
    assert.equal(ipv4.fragmentField(bytes, IP), ipv4.DONT_FRAGMENT);
    assert.equal(ipv4.timeToLive(bytes, IP), 64);
    assert.equal(ipv4.protocol(bytes, IP), ipv4.PROTOCOL_UDP);
    assert.equal(ipv4.headerChecksum(bytes, IP), 0x9a26);
    assert.equal(ipv4.checksumAt(IP), 24);
  });

  test('addresses are raw words: memory order, little-endian, int32', () => {
    assert.equal(ipv4.source(frames.dnsToService, IP), 0x0a01010a); // 0a 01 01 0a reads the same both ways
    assert.equal(ipv4.destination(frames.dnsToService, IP), 0x3500600a);
    assert.equal(ipv4.source(frames.vxlanPing, IP), 0x01cba8c0);
    assert.equal(ipv4.destination(frames.vlanBroadcast, 18), -1);
    assert.equal(toHex(frames.dnsToService, ipv4.sourceAt(IP), 4), '0a01010a');
    assert.equal(toHex(frames.dnsToService, ipv4.destinationAt(IP), 4), '0a600035');
  });

  test('fragments', () => {
    assert.equal(ipv4.isFragment(frames.ping, IP), false);
    assert.equal(ipv4.isLaterFragment(frames.ping, IP), false);
    assert.equal(ipv4.isFragment(frames.firstFragment, 0), true);
    assert.equal(ipv4.isLaterFragment(frames.firstFragment, 0), false);
    assert.equal(ipv4.isFragment(frames.secondFragment, 0), true);
    assert.equal(ipv4.isLaterFragment(frames.secondFragment, 0), true);
    assert.equal(ipv4.fragmentOffset(frames.secondFragment, 0), 1480);
  });

  test('fits', () => {
    assert.equal(ipv4.fits(14, 34), true);
    assert.equal(ipv4.fits(14, 33), false);
    const withOptions = fromHex('46');
    assert.equal(ipv4.headerLength(withOptions, 0), 24);
    assert.equal(ipv4.fitsOptions(withOptions, 0, 24), true);
    assert.equal(ipv4.fitsOptions(withOptions, 0, 23), false);
    assert.equal(ipv4.fitsOptions(fromHex('44'), 0, 100), false);
  });

  test('writes what the capture holds', () => {
    const bytes = new Uint8Array(20);
    ipv4.write(bytes, 0, 41, 0x8aea, ipv4.DONT_FRAGMENT, 64, ipv4.PROTOCOL_UDP, 0x0a01010a, 0x3500600a);
    assert.equal(toHex(bytes), toHex(frames.dnsToService, IP, 20));
  });

  test('each put writes its field alone', () => {
    const cases: [(bytes: Uint8Array) => void, string][] = [
      [(bytes) => ipv4.putVersionAndHeaderLength(bytes, 0, 60), '4f00000000000000000000000000000000000000'],
      [(bytes) => ipv4.putTypeOfService(bytes, 0, 0xfe), '00fe000000000000000000000000000000000000'],
      [(bytes) => ipv4.putTotalLength(bytes, 0, 0x1234), '0000123400000000000000000000000000000000'],
      [(bytes) => ipv4.putIdentification(bytes, 0, 0xabcd), '00000000abcd0000000000000000000000000000'],
      [(bytes) => ipv4.putFragmentField(bytes, 0, 0x20b9), '00000000000020b9000000000000000000000000'],
      [(bytes) => ipv4.putTimeToLive(bytes, 0, 255), '0000000000000000ff0000000000000000000000'],
      [(bytes) => ipv4.putProtocol(bytes, 0, 132), '0000000000000000008400000000000000000000'],
      [(bytes) => ipv4.putHeaderChecksum(bytes, 0, 0x8fae), '000000000000000000008fae0000000000000000'],
      [(bytes) => ipv4.putSource(bytes, 0, 0x04030201), '0000000000000000000000000102030400000000'],
      [(bytes) => ipv4.putDestination(bytes, 0, -2), '00000000000000000000000000000000feffffff'],
    ];
    for (const [put, expected] of cases) {
      const bytes = new Uint8Array(20);
      put(bytes);
      assert.equal(toHex(bytes), expected);
    }
  });

  test('one hop: the TTL and checksum of the second fragment as they left the node', () => {
    const bytes = frames.secondFragment.slice();
    ipv4.decrementTimeToLive(bytes, 0);
    assert.equal(toHex(bytes), '450005dc051520b93f0139200a01010a0a010228');
  });
});

describe('ethernet and vlan', () => {
  test('reads a tagged frame', () => {
    assert.equal(ethernet.type(frames.vlanBroadcast, 0), ethernet.TYPE_VLAN);
    assert.equal(ethernet.isBroadcast(frames.vlanBroadcast, ethernet.destinationAt(0)), true);
    assert.equal(vlan.controlInformation(frames.vlanBroadcast, 14), 10);
    assert.equal(vlan.identifier(frames.vlanBroadcast, 14), 10);
    assert.equal(vlan.priority(frames.vlanBroadcast, 14), 0);
    assert.equal(vlan.type(frames.vlanBroadcast, 14), ethernet.TYPE_IPV4);
    assert.equal(vlan.fits(14, 18), true);
    assert.equal(vlan.fits(14, 17), false);
  });

  test('writes a tag with priority 5', () => {
    const bytes = new Uint8Array(4);
    vlan.write(bytes, 0, (5 << vlan.PRIORITY_SHIFT) | 0x123, ethernet.TYPE_IPV6);
    assert.equal(toHex(bytes), 'a12386dd');
    assert.equal(vlan.priority(bytes, 0), 5);
    assert.equal(vlan.identifier(bytes, 0), 0x123);
  });

  test('writes, swaps', () => {
    const bytes = new Uint8Array(14);
    ethernet.write(bytes, 0, fromHex('0a00000011aa'), fromHex('0a000a01010a'), ethernet.TYPE_IPV4);
    assert.equal(toHex(bytes), toHex(frames.ping, 0, 14));
    ethernet.swapAddresses(bytes, 0);
    assert.equal(toHex(bytes), '0a000a01010a0a00000011aa0800');
    assert.equal(ethernet.isBroadcast(bytes, ethernet.sourceAt(0)), false);
  });
});

describe('arp', () => {
  test('reads a request', () => {
    const bytes = frames.arpRequest;
    assert.equal(arp.fits(14, bytes.length), true);
    assert.equal(arp.fits(14, bytes.length - 1), false);
    assert.equal(arp.isEthernetIpv4(bytes, 14), true);
    assert.equal(arp.operation(bytes, 14), arp.OPERATION_REQUEST);
    assert.equal(toHex(bytes, arp.senderMacAt(14), 6), '0a000a01010a');
    assert.equal(arp.senderAddress(bytes, 14), 0x0a01010a);
    assert.equal(toHex(bytes, arp.targetMacAt(14), 6), '000000000000');
    assert.equal(arp.targetAddress(bytes, 14), 0x0101010a);
  });

  test('another hardware, protocol or length is not Ethernet and IPv4', () => {
    for (const [at, value] of [
      [1, 6],
      [2, 0x86],
      [4, 8],
      [5, 16],
    ]) {
      const bytes = frames.arpRequest.slice(14);
      bytes[at] = value;
      assert.equal(arp.isEthernetIpv4(bytes, 0), false);
    }
  });

  test('writes a request', () => {
    const bytes = new Uint8Array(28);
    arp.write(
      bytes,
      0,
      arp.OPERATION_REQUEST,
      fromHex('0a000a01010a'),
      0x0a01010a,
      new Uint8Array(6),
      0x0101010a,
    );
    assert.equal(toHex(bytes), toHex(frames.arpRequest, 14));
  });
});

describe('icmp', () => {
  test('reads an echo', () => {
    assert.equal(icmp.type(frames.ping, L4), icmp.ECHO_REQUEST);
    assert.equal(icmp.code(frames.ping, L4), 0);
    assert.equal(icmp.checksum(frames.ping, L4), 0x4d74);
    assert.equal(icmp.identifier(frames.ping, L4), 0x13f2);
    assert.equal(icmp.identifierRaw(frames.ping, L4), 0xf213);
    assert.equal(icmp.sequence(frames.ping, L4), 1);
    assert.equal(icmp.rest(frames.ping, L4), 0x13f20001);
    assert.equal(icmp.isError(frames.ping, L4), false);
  });

  test('reads an error and what it quotes', () => {
    assert.equal(icmp.isError(frames.portUnreachable, L4), true);
    assert.equal(icmp.code(frames.portUnreachable, L4), icmp.CODE_PORT_UNREACHABLE);
    const quoted = icmp.quotedAt(L4);
    assert.equal(ipv4.destination(frames.portUnreachable, quoted), 0x3500600a);
    assert.equal(icmp.nextHopMtu(frames.portUnreachable, L4), 0);
  });

  test('writes', () => {
    const bytes = new Uint8Array(8).fill(0xee);
    icmp.write(bytes, 0, icmp.ECHO_REQUEST, 0, 0x13f20001);
    icmp.putChecksum(bytes, 0, 0x4d74);
    assert.equal(toHex(bytes), toHex(frames.ping, L4, 8));
    icmp.putIdentifier(bytes, 0, 0xbeef);
    icmp.putSequence(bytes, 0, 7);
    assert.equal(toHex(bytes), '08004d74beef0007');
    icmp.putNextHopMtu(bytes, 0, 1450);
    assert.equal(toHex(bytes), '08004d74beef05aa');
    assert.equal(icmp.fits(0, 8), true);
    assert.equal(icmp.fits(0, 7), false);
  });
});
