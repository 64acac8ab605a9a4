/** What is wrong with a capture or a topology: one line, exit code 2, and all before the fault counted and written. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch } from '../../src/io/packet-source.js';
import { repositoryRoot } from '../support/repository.js';
import { inTemporaryDirectory, lab, type Outcome, packetwalk } from './run.js';

const life = readFileSync(path.join(repositoryRoot, lab('life-of-a-packet-pod1.pcap')));
/** Bytes up to the end of the third packet: header, ARP request and reply, echo request. */
const THREE_PACKETS = 24 + (16 + 42) + (16 + 42) + (16 + 98);

/** The capture with `value` as little-endian 32-bit words at `at`. */
function patched(bytes: Uint8Array, at: number, ...values: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  values.forEach((value, i) => {
    copy.writeUInt32LE(value, at + 4 * i);
  });
  return copy;
}

/** Replays the bytes as a file; `FILE` stands for its path in what it says. */
function replay(bytes: Uint8Array, ...args: readonly string[]): Outcome {
  return inTemporaryDirectory((directory) => {
    const file = path.join(directory, 'bad.pcap');
    writeFileSync(file, bytes);
    const { exitCode, stdout, stderr } = packetwalk(['replay', file, '-t', 'life-of-a-packet', ...args]);
    return { exitCode, stdout: stdout.replaceAll(file, 'FILE'), stderr: stderr.replaceAll(file, 'FILE') };
  });
}

function assertFault(outcome: Outcome, message: string, firstLine: string): void {
  assert.equal(outcome.stderr, `packetwalk: error: ${message}\n`);
  assert.equal(outcome.stdout.split('\n')[0], firstLine);
  assert.equal(outcome.exitCode, 2);
}

describe('a capture with a fault', () => {
  test('cut in the middle of a packet', () => {
    assertFault(
      replay(life.subarray(0, THREE_PACKETS + 60)),
      'FILE, at byte 254: the file ends 60 bytes into a packet; the packets before it were read; ' +
        'the file was cut or is still being written, get the whole of it',
      'FILE through topology life-of-a-packet: 3 frames in 31 µs of capture (with faults: see the error)',
    );
  });

  test('what was before the fault is counted and written', async () => {
    await inTemporaryDirectory(async (directory) => {
      const out = path.join(directory, 'walk.pcapng');
      const { stdout } = replay(life.subarray(0, THREE_PACKETS + 60), '--json', '--out', out);
      const summary = JSON.parse(stdout);
      assert.deepEqual(summary.totals, {
        delivered: 0,
        transmitted: 0,
        stack: 1,
        answered: 1,
        dropped: 0,
        held: 0,
      });
      assert.equal(summary.complete, false);
      assert.equal(summary.faults.length, 1);
      const source = await openCapture(out);
      const ids: number[] = [];
      await forEachBatch(source, new PacketBatch(), (batch) => {
        for (let i = 0; i < batch.count; i++) ids.push(Number(batch.options(i)?.packetId));
      });
      source.close();
      assert.deepEqual(ids, [1, 1, 1, 3, 3, 3, 3, 3]);
    });
  });

  test('an absurd length', () => {
    const bytes = patched(life, THREE_PACKETS + 8, 0x7fffffff);
    const outcome = replay(bytes);
    assert.match(
      outcome.stderr,
      /^packetwalk: error: FILE, at byte 254: .*2147483647 captured bytes.*; .*\n$/,
    );
    assert.match(outcome.stdout, /^FILE through topology life-of-a-packet: 3 frames/);
    assert.equal(outcome.exitCode, 2);
  });

  test('a link type that is not Ethernet', () => {
    assertFault(
      replay(patched(life, 20, 105)),
      'FILE: frame 1 and 109 others are of link type IEEE802_11, not Ethernet; ' +
        'such frames are not walked; capture at an Ethernet device (tcpdump -i DEVICE)',
      'FILE through topology life-of-a-packet: 110 frames in 4.8 s of capture (with faults: see the error)',
    );
  });

  test('frames that the snap length cut', () => {
    // The third packet says that it was 1,000 bytes long.
    const bytes = patched(life.subarray(0, THREE_PACKETS), THREE_PACKETS - 98 - 4, 1000);
    assertFault(
      replay(bytes),
      'FILE: frame 3 is cut by the snap length; ' +
        'the missing bytes were walked as zeros; capture whole frames (tcpdump -s 0)',
      'FILE through topology life-of-a-packet: 3 frames in 31 µs of capture (with faults: see the error)',
    );
  });

  test('no frames at all', () => {
    assertFault(
      replay(life.subarray(0, 24)),
      'FILE: the capture holds no frames; check its filter and its device',
      'FILE through topology life-of-a-packet: 0 frames (with faults: see the error)',
    );
  });

  test('cut gzip', () => {
    const zipped = gzipSync(life);
    const { exitCode, stdout, stderr } = replay(zipped.subarray(0, zipped.length - 2000));
    assert.match(stderr, /^packetwalk: error: FILE, at byte \d+: the gzip data ends too early .*\n$/);
    assert.match(stdout, /^FILE through topology life-of-a-packet: \d+ frames/);
    assert.equal(exitCode, 2);
  });
});

