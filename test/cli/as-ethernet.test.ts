import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { AsEthernet } from '../../src/cli/replay/as-ethernet.js';
import { MemoryCapture, MemorySource } from '../../src/io/memory.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { fromHex, toHex } from '../support/hex.js';
import { repositoryRoot } from '../support/repository.js';
import { inTemporaryDirectory, lab, packetwalk } from './run.js';

const IPV4 = '45000020 0001 0000 40 11 0000 0a010203 c0a80405 d431 0035 000c 0000 61626364';
const IPV6 = `60000000 0008 11 40 ${'fd'.padEnd(24, '0')} 00000001 ${'fd'.padEnd(24, '0')} 0a0b0c0d d431 0035 0008 0000`;
const ARP = '0001 0800 06 04 0001 0a000a01010a 0a01010a 000000000000 0a010101';

/** Frames that a capture of this link type becomes, as hex. */
function convert(linkType: number, ...packets: readonly string[]): string[] {
  const capture = new MemoryCapture();
  const id = capture.addInterface({ linkType });
  for (const hex of packets) {
    const bytes = fromHex(hex);
    capture.write(id, 1, 2, bytes, 0, bytes.length, bytes.length);
  }
  const source = new AsEthernet(new MemorySource(capture));
  const batch = new PacketBatch();
  const frames: string[] = [];
  while (source.read(batch) > 0) {
    for (let i = 0; i < batch.count; i++) {
      frames.push(toHex(batch.bytes, batch.offset[i], batch.capturedLength[i]));
    }
  }
  return frames;
}

/** `hex` without its spaces. */
function plain(hex: string): string {
  return hex.replaceAll(' ', '');
}

describe('packets without Ethernet headers', () => {
  const cases: readonly (readonly [string, number, string, string])[] = [
    ['raw IPv4', 101, IPV4, `0200c0a80405 02000a010203 0800 ${IPV4}`],
    ['raw IPv6', 101, IPV6, `02000a0b0c0d 020000000001 86dd ${IPV6}`],
    ['LINKTYPE_IPV4', 228, IPV4, `0200c0a80405 02000a010203 0800 ${IPV4}`],
    ['loopback in either byte order', 0, `02000000 ${IPV4}`, `0200c0a80405 02000a010203 0800 ${IPV4}`],
    ['OpenBSD loopback', 108, `00000018 ${IPV6}`, `02000a0b0c0d 020000000001 86dd ${IPV6}`],
    [
      'Linux cooked',
      113,
      `0000 0001 0006 0a000a01010a 0000 0800 ${IPV4}`,
      `0200c0a80405 02000a010203 0800 ${IPV4}`,
    ],
    [
      'Linux cooked, version 2',
      276,
      `0806 0000 00000003 0001 00 06 0a000a01010a 0000 ${ARP}`,
      `ffffffffffff 02000a01010a 0806 ${ARP}`,
    ],
    ['a packet cut in its link header', 113, '0000 0001', '020000000000 020000000000 0000'],
    [
      'a packet cut in its IP header',
      101,
      IPV4.slice(0, 24),
      `020000000000 020000000000 0800 ${IPV4.slice(0, 24)}`,
    ],
  ];
  for (const [name, linkType, packet, frame] of cases) {
    test(name, () => assert.deepEqual(convert(linkType, packet), [plain(frame)]));
  }

  test('several packets, in their order', () => {
    assert.deepEqual(
      convert(101, IPV4, IPV6, IPV4).map((frame) => frame.slice(24, 28)),
      ['0800', '86dd', '0800'],
    );
  });

  test('Ethernet, and what is not known, is left alone', () => {
    assert.deepEqual(convert(1, IPV4), [plain(IPV4)]);
    assert.deepEqual(convert(105, IPV4), [plain(IPV4)]);
  });
});

test('a raw capture of a pod replays as the Ethernet one does', () => {
  const capture = readFileSync(path.join(repositoryRoot, lab('life-of-a-packet-pod1.pcap')));
  const packets: Buffer[] = [];
  for (let at = 24; at < capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    const header = Buffer.from(capture.subarray(at, at + 16));
    const frame = capture.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    if (frame.readUInt16BE(12) !== 0x0800) continue;
    header.writeUInt32LE(length - 14, 8);
    header.writeUInt32LE(length - 14, 12);
    packets.push(header, frame.subarray(14));
  }
  const fileHeader = Buffer.from(capture.subarray(0, 24));
  fileHeader.writeUInt32LE(101, 20);
  inTemporaryDirectory((directory) => {
    const file = path.join(directory, 'raw.pcap');
    writeFileSync(file, Buffer.concat([fileHeader, ...packets]));
    const { stdout } = packetwalk([
      'replay',
      file,
      '-t',
      'life-of-a-packet',
      '--at',
      'node1/lxc00aa',
      '--json',
    ]);
    const { totals, outputs } = JSON.parse(stdout);
    // All but the ARP request and its answer; the capture has no MACs to compare.
    assert.deepEqual(totals, { delivered: 49, transmitted: 40, stack: 3, answered: 0, dropped: 16, held: 0 });
    assert.equal(outputs.matchedButLinkHeader, 48);
    const inferred = packetwalk(['replay', file, '--json']);
    assert.equal(
      inferred.stderr,
      'packetwalk: topology inferred: pod 10.1.1.10; taken at no single device; 4 addresses outside\n',
    );
    assert.equal(JSON.parse(inferred.stdout).totals.delivered, 49);
  });
});
