/** Records of several datapath threads become one file and one stream of events. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { WalkDesk, type WalkDeskOptions } from '../../src/cli/lab/walk-desk.js';
import { readMonitorChoice } from '../../src/cli/monitor/choice.js';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch, VERDICT_EBPF_TC } from '../../src/io/packet-source.js';
import { WalkStreamWriter } from '../../src/live/walk-stream.js';
import { fromHex, toHex } from '../support/hex.js';
import { buildReady } from '../topologies/support.js';
import { inTemporaryDirectory } from './run.js';

const FRAME = fromHex('ffffffffffff 02700000000a 0806 0001');
/** Debug message 2 of endpoint 0x65. */
const EVENT = fromHex('02 02 6500 00000000 01000000 02000000 03000000');
const DAY_NS = 1.7e18;

function open(options: Partial<WalkDeskOptions>): { desk: WalkDesk; printed: () => string } {
  let text = '';
  const print = (more: string, written: () => void): void => {
    text += more;
    written();
  };
  const desk = new WalkDesk({
    record: null,
    monitor: null,
    workers: 2,
    print,
    say: () => {},
    ...options,
  });
  return { desk, printed: () => text };
}

/** A batch of one worker: `write` puts records into the stream. */
function send(
  desk: WalkDesk,
  worker: number,
  stream: WalkStreamWriter,
  untilNs: number,
  generation = 0,
): void {
  const bytes = stream.take();
  Atomics.add(new Int32Array(desk.watching.unread), worker, bytes.length);
  desk.take({ worker, generation, untilNs, bytes });
}

describe('recording of two workers', () => {
  test('frames in the order of time, each place once, nothing that is not due', async () => {
    await inTemporaryDirectory(async (directory) => {
      const file = path.join(directory, 'walk.pcapng');
      const { desk } = open({ record: file });
      desk.begin(DAY_NS);
      const streams = [new WalkStreamWriter(), new WalkStreamWriter()];
      const note = (worker: number, timeNs: number, place: string, packetId: number): void => {
        const stream = streams[worker];
        stream.timeNs = timeNs;
        const id = stream.addInterface({ name: place, linkType: 1 });
        const options = {
          comment: `no. ${packetId}`,
          flags: 1,
          packetId,
          verdictKind: VERDICT_EBPF_TC,
          verdict: -1,
        };
        stream.write(id, 0, 0, FRAME, 0, FRAME.length - 1, FRAME.length, options);
      };
      note(0, 1000, 'node:a', 1);
      note(0, 3000, 'node:b', 3);
      send(desk, 0, streams[0], 3001);
      const unread = new Int32Array(desk.watching.unread);
      assert.ok(unread[0] > 0, 'the other could have an earlier one');
      note(1, 2000, 'node:b', 2);
      send(desk, 1, streams[1], 2500);
      assert.deepEqual([unread[0] > 0, unread[1]], [true, 0]);
      send(desk, 1, streams[1], 5000);
      assert.deepEqual([...unread], [0, 0, 0]);
      note(1, 4000, 'node:c', 4);
      send(desk, 1, streams[1], Number.POSITIVE_INFINITY);
      desk.close();

      const source = await openCapture(file);
      const rows: unknown[] = [];
      await forEachBatch(source, new PacketBatch(), (batch) => {
        for (let i = 0; i < batch.count; i++) {
          const { packetId, comment, verdictKind, verdict } = batch.options(i)!;
          const { name } = source.interfaces[batch.interfaceIndex[i]];
          const frame = toHex(batch.bytes, batch.offset[i], batch.capturedLength[i]);
          rows.push([
            batch.nanoseconds[i],
            name,
            Number(packetId),
            comment,
            verdictKind,
            Number(verdict),
            frame,
          ]);
        }
      });
      const frame = 'ffffffffffff02700000000a08060001'.slice(0, -2);
      assert.deepEqual(rows, [
        [1024, 'node:a', 1, 'no. 1', 1, -1, frame],
        [2048, 'node:b', 2, 'no. 2', 1, -1, frame],
        [3072, 'node:b', 3, 'no. 3', 1, -1, frame],
        [4096, 'node:c', 4, 'no. 4', 1, -1, frame],
      ]);
      assert.deepEqual(
        source.interfaces.map(({ name }) => name),
        ['node:a', 'node:b', 'node:c'],
      );
      source.close();
    });
  });
});

test('a file that cannot be written is told once, and nobody waits for it', async () => {
  const { desk } = open({ record: '/dev/full', workers: 1 });
  desk.begin(DAY_NS);
  const stream = new WalkStreamWriter();
  const id = stream.addInterface({ name: 'node:a', linkType: 1 });
  const long = new Uint8Array(65_000);
  const unread = new Int32Array(desk.watching.unread);
  for (let batch = 0; batch < 4; batch++) {
    for (let i = 0; i < 10; i++) stream.write(id, 0, 0, long, 0, long.length, long.length);
    send(desk, 0, stream, batch + 1);
    assert.equal(unread[0], 0);
  }
  await assert.rejects(desk.failed, /\/dev\/full, at byte 0: cannot be written \(ENOSPC\)/);
  desk.close();
});

describe('monitor of two workers', () => {
  test('each event once, in the order of time, with what was lost before', () => {
    const { desk, printed } = open({ monitor: readMonitorChoice('cilium-dbg monitor -v', undefined) });
    desk.expect(0, () => buildReady('same-node'));
    const streams = [new WalkStreamWriter(), new WalkStreamWriter()];
    const note = (worker: number, timeNs: number, argument: number, lost = 0): void => {
      const event = EVENT.slice();
      event[8] = argument;
      streams[worker].timeNs = timeNs;
      streams[worker].event(0, lost, event, 0, event.length);
    };
    note(1, 2000, 0x22);
    note(1, 4000, 0x44, 3);
    // What comes before the clock is known waits.
    send(desk, 1, streams[1], Number.POSITIVE_INFINITY);
    desk.begin(DAY_NS);
    assert.equal(printed(), '');
    note(0, 1000, 0x11);
    note(0, 3000, 0x33);
    streams[0].event(0, 2, EVENT, 0, 0);
    send(desk, 0, streams[0], Number.POSITIVE_INFINITY);
    desk.close();
    const seen = [...printed().matchAll(/Lost \d+ events|0x[1-4]{2}\b|\b(17|34|51|68)\b/g)].map(
      ([text]) => text,
    );
    assert.deepEqual(seen, ['17', '34', '51', 'Lost 2 events', 'Lost 3 events', '68'], printed());
  });

  test('a wrong command line is told before anything runs', () => {
    const { desk } = open({ monitor: readMonitorChoice('tcpdump', undefined) });
    assert.throws(
      () => desk.expect(0, () => buildReady('same-node')),
      /monitor: tcpdump is no monitor; there are cilium-dbg monitor/,
    );
  });
});