describe('what cannot be read or written', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(0), /^packetwalk: error: FILE, at byte 0: the file is empty; .*\n$/],
    [
      'a wrong magic',
      Buffer.from('GIF89a, not a capture'),
      /at byte 0: the file is no pcap or pcapng capture/,
    ],
    [
      'a header that is cut',
      life.subarray(0, 20),
      /at byte 20: the file ends in its header of 24 bytes; .*\n$/,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () => {
      const { exitCode, stdout, stderr } = replay(bytes);
      assert.match(stderr, message);
      assert.equal(stderr.split('\n').length, 2);
      assert.equal(stdout, '');
      assert.equal(exitCode, 2);
    });
  }

  test('no such capture, a directory, no such place for the output', () => {
    for (const [args, line] of [
      [['nope.pcap'], 'nope.pcap: no such file; check the path'],
      [['test/data'], 'test/data: is a directory; name a capture file in it'],
      [
        [lab('digitalocean-pod.pcap'), '-t', 'digitalocean-pod', '--out', 'nowhere/walk.pcapng'],
        'nowhere/walk.pcapng: no such file; check the path',
      ],
      [
        [lab('digitalocean-pod.pcap'), '-t', 'digitalocean-pod', '--save-topology', 'nowhere/saved.yaml'],
        'nowhere/saved.yaml: no such file; check the path',
      ],
    ] as const) {
      const { exitCode, stdout, stderr } = packetwalk(['replay', ...args]);
      assert.equal(stderr, `packetwalk: error: ${line}\n`);
      assert.equal(stdout, '');
      assert.equal(exitCode, 2);
    }
  });

  const mayReadAll = process.getuid?.() === 0 ? 'root may read every file' : false;
  test('a capture that others own', { skip: mayReadAll }, () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'secret.pcap');
      writeFileSync(file, life);
      chmodSync(file, 0);
      const { exitCode, stderr } = packetwalk(['replay', file]);
      assert.match(stderr, /permission denied/);
      assert.equal(exitCode, 2);
    });
  });
});

describe('a topology with faults', () => {
  function withTopology(yaml: string): Outcome {
    return inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'mine.yaml');
      writeFileSync(file, yaml);
      const outcome = packetwalk(['replay', lab('digitalocean-pod.pcap'), '-t', file]);
      return { ...outcome, stderr: outcome.stderr.replaceAll(file, 'FILE') };
    });
  }

  test('one fault is one line with its place', () => {
    const { exitCode, stdout, stderr } = withTopology(
      'nodes:\n  - name: n1\n    pods:\n      - { name: a, ip: 10.0.0.300 }\n',
    );
    assert.equal(stderr.split('\n').length, 2);
    assert.match(
      stderr,
      /^packetwalk: error: FILE: line 4: nodes\[0\]\.pods\[0\]\.ip: "10\.0\.0\.300" is not an IP address/,
    );
    assert.equal(stdout, '');
    assert.equal(exitCode, 2);
  });

  test('several are a list', () => {
    const { exitCode, stderr } = withTopology(
      'nodes:\n  - name: n1\n    podCIDR: 10.0.0.0/24\n    pods:\n      - { name: a, ip: 10.0.0.300 }\n      - { nam: b }\n',
    );
    const lines = stderr.trimEnd().split('\n');
    assert.match(lines[0], /^packetwalk: error: FILE: \d faults in the topology$/);
    assert.ok(lines.length > 2);
    for (const line of lines.slice(1)) assert.match(line, /^ {2}line \d: nodes\[0\]/);
    assert.equal(exitCode, 2);
  });

  test('a file that is not there, a name that there is not', () => {
    for (const [topology, line] of [
      ['./none.yaml', './none.yaml: there is no such file'],
      [
        'life-of-packet',
        'life-of-packet: no ready-made topology of this name; did you mean "life-of-a-packet"?',
      ],
    ]) {
      const { exitCode, stderr } = packetwalk(['replay', lab('digitalocean-pod.pcap'), '-t', topology]);
      assert.equal(stderr, `packetwalk: error: ${line}\n`);
      assert.equal(exitCode, 2);
    }
  });
});
