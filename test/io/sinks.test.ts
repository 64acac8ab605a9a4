/** Every sink through the shared suite, and the writers' files through tcpdump, tshark and capinfos. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { CaptureError } from '../../src/io/capture-error.js';
import { openCapture } from '../../src/io/capture-file.js';
import { MemoryCapture, MemorySource } from '../../src/io/memory.js';
import { PcapWriter } from '../../src/io/pcap-writer.js';
import { PcapngWriter } from '../../src/io/pcapng-writer.js';
import { missing, readWithTcpdump, readWithTshark } from './peers.js';
import {
  collect,
  NANOSECOND_SAMPLES,
  packetBlock,
  pcap,
  pcapOf,
  SAMPLES,
  type Sample,
  temporaryDirectory,
} from './samples.js';
import { testSink } from './sink-suite.js';

const directory = temporaryDirectory();
let files = 0;

function newPath(): string {
  return `${directory}/${files++}`;
}

/** Every option, in each of the forms its value can have. */
const OPTION_SAMPLES: readonly Sample[] = [
  { hex: 'aa', seconds: 1, nanoseconds: 1, options: { comment: 'delivered to pod4 → 10.1.2.40' } },
  { hex: 'aabb', seconds: 1, nanoseconds: 2, options: { comment: '' } },
  { hex: 'aabbcc', seconds: 1, nanoseconds: 3, options: { flags: 2, dropCount: 3n, queue: 7 } },
  { hex: 'aabbccdd', seconds: 1, nanoseconds: 4, options: { packetId: 0xffff_ffff_ffff_fffen } },
  { hex: '00', seconds: 1, nanoseconds: 5, options: { verdictKind: 1, verdict: -2n } },
  { hex: '00', seconds: 1, nanoseconds: 6, options: { verdictKind: 2, verdict: 1n, comment: 'XDP_DROP' } },
  { hex: '00', seconds: 1, nanoseconds: 7, options: { verdictKind: 0 } },
  { hex: '00', seconds: 1, nanoseconds: 8, options: { flags: -2147483647 } },
];

testSink(
  'pcap, nanoseconds',
  () => {
    const path = newPath();
    return { sink: new PcapWriter(path), readBack: () => openCapture(path) };
  },
  NANOSECOND_SAMPLES,
);

testSink(
  'pcap, microseconds',
  () => {
    const path = newPath();
    return { sink: new PcapWriter(path, { nanoseconds: false }), readBack: () => openCapture(path) };
  },
  SAMPLES,
);

testSink('pcapng', () => {
  const path = newPath();
  return { sink: new PcapngWriter(path), readBack: () => openCapture(path) };
}, [...NANOSECOND_SAMPLES, ...OPTION_SAMPLES]);

testSink('memory', () => {
  const sink = new MemoryCapture();
  return { sink, readBack: async () => new MemorySource(sink) };
}, [...NANOSECOND_SAMPLES, ...OPTION_SAMPLES]);

function writeSamples(sink: PcapWriter | PcapngWriter, samples: readonly Sample[]): void {
  for (const { hex, original, seconds, nanoseconds, interface: id, options } of samples) {
    const bytes = Buffer.from(hex, 'hex');
    sink.write(id ?? 0, seconds, nanoseconds, bytes, 0, bytes.length, original ?? bytes.length, options);
  }
  sink.close();
}

