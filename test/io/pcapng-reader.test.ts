/** What the pcapng format allows beyond the ordinary, and what is a fault. All confirmed with tcpdump or tshark. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { openCapture } from '../../src/io/capture-file.js';
import { PcapngReader } from '../../src/io/pcapng-reader.js';
import { readWithOurs } from './captures.js';
import type { Row } from './peers.js';
import {
  block,
  collect,
  type Field,
  interfaceBlock,
  packetBlock,
  type Sample,
  sectionHeader,
  temporaryDirectory,
} from './samples.js';

const path = `${temporaryDirectory()}/capture`;

async function read(...blocks: readonly Uint8Array[]): Promise<{ rows: readonly Row[]; error: string }> {
  writeFileSync(path, Buffer.concat(blocks));
  const { rows, error } = await readWithOurs(path);
  return { rows, error: error.replace(path, 'F') };
}

const DAMAGED = 'the packets before it were read; copy the file again, or mend it (pcapfix)';
const GOOD: Sample = { hex: 'aabbcc', seconds: 5, nanoseconds: 6 };
const GOOD_ROW: Row = [3, 3, 5, 6];

/** One little-endian packet of interface 0 with the given timestamp. */
function packetAt(high: number, low: number): Buffer {
  return block(true, 6, 0, high, low, 1, 1, 'ff');
}

describe('pcapng blocks', () => {
  test('the obsolete packet block', async () => {
    const { rows, error } = await read(
      sectionHeader(true),
      interfaceBlock(true),
      interfaceBlock(true),
      // Interface 1, 3 dropped.
      block(true, 2, [16, 1], [16, 3], 0, 7, 2, 60, 'aabb0000', [16, 2], [16, 4], 2, 0),
    );
    assert.deepEqual({ rows, error }, { rows: [[2, 60, 0, 7]], error: '' });
    const [sample] = await collect(await openCapture(path));
    assert.deepEqual([sample.interface, sample.options], [1, { flags: 2 }]);
  });

  test('the simple packet block is of the first interface and cut to its snap length', async () => {
    const simple = block(true, 3, 5, 'aabbccddee');
    const cut = block(true, 3, 5, 'aabb');
    const snapLength2: Field[] = [[16, 1], [16, 0], 2];
    const whole = await read(
      sectionHeader(true),
      interfaceBlock(true),
      simple,
      packetBlock(true, GOOD),
      simple,
    );
    assert.deepEqual(whole.rows, [[5, 5, 0, 0], GOOD_ROW, [5, 5, 0, 0]]);
    assert.deepEqual((await read(sectionHeader(true), interfaceBlock(true, ...snapLength2), cut)).rows, [
      [2, 5, 0, 0],
    ]);
  });

  test('all other blocks are passed over, however long', async () => {
    const others = [4, 5, 9, 10, 0xbad, 0x40000bad, 0x12345678].map((type) =>
      block(true, type, 'ee'.repeat(60)),
    );
    const long = block(true, 10, '00'.repeat(3_000_000));
    const { rows, error } = await read(
      sectionHeader(true),
      ...others,
      interfaceBlock(true),
      block(true, 77),
      packetBlock(true, GOOD),
      ...others,
      long,
      packetBlock(true, GOOD),
      long,
    );
    assert.deepEqual({ rows, error }, { rows: [GOOD_ROW, GOOD_ROW], error: '' });
  });

  test('each section has its own byte order and interfaces', async () => {
    writeFileSync(
      path,
      Buffer.concat([
        sectionHeader(true),
        interfaceBlock(true),
        packetBlock(true, GOOD, [16, 2], [16, 4], 1),
        sectionHeader(false),
        interfaceBlock(false, [16, 113], [16, 0], 96),
        interfaceBlock(false),
        packetBlock(false, { ...GOOD, interface: 1 }, [16, 2], [16, 4], 2),
        sectionHeader(true),
        block(true, 0xbad, 1),
        interfaceBlock(true),
        packetBlock(true, GOOD),
      ]),
    );
    const source = await openCapture(path);
    const packets = await collect(source);
    assert.deepEqual(
      packets.map((packet) => [packet.interface, packet.seconds, packet.options]),
      [
        [0, 5, { flags: 1 }],
        [2, 5, { flags: 2 }],
        [3, 5, {}],
      ],
    );
    assert.deepEqual(
      source.interfaces.map(({ linkType, snapLength }) => [linkType, snapLength]),
      [
        [1, 0],
        [113, 96],
        [1, 0],
        [1, 0],
      ],
    );
    assert.ok(source instanceof PcapngReader);
    assert.equal(source.sections.length, 3);
  });

  test('interfaces and sections are described', async () => {
    const hex = (value: string) => Buffer.from(value).toString('hex');
    writeFileSync(
      path,
      Buffer.concat([
        block(
          true,
          0x0a0d0d0a,
          ...([0x1a2b3c4d, [16, 1], [16, 2], [64, -1n]] as const),
          ...([[16, 1], [16, 4], hex('note'), [16, 2], [16, 4], hex('arm7')] as const),
          ...([[16, 3], [16, 4], hex('BSD\0'), [16, 4], [16, 4], hex('tool'), 0] as const),
        ),
        interfaceBlock(
          true,
          ...([
            [16, 1],
            [16, 0],
            1500,
            [16, 2],
            [16, 4],
            hex('eth0'),
            [16, 3],
            [16, 4],
            hex('left'),
          ] as const),
          ...([[16, 9], [16, 1], '8a000000', [16, 12], [16, 4], hex('BSD9')] as const),
          ...([[16, 13], [16, 1], '04000000', [16, 14], [16, 8], [64, -10n], 0] as const),
        ),
        packetAt(0, 20 * 1024 + 512),
      ]),
    );
    const source = await openCapture(path);
    const [packet] = await collect(source);
    assert.deepEqual(source.interfaces, [
      {
        linkType: 1,
        snapLength: 1500,
        unitsPerSecond: 1024,
        timestampOffsetSeconds: -10,
        frameCheckLength: 4,
        name: 'eth0',
        description: 'left',
        operatingSystem: 'BSD9',
      },
    ]);
    assert.deepEqual([packet.seconds, packet.nanoseconds], [10, 500_000_000]);
    assert.ok(source instanceof PcapngReader);
    assert.deepEqual(source.sections, [
      { hardware: 'arm7', operatingSystem: 'BSD', application: 'tool', comment: 'note' },
    ]);
  });
});

