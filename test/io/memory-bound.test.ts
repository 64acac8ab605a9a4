/** Memory stays bounded however large the capture is; and what is said to be large takes no memory. */
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { describe, test } from 'node:test';
import { constants, gzipSync } from 'node:zlib';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch } from '../../src/io/packet-source.js';
import { readWithOurs } from './captures.js';
import { interfaceBlock, pack, packetBlock, pcap, sectionHeader, temporaryDirectory } from './samples.js';

const directory = temporaryDirectory();
const MEBIBYTE = 1 << 20;

/** A file of `size` bytes that holds the given pieces, and takes little room on the disk. */
function sparse(
  name: string,
  size: number,
  pieces: Iterable<readonly [at: number, bytes: Uint8Array]>,
): string {
  const file = openSync(`${directory}/${name}`, 'w');
  for (const [at, bytes] of pieces) writeSync(file, bytes, 0, bytes.length, at);
  ftruncateSync(file, size);
  closeSync(file);
  return `${directory}/${name}`;
}

async function countAndGrowth(path: string): Promise<{ packets: number; grown: number }> {
  const source = await openCapture(path);
  const batch = new PacketBatch();
  const before = process.memoryUsage.rss();
  let packets = 0;
  let most = before;
  await forEachBatch(source, batch, ({ count }) => {
    packets += count;
    if (packets % 64 === 0) most = Math.max(most, process.memoryUsage.rss());
  });
  source.close();
  return { packets, grown: Math.max(most, process.memoryUsage.rss()) - before };
}

describe('bounded memory', () => {
  test('a pcap of 400 MB', async () => {
    const length = 262_144;
    const packets = 1500;
    const header = pack(true, 1, 0, length, length);
    function* pieces(): Generator<[number, Uint8Array]> {
      yield [0, pcap({})];
      for (let i = 0; i < packets; i++) yield [24 + i * (16 + length), header];
    }
    const path = sparse('large.pcap', 24 + packets * (16 + length), pieces());
    const result = await countAndGrowth(path);
    assert.equal(result.packets, packets);
    assert.ok(result.grown < 40 * MEBIBYTE, `grew by ${result.grown} bytes`);
  });

  test('a pcapng block of 400 MB that is passed over', async () => {
    const packet = packetBlock(true, { hex: 'aa', seconds: 1, nanoseconds: 1 });
    const start = Buffer.concat([sectionHeader(true), interfaceBlock(true), packet]);
    const total = 400 * MEBIBYTE;
    const end = start.length + total;
    const path = sparse('large.pcapng', end + packet.length, [
      [0, start],
      [start.length, pack(true, 10, total)],
      [end - 4, pack(true, total)],
      [end, packet],
    ]);
    const result = await countAndGrowth(path);
    assert.equal(result.packets, 2);
    assert.ok(result.grown < 40 * MEBIBYTE, `grew by ${result.grown} bytes`);
  });

  test('gzip that expands a thousandfold', async () => {
    // Packets of no bytes at time 0: nothing but zeros.
    const bytes = Buffer.alloc(24 + 128 * MEBIBYTE);
    pcap({}).copy(bytes);
    const path = `${directory}/bomb.gz`;
    writeFileSync(path, gzipSync(bytes, { level: constants.Z_BEST_SPEED }));
    const result = await countAndGrowth(path);
    assert.equal(result.packets, (128 * MEBIBYTE) / 16);
    assert.ok(result.grown < 120 * MEBIBYTE, `grew by ${result.grown} bytes`);
  });

  test('a packet of 128 MiB that is not there', async () => {
    const path = `${directory}/claims.pcap`;
    writeFileSync(path, pcap({ linkField: 231 }, pack(true, 0, 0, 128 * MEBIBYTE, 128 * MEBIBYTE, 'aabb')));
    const before = process.memoryUsage().arrayBuffers;
    const { rows, error } = await readWithOurs(path);
    assert.deepEqual(rows, []);
    assert.match(error, /at byte 24: the file ends 18 bytes into a packet/);
    assert.ok(process.memoryUsage().arrayBuffers - before < 4 * MEBIBYTE);
  });
});