describe('PcapWriter', () => {
  test('writes the bytes of the format', () => {
    const path = newPath();
    const writer = new PcapWriter(path);
    writer.addInterface({});
    writeSamples(writer, NANOSECOND_SAMPLES);
    assert.deepEqual(readFileSync(path), pcapOf(NANOSECOND_SAMPLES, { nanoseconds: true }));
  });

  test('rounds nanoseconds down to microseconds', async () => {
    const path = newPath();
    const writer = new PcapWriter(path, { nanoseconds: false });
    writer.addInterface({});
    writeSamples(writer, [{ hex: 'aa', seconds: 9, nanoseconds: 1999 }]);
    assert.deepEqual((await collect(await openCapture(path)))[0].nanoseconds, 1000);
  });

  test('keeps link type and snap length; refuses a second link type', () => {
    const path = newPath();
    const writer = new PcapWriter(path);
    writer.addInterface({ linkType: 113, snapLength: 96 });
    assert.throws(
      () => writer.addInterface({ linkType: 1 }),
      /cannot hold link types LINUX_SLL and ETHERNET; write pcapng/,
    );
    writer.close();
    assert.deepEqual(readFileSync(path), pcap({ nanoseconds: true, linkField: 113, snapLength: 96 }));
  });

  test('takes times that it cannot hold for the nearest that it can', async () => {
    const path = newPath();
    const writer = new PcapWriter(path);
    writer.addInterface({});
    writeSamples(writer, [
      { hex: '', seconds: -5, nanoseconds: 0 },
      { hex: '', seconds: 2 ** 40, nanoseconds: 0 },
    ]);
    const seconds = (await collect(await openCapture(path))).map((sample) => sample.seconds);
    assert.deepEqual(seconds, [0, 4_294_967_295]);
  });
});

describe('PcapngWriter', () => {
  test('writes an enhanced packet block byte for byte', () => {
    const path = newPath();
    const writer = new PcapngWriter(path);
    writer.addInterface({});
    const sample: Sample = { hex: 'aabbcc', original: 60, seconds: 18_446_744_073, nanoseconds: 709_551_615 };
    writer.write(0, sample.seconds, sample.nanoseconds, Buffer.from('aabbcc', 'hex'), 0, 3, 60, {
      comment: 'abc',
      flags: 1,
      packetId: 0x1_0000_0002,
      queue: 5,
      verdictKind: 1,
      verdict: -1,
    });
    writer.close();
    const expected = packetBlock(
      true,
      sample,
      ...([[16, 1], [16, 3], '61626300'] as const),
      ...([[16, 2], [16, 4], 1] as const),
      ...([[16, 5], [16, 8], 2, 1] as const),
      ...([[16, 6], [16, 4], 5] as const),
      ...([[16, 7], [16, 9], '01ffffffffffffffff000000'] as const),
      0,
    );
    // 32 bytes of section header, 32 of interface description.
    assert.deepEqual(readFileSync(path).subarray(64, 64 + expected.length), expected);
  });

  test('describes section and interfaces', async () => {
    const path = newPath();
    const texts = {
      hardware: 'amd64',
      operatingSystem: 'Linux 6.18',
      application: 'packetwalk',
      comment: 'Lauf übers Netz',
    };
    const writer = new PcapngWriter(path, texts);
    writer.addInterface({
      name: 'lxc00aa',
      description: 'from-container',
      operatingSystem: 'Linux',
      snapLength: 96,
    });
    writer.addInterface({ name: 'wg0', linkType: 101 });
    writer.close();
    const source = await openCapture(path);
    assert.deepEqual(await collect(source), []);
    const rest = { unitsPerSecond: 1e9, timestampOffsetSeconds: 0, frameCheckLength: 0 };
    assert.deepEqual(source.interfaces, [
      {
        linkType: 1,
        snapLength: 96,
        ...rest,
        name: 'lxc00aa',
        description: 'from-container',
        operatingSystem: 'Linux',
      },
      { linkType: 101, snapLength: 0, ...rest, name: 'wg0', description: '', operatingSystem: '' },
    ]);
    assert.deepEqual('sections' in source && source.sections, [texts]);
  });

  test('takes times that it cannot hold for the nearest that it can', async () => {
    const path = newPath();
    const writer = new PcapngWriter(path);
    writer.addInterface({});
    const times = [
      [-1, 5],
      [18_446_744_073, 999_999_999],
      [1, 2],
      [2 ** 52, 0],
    ];
    writeSamples(
      writer,
      times.map(([seconds, nanoseconds]) => ({ hex: '', seconds, nanoseconds })),
    );
    const read = (await collect(await openCapture(path))).map(({ seconds, nanoseconds }) => [
      seconds,
      nanoseconds,
    ]);
    assert.deepEqual(read, [
      [0, 0],
      [18_446_744_073, 709_551_615],
      [1, 2],
      [18_446_744_073, 709_551_615],
    ]);
  });

  test('cuts a comment that no option can hold', async () => {
    const path = newPath();
    const writer = new PcapngWriter(path);
    writer.addInterface({});
    writeSamples(writer, [
      { hex: 'aa', seconds: 0, nanoseconds: 0, options: { comment: 'a'.repeat(70_000) } },
      { hex: 'bb', seconds: 0, nanoseconds: 0, options: { comment: '→'.repeat(30_000) } },
    ]);
    const comments = (await collect(await openCapture(path))).map(({ options }) => options.comment);
    assert.deepEqual(comments, ['a'.repeat(65_535), '→'.repeat(21_845)]);
  });
});

