/** What every PacketSink must do. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PacketSink, PacketSource } from '../../src/io/packet-source.js';
import { collect, complete, type Sample } from './samples.js';

/** A new sink, and a source of what was written to it once it is closed. */
export interface SinkUnderTest {
  readonly sink: PacketSink;
  readonly readBack: () => Promise<PacketSource>;
}

/** `samples` are packets that the sink has to keep in full, of one interface. */
export function testSink(name: string, make: () => SinkUnderTest, samples: readonly Sample[]): void {
  const packets = samples.map(complete);

  function write(
    sink: PacketSink,
    id: number,
    { hex, original, seconds, nanoseconds, options }: Required<Sample>,
  ): void {
    const bytes = Buffer.from(`5a5a${hex}5a`, 'hex');
    sink.write(id, seconds, nanoseconds, bytes, 2, hex.length / 2, original, options);
    // The sink must have copied the bytes.
    bytes.fill(0);
  }

  describe(`sink: ${name}`, () => {
    test('keeps each packet, in order', async () => {
      const { sink, readBack } = make();
      const id = sink.addInterface({ name: 'eth0', snapLength: 0 });
      assert.equal(id, 0);
      for (const packet of packets) write(sink, id, packet);
      sink.close();
      assert.deepEqual(await collect(await readBack()), packets);
    });

    test('without a packet it is an empty capture', async () => {
      const { sink, readBack } = make();
      sink.close();
      assert.deepEqual(await collect(await readBack()), []);
    });

    test('takes frames of any length, in any amount', async () => {
      const { sink, readBack } = make();
      sink.addInterface({});
      const lengths = [60, 200_000, 1, 0, 65_535, 9_000, 262_144];
      const many = Array.from({ length: 70 }, (_, i) =>
        complete({
          hex: (i + 16).toString(16).repeat(lengths[i % lengths.length]),
          seconds: 1_700_000_000 + i,
          nanoseconds: 1000 * i,
        }),
      );
      for (const packet of many) write(sink, 0, packet);
      sink.flush();
      sink.close();
      assert.deepEqual(await collect(await readBack()), many);
    });

    test('takes more packets than it has room for at first', async () => {
      const { sink, readBack } = make();
      sink.addInterface({});
      const many = Array.from({ length: 3000 }, (_, i) =>
        complete({ hex: 'a5'.repeat(i % 700), seconds: i, nanoseconds: 0 }),
      );
      for (const packet of many) write(sink, 0, packet);
      sink.close();
      assert.deepEqual(await collect(await readBack()), many);
    });

    test('takes an interface after packets of others', async () => {
      const { sink, readBack } = make();
      sink.addInterface({ name: 'one' });
      write(sink, 0, packets[0]);
      assert.equal(sink.addInterface({ name: 'two' }), 1);
      write(sink, 1, packets[0]);
      sink.close();
      assert.equal((await collect(await readBack())).length, 2);
    });

    test('can be closed twice', () => {
      const { sink } = make();
      sink.close();
      sink.close();
    });
  });
}