describe('pcapng packet options', () => {
  async function optionsOf(littleEndian: boolean, ...options: readonly Field[]) {
    writeFileSync(
      path,
      Buffer.concat([
        sectionHeader(littleEndian),
        interfaceBlock(littleEndian),
        packetBlock(littleEndian, GOOD, ...options),
      ]),
    );
    return (await collect(await openCapture(path)))[0].options;
  }

  for (const littleEndian of [true, false]) {
    test(`all that are known, ${littleEndian ? 'little' : 'big'}-endian`, async () => {
      const options = await optionsOf(
        littleEndian,
        ...([[16, 1], [16, 3], '61626300', [16, 1], [16, 2], 'c3a90000'] as const),
        ...([[16, 2], [16, 4], 0x80000001, [16, 4], [16, 8], [64, 9n]] as const),
        ...([[16, 5], [16, 8], [64, 0xffff_ffff_ffff_ffffn], [16, 6], [16, 4], 3] as const),
        ...([[16, 7], [16, 9], '01', [64, -2n], '000000', [16, 2988], [16, 4], 1, 0] as const),
      );
      assert.deepEqual(options, {
        comment: 'abc\né',
        flags: -2147483647,
        dropCount: 9n,
        packetId: 0xffff_ffff_ffff_ffffn,
        queue: 3,
        verdictKind: 1,
        verdict: -2n,
      });
    });
  }

  test('the end mark ends the list', async () => {
    assert.deepEqual(await optionsOf(true, [16, 0], [16, 0], [16, 2], [16, 4], 1), {});
  });

  test('an option that is too long, or of the wrong length, is not there', async () => {
    assert.deepEqual(await optionsOf(true, [16, 6], [16, 4], 1, [16, 1], [16, 400]), { queue: 1 });
    assert.deepEqual(
      await optionsOf(true, [16, 2], [16, 2], '01000000', [16, 5], [16, 4], 1, [16, 7], [16, 0]),
      {},
    );
  });

  test('text that is not UTF-8 does no harm', async () => {
    assert.deepEqual(await optionsOf(true, [16, 1], [16, 4], '61ff0062'), { comment: 'a\ufffd' });
  });
});