describe('a sink that cannot write says so', () => {
  test('a directory that is not there', () => {
    assert.throws(() => new PcapngWriter(`${directory}/none/x`), {
      name: 'CaptureError',
      message: /no such file; check the path$/,
    });
  });

  test('a directory', () => {
    assert.throws(() => new PcapWriter(directory), { name: 'CaptureError', message: /is a directory/ });
  });

  test('a full disk', { skip: process.platform === 'linux' ? false : 'skipped: needs /dev/full' }, () => {
    const writer = new PcapngWriter('/dev/full');
    assert.throws(
      () => writer.close(),
      (error) => error instanceof CaptureError && /ENOSPC.*make room/.test(error.message),
    );
    writer.close();
  });
});

describe('the tools read what we wrote', () => {
  function written(make: (path: string) => PcapWriter | PcapngWriter, samples: readonly Sample[]): string {
    const path = newPath();
    const writer = make(path);
    writer.addInterface({ name: 'lxc00aa', linkType: 147 });
    writeSamples(writer, samples);
    return path;
  }
  const rows = NANOSECOND_SAMPLES.map(({ hex, original, seconds, nanoseconds }) => [
    hex.length / 2,
    original ?? hex.length / 2,
    seconds,
    nanoseconds,
  ]);
  const pcapFile = written((path) => new PcapWriter(path), NANOSECOND_SAMPLES);
  const pcapngFile = written(
    (path) => new PcapngWriter(path, { application: 'packetwalk' }),
    NANOSECOND_SAMPLES,
  );
  const optionsFile = written((path) => new PcapngWriter(path), OPTION_SAMPLES);

  for (const path of [pcapFile, pcapngFile]) {
    test('tcpdump', { skip: missing('tcpdump') }, () => {
      assert.deepEqual(readWithTcpdump(path), { rows, error: '' });
    });
    test('tshark', { skip: missing('tshark') }, () => {
      // It shows no original length above 2^31 - 1.
      const shown = rows.map(([captured, original, ...time]) => [
        captured,
        Math.min(original, 0x7fffffff),
        ...time,
      ]);
      assert.deepEqual(readWithTshark(path), { rows: shown, error: '' });
    });
  }

  test('tshark sees the options', { skip: missing('tshark') }, () => {
    const fields = [
      'comment',
      'packet_flags',
      'drop_count',
      'packet_id',
      'interface_queue',
      'verdict.ebpf_tc',
      'verdict.ebpf_xdp',
    ];
    const list = fields.flatMap((field) => ['-e', `frame.${field}`]);
    const run = spawnSync('tshark', ['-n', '-r', optionsFile, '-T', 'fields', '-E', 'separator=|', ...list]);
    assert.deepEqual(run.stdout.toString().split('\n').slice(0, 6), [
      'delivered to pod4 → 10.1.2.40||||||',
      '||||||',
      '|0x00000002|3||7||',
      '|||18446744073709551614|||',
      '|||||-2|',
      'XDP_DROP||||||1',
    ]);
  });

  test('capinfos', { skip: missing('capinfos') }, () => {
    const run = spawnSync('capinfos', ['-c', '-I', pcapngFile]);
    assert.equal(run.status, 0);
    assert.match(
      run.stdout.toString(),
      /Number of packets:\s+6\n.*Name = lxc00aa\n.*Number of packets = 6\n/s,
    );
  });
});
