import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LONG_TUPLE, TupleReader, talkOf } from '../../src/cli/replay/frame-tuple.js';
import { PathTable } from '../../src/cli/replay/path-table.js';
import { changeText, talkText } from '../../src/cli/replay/talk-text.js';
import { WalkLog } from '../../src/cli/replay/walk-log.js';
import { DELIVERED, DROPPED, TRANSMITTED } from '../../src/engine/fate.js';
import {
  arpRequest,
  dnsToService,
  firstFragment,
  ping,
  portUnreachable,
  secondFragment,
  synToBackend,
  synToService,
} from '../engine/wire/frames.js';
import { fromHex } from '../support/hex.js';

const LINK = fromHex('0a00000011aa 0a000a01010a 0800');
const IPV6_ADDRESSES = 'fd000000000000000000000000000001 fd000000000000000000000000000002';

function frame(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The frame at an odd place in memory, with other bytes around it. */
function inMemory(bytes: Uint8Array): { memory: Uint8Array; start: number; end: number } {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length + 200)).fill(0xee);
  memory.set(bytes, 101);
  return { memory, start: 101, end: 101 + bytes.length };
}

function textOf(bytes: Uint8Array): string {
  const { memory, start, end } = inMemory(bytes);
  const words = new Int32Array(LONG_TUPLE);
  const length = new TupleReader(memory).read(start, end, words, 0);
  return talkText(talkOf(words, 0, length));
}

describe('who talks to whom', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['TCP', synToService, '10.1.1.10:42126 → 10.96.0.80:80 tcp'],
    ['UDP', dnsToService, '10.1.1.10:36975 → 10.96.0.53:53 udp'],
    ['ICMP echo', ping, '10.1.1.10 → 10.1.1.1 icmp echo request'],
    ['ICMP error', portUnreachable, '10.96.0.53 → 10.1.1.10 icmp unreachable'],
    ['ARP', arpRequest, '10.1.1.10 → 10.1.1.1 arp request'],
    [
      'a first fragment has the ports',
      frame(LINK, firstFragment, fromHex('0800 4d74 13f2 0001')),
      '10.1.1.10 → 10.1.2.40 icmp echo request',
    ],
    [
      'a later fragment has none',
      frame(LINK, secondFragment, fromHex('0050 1f90 00000000')),
      '10.1.1.10 → 10.1.2.40 icmp fragment',
    ],
    [
      'a later fragment of UDP',
      frame(LINK, fromHex('45 00 0024 8aea 00b9 40 11 0000 0a01010a 0a600035 906f 0035 0029 632e')),
      '10.1.1.10 → 10.96.0.53 udp fragment',
    ],
    [
      'IPv4 options',
      frame(LINK, fromHex('46 00 0020 0001 0000 40 11 0000 0a01010a 0a600035 01010101 906f 0035 0008 0000')),
      '10.1.1.10:36975 → 10.96.0.53:53 udp',
    ],
    [
      'a VLAN tag',
      frame(LINK.subarray(0, 12), fromHex('8100 0064'), synToService.subarray(12)),
      '10.1.1.10:42126 → 10.96.0.80:80 tcp',
    ],
    [
      'a transport header that is cut short',
      synToService.subarray(0, 36),
      '10.1.1.10 → 10.96.0.80 tcp cut short',
    ],
    [
      'IPv6',
      frame(LINK.subarray(0, 12), fromHex(`86dd 60000000 0008 11 40 ${IPV6_ADDRESSES} d431 0035 0008 0000`)),
      '[fd00::1]:54321 → [fd00::2]:53 udp',
    ],
    [
      'IPv6 with a later fragment',
      frame(
        LINK.subarray(0, 12),
        fromHex(`86dd 60000000 0010 2c 40 ${IPV6_ADDRESSES} 11 00 0009 00000001 d431 0035 0008 0000`),
      ),
      'fd00::1 → fd00::2 udp fragment',
    ],
    ['what is not IP', frame(LINK.subarray(0, 12), fromHex('88cc 0000')), 'EtherType 0x88cc'],
    ['an IP header that is cut short', synToService.subarray(0, 30), 'EtherType 0x0800'],
    ['no Ethernet header', LINK.subarray(0, 5), 'EtherType 0x0000'],
  ];
  for (const [name, bytes, text] of cases) test(name, () => assert.equal(textOf(bytes), text));
});

describe('paths', () => {
  /** Counts walks: frame in, frame out, fate, reason, device row, ended where it came from. */
  function count(
    walks: readonly (readonly [Uint8Array, Uint8Array, number, number, number, boolean])[],
  ): PathTable {
    const memory = new Uint8Array(4096);
    const tuples = new TupleReader(memory);
    const paths = new PathTable(tuples);
    const log = new WalkLog(tuples);
    for (const [before, after, fate, reason, device, home] of walks) {
      log.count = 0;
      memory.set(before, 258);
      log.enter(memory, 258, 258 + before.length);
      memory.set(after, 208);
      log.add(0, fate, reason, 0, device, home);
      paths.count(log, 0, 208, 208 + after.length);
    }
    return paths;
  }

  test('frames and bytes are summed by path; a path has one outcome', () => {
    const paths = [
      ...count([
        [synToService, synToBackend, TRANSMITTED, 0, 5, false],
        [synToService, synToBackend, TRANSMITTED, 0, 5, false],
        [synToService, synToService, DROPPED, 133, 3, false],
        [ping, ping, DELIVERED, 0, 700, false],
      ]).paths(),
    ];
    assert.deepEqual(
      paths.map(({ before, after, fate, reason, device, frames, bytes, answered }) => [
        talkText(before),
        changeText(before, after),
        fate,
        reason,
        device,
        frames,
        bytes,
        answered,
      ]),
      [
        ['10.1.1.10:42126 → 10.96.0.80:80 tcp', ', to 10.1.2.40:8080', TRANSMITTED, 0, 5, 2, 148, false],
        ['10.1.1.10:42126 → 10.96.0.80:80 tcp', '', DROPPED, 133, 3, 1, 74, false],
        ['10.1.1.10 → 10.1.1.1 icmp echo request', '', DELIVERED, 0, 700, 1, 98, false],
      ],
    );
    assert.equal(paths[0].flow, paths[1].flow);
    assert.notEqual(paths[0].flow, paths[2].flow);
  });

  test('an answer is another kind of packet that came back', () => {
    const answered = (before: Uint8Array, after: Uint8Array, home: boolean): boolean =>
      [...count([[before, after, DELIVERED, 0, 1, home]]).paths()][0].answered;
    const arpReply = Uint8Array.from(arpRequest, (byte, i) => (i === 21 ? 2 : byte));
    assert.equal(answered(arpRequest, arpReply, true), true);
    assert.equal(answered(arpRequest, arpReply, false), false);
    assert.equal(answered(dnsToService, portUnreachable, true), true);
    assert.equal(answered(ping, portUnreachable, true), true);
    // A pod that reaches itself through a service.
    assert.equal(answered(synToService, synToBackend, true), false);
  });

  test('a tuple of the other family on the way out', () => {
    const ipv6 = frame(
      LINK.subarray(0, 12),
      fromHex(`86dd 60000000 0008 11 40 ${IPV6_ADDRESSES} d431 0035 0008 0000`),
    );
    const [path] = count([[dnsToService, ipv6, TRANSMITTED, 0, 2, false]]).paths();
    assert.equal(talkText(path.before), '10.1.1.10:36975 → 10.96.0.53:53 udp');
    assert.equal(talkText(path.after), '[fd00::1]:54321 → [fd00::2]:53 udp');
    assert.equal(path.device, 2);
  });
});
