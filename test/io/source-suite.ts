/** What every PacketSource must do. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { END, NOTHING_YET, type PacketSource } from '../../src/io/packet-source.js';
import { collect, complete, type Sample, sampleOf } from './samples.js';

/** `open` makes a new source each time, which has to give the packets of `expected`, at least three. */
export function testSource(
  name: string,
  open: () => Promise<PacketSource>,
  expected: readonly Sample[],
): void {
  const packets = expected.map(complete);

  describe(`source: ${name}`, () => {
    for (const capacity of [1, 2, 3, 4096]) {
      test(`gives each packet once and in order, in batches of up to ${capacity}`, async () => {
        assert.deepEqual(await collect(await open(), new PacketBatch(capacity)), packets);
      });
    }

    test('overwrites whatever the batch held', async () => {
      const batch = new PacketBatch(8);
      batch.hasOptions = true;
      batch.optionsLittleEndian = false;
      batch.count = 8;
      for (const column of [batch.offset, batch.capturedLength, batch.interfaceIndex, batch.nanoseconds])
        column.fill(77);
      batch.optionsStart.fill(1);
      batch.optionsEnd.fill(99);
      batch.seconds.fill(1e15);
      assert.deepEqual(await collect(await open(), batch), packets);
    });

    test('answers as many as the batch holds, then END for good', async () => {
      const source = await open();
      const batch = new PacketBatch(2);
      let given = 0;
      for (let count = source.read(batch); count !== END; count = source.read(batch)) {
        if (count === NOTHING_YET) await source.wait();
        assert.equal(batch.count, count);
        assert.ok(count <= batch.capacity);
        given += count;
      }
      assert.equal(given, packets.length);
      await source.wait();
      assert.equal(source.read(batch), END);
      assert.equal(batch.count, 0);
      source.close();
    });

    test('knows the interface of each packet it gave', async () => {
      const source = await open();
      const given = await collect(source);
      for (const packet of given) assert.equal(typeof source.interfaces[packet.interface].linkType, 'number');
    });

    test('has a position within its size, where it has one', async () => {
      const source = await open();
      await collect(source);
      if (source.size >= 0) assert.equal(source.position, source.size);
      else assert.ok(source.position >= -1);
    });

    test('can be closed early and twice; then it is at its end', async () => {
      const source = await open();
      const batch = new PacketBatch(1);
      while (source.read(batch) === NOTHING_YET) await source.wait();
      assert.deepEqual(sampleOf(batch, 0), packets[0]);
      source.close();
      source.close();
      assert.equal(source.read(batch), END);
      assert.equal(batch.count, 0);
      await source.wait();
    });

    test('shares nothing with another of its kind', async () => {
      const [one, two] = [await open(), await open()];
      const [oneBatch, twoBatch] = [new PacketBatch(1), new PacketBatch(1)];
      for (const packet of packets) {
        while (one.read(oneBatch) === NOTHING_YET) await one.wait();
        while (two.read(twoBatch) === NOTHING_YET) await two.wait();
        assert.deepEqual(sampleOf(oneBatch, 0), packet);
        assert.deepEqual(sampleOf(twoBatch, 0), packet);
      }
      one.close();
      two.close();
    });
  });
}
