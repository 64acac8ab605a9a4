import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventQueue } from '../../src/engine/event-queue.js';
import { FRAME_OVER_MTU, LINK_QUEUE_FULL, LOST_ON_LINK } from '../../src/engine/fate.js';
import { LinkDirection, PLAIN_LINK } from '../../src/engine/link.js';
import { SeededRandom } from '../../src/engine/random.js';

test('events come by time, those of one time as they were scheduled, cancelled ones not at all', () => {
  const queue = new EventQueue();
  const seen: string[] = [];
  const times = [30, 10, 20, 10, 30, 0, 20, 10];
  const timers = times.map((time, i) => queue.schedule(time, () => seen.push(`${time}.${i}`)));
  queue.cancel(timers[3]);
  queue.cancel(timers[5]);
  assert.equal(queue.nextTimeNs, 10);
  for (let call = queue.take(); call !== null; call = queue.take()) call();
  assert.deepEqual(seen, ['10.1', '10.7', '20.2', '20.6', '30.0', '30.4']);
  assert.equal(queue.nextTimeNs, Number.POSITIVE_INFINITY);
});

test('a link takes its latency, and at 8 Mbit/s 1 us a byte', () => {
  const link = new LinkDirection({ ...PLAIN_LINK, latencyNs: 5000, bitsPerSecond: 8e6 }, new SeededRandom(1));
  assert.deepEqual(
    [link.arrivalNs(0, 100), link.arrivalNs(0, 100), link.arrivalNs(1e9, 100)],
    [105_000, 205_000, 1_000_105_000],
  );
});

test('what a link does not take', () => {
  const narrow = new LinkDirection({ ...PLAIN_LINK, mtu: 1000 }, new SeededRandom(1));
  assert.deepEqual([narrow.arrivalNs(0, 1014), narrow.arrivalNs(0, 1015)], [0, -FRAME_OVER_MTU]);
  const dead = new LinkDirection({ ...PLAIN_LINK, loss: 1 }, new SeededRandom(1));
  assert.equal(dead.arrivalNs(0, 100), -LOST_ON_LINK);
  const slow = new LinkDirection({ ...PLAIN_LINK, bitsPerSecond: 1e6 }, new SeededRandom(1));
  const results = Array.from({ length: 1100 }, () => slow.arrivalNs(0, 1514));
  assert.equal(
    results.findIndex((result) => result < 0),
    1001,
  );
  assert.equal(results[1001], -LINK_QUEUE_FULL);
});

test('about one in ten gets lost', () => {
  const link = new LinkDirection({ ...PLAIN_LINK, loss: 0.1 }, new SeededRandom(7));
  const lost = Array.from({ length: 10_000 }, () => link.arrivalNs(0, 100)).filter(
    (result) => result < 0,
  ).length;
  assert.ok(lost > 900 && lost < 1100, String(lost));
});