describe('pcapng faults come after the packets before them', () => {
  const start = [sectionHeader(true), interfaceBlock(true), packetBlock(true, GOOD)];
  const at = 28 + 32 + 36;
  const patched = (offset: number, value: number) => {
    const bytes = packetBlock(true, GOOD);
    bytes.writeUInt32LE(value, offset);
    return bytes;
  };
  const faults: [string, Uint8Array, string][] = [
    [
      'other length at the end',
      patched(32, 99),
      'a block says at its start that it is 36 bytes long, at its end 99',
    ],
    ['a length that is no multiple of 4', patched(4, 35), 'a packet block says it is 35 bytes long'],
    ['a length that is too short', patched(4, 8), 'a packet block says it is 8 bytes long'],
    [
      'more captured than the block has',
      patched(20, 5),
      'a packet block is 36 bytes long and says it has 5 captured bytes',
    ],
    [
      'absurd captured length',
      patched(20, 0xffffffff),
      'a packet says it has 4294967295 captured bytes, more than the 262144 that link type ETHERNET can have',
    ],
    [
      'unknown interface',
      patched(8, 1),
      'a packet is of interface 1, but its section has described 1 so far',
    ],
    ['a block of no length', block(true, 0).fill(0), 'a block of type 0x00000000 says it is 0 bytes long'],
    [
      'an unknown block with another length at its end',
      Buffer.concat([block(true, 99, 1).subarray(0, 12), Buffer.from('05000000', 'hex')]),
      'a block says at its start that it is 16 bytes long, at its end 5',
    ],
    [
      'a simple packet that is longer than its block',
      block(true, 3, 40, 'aabbccdd'),
      'a packet block is 20 bytes long and says it has 40 captured bytes',
    ],
    [
      'an interface with a broken option',
      block(true, 1, [16, 1], [16, 0], 0, [16, 2], [16, 99]),
      'an interface description has an option longer than itself',
    ],
    [
      'a section with a broken option',
      block(true, 0x0a0d0d0a, 0x1a2b3c4d, [16, 1], [16, 0], [64, -1n], [16, 2], [16, 99]),
      'a section header has an option longer than itself',
    ],
    [
      'a section header of 16 MB and more',
      block(true, 0x0a0d0d0a, 0x1a2b3c4d).fill(0x40, 4, 8),
      'a block of type 0x0a0d0d0a says it is 1077952576 bytes long',
    ],
  ];
  for (const [name, bytes, fault] of faults) {
    test(name, async () => {
      assert.deepEqual(await read(...start, bytes, ...start), {
        rows: [GOOD_ROW],
        error: `F, at byte ${at}: ${fault}; ${DAMAGED}`,
      });
    });
  }

  test('no byte-order magic', async () => {
    const { rows, error } = await read(
      ...start,
      block(true, 0x0a0d0d0a, 0x1a2b3c4e, [16, 1], [16, 0], [64, -1n]),
    );
    assert.deepEqual(rows, [GOOD_ROW]);
    assert.equal(error, `F, at byte ${at + 8}: a section header has no byte-order magic; ${DAMAGED}`);
  });

  test('another version', async () => {
    const { rows, error } = await read(
      ...start,
      block(true, 0x0a0d0d0a, 0x1a2b3c4d, [16, 2], [16, 0], [64, -1n]),
    );
    assert.deepEqual(rows, [GOOD_ROW]);
    assert.match(error, /^F, at byte 108: pcapng version 2.0 is not known; only version 1.0 can be read/);
  });

  test('a packet before any interface', async () => {
    const { rows, error } = await read(...start, sectionHeader(true), packetBlock(true, GOOD));
    assert.deepEqual(rows, [GOOD_ROW]);
    assert.match(error, /a packet is of interface 0, but its section has described 0 so far/);
  });

  test('more interfaces or sections than anyone has', async () => {
    const sections = await read(...start, ...Array.from({ length: 65_536 }, () => sectionHeader(true)));
    assert.deepEqual(sections.rows, [GOOD_ROW]);
    assert.match(sections.error, /^F, at byte 1835076: there are more than 65536 sections; .*split the file/);
    const interfaces = await read(...start, ...Array.from({ length: 65_536 }, () => interfaceBlock(true)));
    assert.deepEqual(interfaces.rows, [GOOD_ROW]);
    assert.match(
      interfaces.error,
      /^F, at byte 2097216: there are more than 65536 interfaces; .*split the file/,
    );
  });

  test('a file that is cut', async () => {
    const whole = Buffer.concat([...start, block(true, 99, '00'.repeat(40)), packetBlock(true, GOOD)]);
    const ends = [0, 28, 60, 96, 148, 184];
    for (let length = 12; length < whole.length; length++) {
      const { rows, error } = await read(whole.subarray(0, length));
      assert.equal(rows.length, length < 96 ? 0 : 1);
      if (ends.includes(length)) assert.equal(error, '');
      else
        assert.match(
          error,
          /^F, at byte \d+: the file ends .*into a block; the packets before it were read; the file was cut/,
        );
    }
  });
});

