/** Whatever is in a file: packets inside the file's bytes, then the end or one CaptureError. Seeded, so it repeats. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { SeededRandom } from '../../src/engine/random.js';
import type { ByteInput } from '../../src/io/byte-window.js';
import { CaptureError } from '../../src/io/capture-error.js';
import { readCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { END, NOTHING_YET } from '../../src/io/packet-source.js';
import { captureFiles, DATA } from './captures.js';
import { interfaceBlock, pcap, pcapngOf, SAMPLES, sectionHeader } from './samples.js';

const random = new SeededRandom(20_260_101);

function below(limit: number): number {
  return (random.next() >>> 0) % limit;
}

/** Bytes in memory, given `step` at a time; says now and then that there is nothing yet. */
class BytesInput implements ByteInput {
  readonly name = 'fuzz';
  position = 0;
  readonly size = -1;
  readonly #bytes: Uint8Array;
  readonly #step: number;
  #pauses = false;

  constructor(bytes: Uint8Array, step: number) {
    this.#bytes = bytes;
    this.#step = step;
  }

  read(into: Uint8Array, at: number, length: number): number {
    this.#pauses = !this.#pauses;
    if (this.#pauses) return NOTHING_YET;
    const count = Math.min(length, this.#step, this.#bytes.length - this.position);
    if (count === 0) return END;
    into.set(this.#bytes.subarray(this.position, this.position + count), at);
    this.position += count;
    return count;
  }

  async wait(): Promise<void> {}

  close(): void {}
}

/** Reads all, checks that each packet lies within the batch's memory; answers the frames in hexadecimal. */
async function survive(
  bytes: Uint8Array,
  step = 1 << 20,
  chunkSize = 4096,
  plainLength = bytes.length,
): Promise<string[]> {
  const frames: string[] = [];
  const batch = new PacketBatch(16);
  try {
    const source = await readCapture(new BytesInput(bytes, step), { chunkSize });
    for (let count = source.read(batch); count !== END; count = source.read(batch)) {
      if (count === NOTHING_YET) await source.wait();
      for (let i = 0; i < count; i++) {
        const start = batch.offset[i];
        const end = start + batch.capturedLength[i];
        assert.ok(start >= 0 && end >= start && end <= batch.bytes.length);
        assert.ok(batch.nanoseconds[i] >= 0 && batch.nanoseconds[i] < 1e9);
        assert.ok(Number.isInteger(batch.seconds[i]));
        assert.ok(batch.interfaceIndex[i] < source.interfaces.length);
        batch.flags(i);
        batch.options(i);
        frames.push(Buffer.from(batch.bytes.subarray(start, end)).toString('hex'));
      }
      // The smallest packet takes 16 bytes.
      assert.ok(frames.length <= plainLength / 16);
    }
    source.close();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    assert.ok(!error.message.includes('\n'));
    assert.ok(error.offset >= 0 && error.offset <= plainLength);
  }
  return frames;
}

/** The files that are small enough to be read many times. */
const captures = captureFiles()
  .map((file): [string, Buffer] => [file, readFileSync(DATA + file)])
  .filter(([, bytes]) => bytes.length < 8000);

describe('captures that are cut', () => {
  test('at random places give the packets before the cut', async () => {
    for (const [file, bytes] of captures) {
      const whole = await survive(bytes);
      for (let i = 0; i < 8; i++) {
        const frames = await survive(bytes.subarray(0, below(bytes.length)), 1 + below(600), 24 + below(300));
        assert.deepEqual(frames, whole.slice(0, frames.length), file);
      }
    }
  });

  test('at every place give the packets before the cut', async () => {
    for (const [file, bytes] of captures.filter(([, { length }]) => length < 500)) {
      const whole = await survive(bytes);
      let before = 0;
      for (let length = 0; length <= bytes.length; length++) {
        const frames = await survive(bytes.subarray(0, length));
        assert.ok(frames.length >= before, file);
        assert.deepEqual(frames, whole.slice(0, frames.length), file);
        before = frames.length;
      }
      assert.equal(before, whole.length, file);
    }
  });
});

describe('captures that are damaged', () => {
  test('by bytes that changed', async () => {
    for (const [, bytes] of captures) {
      for (let i = 0; i < 12; i++) {
        const damaged = Buffer.from(bytes);
        for (let n = below(6); n >= 0; n--) damaged[below(bytes.length)] = random.next();
        await survive(damaged, 1 + below(5000), 24 + below(3000));
      }
    }
  });

  test('by bytes that changed in what describes packets', async () => {
    const bytes = Buffer.concat([pcapngOf(SAMPLES), pcapngOf(SAMPLES, false)]);
    const edges = [0, 1, 3, 4, 0x7f, 0x80, 0xff];
    for (let at = 0; at < 400; at++) {
      for (const value of edges) {
        const damaged = Buffer.from(bytes);
        damaged[at] = value;
        await survive(damaged);
      }
    }
  });

  test('by parts that were lost or doubled', async () => {
    for (const [, bytes] of captures) {
      const [from, to] = [below(bytes.length), below(bytes.length)];
      await survive(Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]));
    }
  });

  test('inside gzip', async () => {
    const [, bytes] = captures.find(([file]) => file === 'pcapng/le-basic-test001.pcapng')!;
    const zipped = gzipSync(bytes);
    assert.deepEqual(gunzipSync(zipped), bytes);
    for (let i = 0; i < 200; i++) {
      const damaged = Buffer.from(zipped);
      damaged[below(zipped.length)] = random.next();
      // deflate expands by 1,032 at most.
      await survive(damaged.subarray(0, zipped.length - below(9)), 100, 4096, 1032 * zipped.length);
    }
  });
});

describe('garbage', () => {
  const starts = [
    Buffer.alloc(0),
    pcap({}),
    pcap({ littleEndian: false, nanoseconds: true }),
    pcap({ linkField: 231 }),
    sectionHeader(true),
    Buffer.concat([sectionHeader(false), interfaceBlock(false)]),
  ];
  for (const [i, start] of starts.entries()) {
    test(`after start ${i}`, async () => {
      const garbage = fc.oneof(fc.uint8Array({ maxLength: 300 }), smallWords);
      await fc.assert(
        fc.asyncProperty(
          garbage,
          async (bytes) => void (await survive(Buffer.concat([start, bytes]), 64, 32)),
        ),
        { numRuns: 300, seed: 7 },
      );
    });
  }
});

/** Words that are likely lengths and types: they get further than random bytes. */
const smallWords = fc
  .array(fc.integer({ min: 0, max: 64 }), { maxLength: 60 })
  .map((words) => new Uint8Array(Uint32Array.from(words).buffer));
