/** What the pcap format allows beyond the ordinary, and what is a fault. All confirmed with tcpdump 4.99. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { openCapture } from '../../src/io/capture-file.js';
import { readWithOurs } from './captures.js';
import type { Row } from './peers.js';
import { type PcapShape, pack, pcap, pcapOf, SAMPLES, temporaryDirectory } from './samples.js';

const path = `${temporaryDirectory()}/capture`;

async function read(bytes: Uint8Array): Promise<{ rows: readonly Row[]; error: string }> {
  writeFileSync(path, bytes);
  const { rows, error } = await readWithOurs(path);
  return { rows, error: error.replace(path, 'F') };
}

/** Time 1 s and 2 us. */
function record(captured: number, original: number, hex: string, fraction = 2): Buffer {
  return pack(true, 1, fraction, captured, original, hex);
}

const SEEN = 'the packets before it were read';

describe('pcap', () => {
  test('the modified format has 8 more bytes in front of each packet', async () => {
    const extra = '0200000008000100';
    const bytes = pcap({ magic: 0xa1b2cd34 }, record(2, 9, `${extra}aabb`), record(1, 1, `${extra}cc`));
    assert.deepEqual(await read(bytes), {
      rows: [
        [2, 9, 1, 2000],
        [1, 1, 1, 2000],
      ],
      error: '',
    });
  });

  for (const version of [
    [2, 0],
    [2, 2],
    [543, 0],
  ] as const) {
    test(`version ${version.join('.')} has the original length first`, async () => {
      assert.deepEqual((await read(pcap({ version }, record(9, 2, 'aabb')))).rows, [[2, 9, 1, 2000]]);
    });
  }

  test('version 2.3 has the smaller length as the captured one', async () => {
    const bytes = pcap({ version: [2, 3] }, record(9, 2, 'aabb'), record(2, 9, 'aabb'));
    assert.deepEqual((await read(bytes)).rows, [
      [2, 9, 1, 2000],
      [2, 9, 1, 2000],
    ]);
  });

  for (const version of [
    [1, 0],
    [2, 5],
    [3, 4],
    [543, 1],
  ] as const) {
    test(`version ${version.join('.')} is refused`, async () => {
      assert.equal(
        (await read(pcap({ version }))).error,
        `F, at byte 4: pcap version ${version.join('.')} is not known; versions 2.0 to 2.4 can be read; convert it with the tool that wrote it`,
      );
    });
  }

  const linkFields: [number, { linkType: number; frameCheckLength: number }][] = [
    [1, { linkType: 1, frameCheckLength: 0 }],
    [0x24000001, { linkType: 1, frameCheckLength: 4 }],
    [0x20000001, { linkType: 1, frameCheckLength: 0 }],
    [0x00010001, { linkType: 0x10001, frameCheckLength: 0 }],
  ];
  for (const [linkField, expected] of linkFields) {
    test(`link type field 0x${linkField.toString(16)}`, async () => {
      writeFileSync(path, pcap({ linkField, snapLength: 1000 }));
      const [{ linkType, frameCheckLength, snapLength }] = (await openCapture(path)).interfaces;
      assert.deepEqual({ linkType, frameCheckLength, snapLength }, { ...expected, snapLength: 1000 });
    });
  }

  test('a fraction of more than a second is carried', async () => {
    const nano = pcap({ nanoseconds: true }, record(0, 0, '', 4_000_000_001));
    assert.deepEqual((await read(nano)).rows, [[0, 0, 5, 1]]);
    assert.deepEqual((await read(pcap({}, record(0, 0, '', 1_000_000)))).rows, [[0, 0, 2, 0]]);
  });

  test('the captured length may be greater than the snap length and the original length', async () => {
    assert.deepEqual((await read(pcap({ snapLength: 1 }, record(3, 2, 'aabbcc')))).rows, [[3, 2, 1, 2000]]);
  });

  const longest: [string, PcapShape, number][] = [
    ['Ethernet', {}, 262_144],
    ['D-Bus', { linkField: 231 }, 300_000],
    ['USBPcap', { linkField: 249 }, 300_000],
  ];
  for (const [name, shape, length] of longest) {
    test(`${name}: a packet of ${length} bytes`, async () => {
      const bytes = pcap(shape, record(length, length, '55'.repeat(length)), record(1, 1, '66'));
      assert.deepEqual((await read(bytes)).rows, [
        [length, length, 1, 2000],
        [1, 1, 1, 2000],
      ]);
    });
  }

  test('an absurd captured length is a fault, after the packets before it', async () => {
    for (const captured of [262_145, 0x7fffffff, 0xffffffff]) {
      assert.deepEqual(await read(pcap({}, record(1, 1, 'aa'), record(captured, captured, 'bb'))), {
        rows: [[1, 1, 1, 2000]],
        error: `F, at byte 41: a packet says it has ${captured} captured bytes, more than the 262144 that link type ETHERNET can have; ${SEEN}; copy the file again, or mend it (pcapfix)`,
      });
    }
    const dbus = await read(pcap({ linkField: 231 }, record(134_217_729, 0, '')));
    assert.match(dbus.error, /^F, at byte 24: .* more than the 134217728 that link type DBUS can have/);
  });

  test('a file that is cut gives the packets before the cut', async () => {
    const whole = pcapOf(SAMPLES.slice(0, 3));
    // Packets of 15, 1 and 0 bytes.
    const ends = [24, 55, 72, 88];
    for (let length = 25; length < whole.length; length++) {
      const { rows, error } = await read(whole.subarray(0, length));
      const before = ends.findLastIndex((end) => end <= length);
      assert.equal(rows.length, before);
      if (length === ends[before]) assert.equal(error, '');
      else {
        assert.equal(
          error,
          `F, at byte ${ends[before]}: the file ends ${length - ends[before]} bytes into a packet; ${SEEN}; the file was cut or is still being written, get the whole of it`,
        );
      }
    }
  });
});