describe('pcapng timestamps', () => {
  /** if_tsresol and if_tsoffset, the timestamp, and what it means. */
  const cases: [string, string, bigint, [number, number], [number, number]][] = [
    ['10^0', '00', 0n, [0, 1000005], [1000005, 0]],
    ['10^-3', '03', 0n, [0, 1005], [1, 5_000_000]],
    ['10^-9 at the end of 64 bits', '09', 0n, [0xffffffff, 0xffffffff], [18_446_744_073, 709_551_615]],
    ['10^-6 at the end of 64 bits', '06', 0n, [0xffffffff, 0xffffffff], [18_446_744_073_709, 551_615_000]],
    ['10^-12', '0c', 0n, [0x1000, 5], [17, 592_186_044]],
    ['10^-19', '13', 0n, [0xffffffff, 0xffffffff], [1, 844_674_407]],
    ['10^-20', '14', 0n, [0xffffffff, 0xffffffff], [0, 184_467_440]],
    ['10^-127', '7f', 0n, [0xffffffff, 0xffffffff], [0, 0]],
    ['2^-10', '8a', 0n, [0, 1025], [1, 976_562]],
    ['2^-30', '9e', 0n, [0, 0xffffffff], [3, 999_999_999]],
    ['2^-63', 'bf', 0n, [0xffffffff, 0xffffffff], [1, 999_999_999]],
    ['2^-127', 'ff', 0n, [0xffffffff, 0xffffffff], [0, 0]],
    ['offset', '06', 1_000_000_000n, [0, 5], [1_000_000_000, 5000]],
    ['offset to before 1970', '06', -100n, [0, 20_000_005], [-80, 5000]],
  ];
  for (const [name, resolution, offset, [high, low], expected] of cases) {
    test(name, async () => {
      const options: Field[] = [[16, 9], [16, 1], `${resolution}000000`, [16, 14], [16, 8], [64, offset], 0];
      const { rows } = await read(
        sectionHeader(true),
        interfaceBlock(true, [16, 1], [16, 0], 0, ...options),
        packetAt(high, low),
        packetAt(0, 0),
        packetAt(high, low),
      );
      assert.deepEqual(rows, [
        [1, 1, ...expected],
        [1, 1, Number(offset), 0],
        [1, 1, ...expected],
      ]);
    });
  }
});
