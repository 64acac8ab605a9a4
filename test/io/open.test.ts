/** What cannot be opened, and what is said of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CaptureError } from '../../src/io/capture-error.js';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch } from '../../src/io/packet-source.js';
import { readWithOurs } from './captures.js';
import { openWithPcapParser } from './pcap-parser-source.js';
import { collect, complete, pcap, pcapOf, SAMPLES, temporaryDirectory } from './samples.js';

const directory = temporaryDirectory();
const path = `${directory}/capture`;

async function errorOf(bytes: Uint8Array): Promise<string> {
  writeFileSync(path, bytes);
  return (await readWithOurs(path)).error.replace(path, 'F');
}

describe('openCapture says what is wrong', () => {
  const notCaptures: [string, string, RegExp][] = [
    ['an empty file', '', /^F, at byte 0: the file is empty; a capture has at least a file header$/],
    [
      'one byte',
      'd4',
      /^F, at byte 0: the file is no pcap or pcapng capture \(it starts with 0xd4\); give a capture/,
    ],
    ['text', '68656c6c6f0a', /^F, at byte 0: .* \(it starts with 0x68656c6c\)/],
    ['zstd', '28b52ffd24000100', /is compressed with zstd; unpack it first/],
    ['xz', 'fd377a585a000004', /is compressed with xz; unpack it first/],
    ['bzip2', '425a683931415926', /is compressed with bzip2; unpack it first/],
    ['lz4', '04224d1864404000', /is compressed with lz4; unpack it first/],
    ['zip', '504b030414000000', /is a zip archive; unpack it first/],
    ['snoop', '736e6f6f70000000', /is a snoop capture; convert it to pcap/],
    [
      'half a header',
      pcap({}).toString('hex', 0, 10),
      /^F, at byte 10: the file ends in its header of 24 bytes; it was cut/,
    ],
    [
      'half a section header',
      '0a0d0d0a1c0000004d3c2b1a',
      /^F, at byte 0: the file ends 12 bytes into a block; /,
    ],
    ['gzip of nothing', gzipSync('').toString('hex'), /^F, at byte 0: the file is empty/],
    ['gzip magic only', '1f8b', /^F, at byte 0: the gzip data ends too early/],
    [
      'gzip of garbage',
      '1f8b08000000000000ffffffffffffff',
      /^F, at byte 0: the gzip data is damaged .*gzip -t/,
    ],
  ];
  for (const [name, hex, expected] of notCaptures) {
    test(name, async () => {
      assert.match(await errorOf(Buffer.from(hex, 'hex')), expected);
    });
  }

  test('no such file', async () => {
    const { error } = await readWithOurs(`${directory}/none`);
    assert.equal(error, `${directory}/none: no such file; check the path`);
  });

  test('a directory', async () => {
    const { error } = await readWithOurs(directory);
    assert.equal(error, `${directory}: is a directory; name a capture file in it`);
  });

  test('a file as a directory', async () => {
    writeFileSync(path, '');
    assert.match(
      (await readWithOurs(`${path}/x`)).error,
      /: a part of the path is not a directory; check the path$/,
    );
  });

  const privileged = process.getuid?.() === 0 ? 'skipped: root may read everything' : false;
  test('an unreadable file', { skip: privileged }, async () => {
    const secret = `${directory}/secret`;
    writeFileSync(secret, pcap({}));
    chmodSync(secret, 0);
    assert.equal(
      (await readWithOurs(secret)).error,
      `${secret}: permission denied; check who may use the file (ls -l)`,
    );
  });

  test('the error has its parts, and the same comes again', async () => {
    writeFileSync(path, pcapOf(SAMPLES).subarray(0, 60));
    const source = await openCapture(path);
    const batch = new PacketBatch();
    assert.equal(source.read(batch), 1);
    for (let i = 0; i < 2; i++) {
      assert.throws(
        () => source.read(batch),
        (error) => {
          assert.ok(error instanceof CaptureError);
          assert.deepEqual(
            [error.file, error.offset, error.fault],
            [path, 55, 'the file ends 5 bytes into a packet'],
          );
          assert.match(error.remedy, /get the whole of it$/);
          return true;
        },
      );
    }
    source.close();
  });
});

describe('an empty capture is no error', () => {
  test('pcap with a file header only', async () => {
    writeFileSync(path, pcap({}));
    assert.deepEqual(await collect(await openCapture(path)), []);
  });
});

describe('gzip that is cut or damaged gives what was before', () => {
  const plain = pcapOf(Array.from({ length: 40 }, () => SAMPLES).flat());
  const zipped = gzipSync(plain);

  test('cut in the trailer: all packets, then the error', async () => {
    writeFileSync(path, zipped.subarray(0, zipped.length - 3));
    const { rows, error } = await readWithOurs(path);
    assert.equal(rows.length, 240);
    assert.match(error, /at byte \d+: the gzip data ends too early .*; get the whole file again/);
  });

  test('cut in the middle', async () => {
    writeFileSync(path, zipped.subarray(0, zipped.length - 20));
    const { rows, error } = await readWithOurs(path);
    assert.ok(rows.length > 0 && rows.length < 240);
    assert.match(error, /the gzip data ends too early/);
  });

  test('a wrong checksum', async () => {
    const damaged = Buffer.from(zipped);
    damaged[damaged.length - 8] ^= 1;
    writeFileSync(path, damaged);
    const { rows, error } = await readWithOurs(path);
    assert.equal(rows.length, 240);
    assert.match(error, /the gzip data is damaged/);
  });
});

describe('standard input', () => {
  const program = `
    const { openCapture } = await import(process.argv[1] + '/src/io/capture-file.js');
    const { PacketBatch } = await import(process.argv[1] + '/src/io/packet-batch.js');
    const { forEachBatch } = await import(process.argv[1] + '/src/io/packet-source.js');
    let packets = 0;
    try {
      const source = await openCapture('-');
      await forEachBatch(source, new PacketBatch(), (batch) => { packets += batch.count; });
      source.close();
    } catch (error) { console.log(error.message); }
    console.log(packets);`;
  const dist = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

  /** Runs a shell script in which $CAPTURE is the capture and `read_it` the program above. */
  function run(script: string): string {
    const readIt = 'read_it() { "$NODE" --input-type=module -e "$PROGRAM" "$DIST"; }';
    const env = { ...process.env, NODE: process.execPath, PROGRAM: program, DIST: dist, CAPTURE: path };
    return spawnSync('sh', ['-c', `${readIt}\n${script}`], { env, timeout: 20_000 }).stdout.toString();
  }

  test('a file', () => {
    writeFileSync(path, pcapOf(SAMPLES));
    assert.equal(run('read_it < "$CAPTURE"'), '6\n');
  });

  test('a pipe', () => {
    writeFileSync(path, pcapOf(SAMPLES));
    assert.equal(run('cat "$CAPTURE" | read_it'), '6\n');
  });

  test('a pipe that pauses, with gzip that is cut', () => {
    writeFileSync(path, gzipSync(pcapOf(SAMPLES)).subarray(0, -4));
    assert.match(
      run('{ head -c 20 "$CAPTURE"; sleep 0.2; tail -c +21 "$CAPTURE"; } | read_it'),
      /^standard input, at byte \d+: the gzip data ends too early .*\n6\n$/,
    );
  });

  test('nothing', () => {
    assert.match(run('read_it < /dev/null'), /^standard input, at byte 0: the file is empty; .*\n0\n$/);
  });
});

describe('pcap-parser', () => {
  test('what it cannot read is a CaptureError too', async () => {
    writeFileSync(path, pcap({ nanoseconds: true }));
    const source = await openWithPcapParser(path);
    await assert.rejects(
      forEachBatch(source, new PacketBatch(), () => {}),
      {
        name: 'CaptureError',
        message: `${path}, at byte 0: unknown magic number: 4d3cb2a1; pcap-parser reads microsecond pcap only`,
      },
    );
    const none = await openWithPcapParser(`${directory}/none`);
    await assert.rejects(
      forEachBatch(none, new PacketBatch(), () => {}),
      {
        message: `${directory}/none: no such file; check the path`,
      },
    );
  });

  test('more packets than it may keep waiting', async () => {
    writeFileSync(path, pcapOf(Array.from({ length: 5000 }, () => SAMPLES).flat()));
    const samples = await collect(await openWithPcapParser(path), new PacketBatch(1000));
    assert.equal(samples.length, 30_000);
    assert.deepEqual(samples.at(-1), complete(SAMPLES[5]));
  });
});
