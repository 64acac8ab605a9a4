import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { PerfRing } from '../../../src/engine/maps/perf-ring.js';

function ring(ringBytes: number): PerfRing {
  const map = createMap(
    { name: 'cilium_events', type: 'perf_event_array', keySize: 4, valueSize: 4, maxEntries: 8 },
    { ringBytes },
  );
  assert.ok(map instanceof PerfRing);
  return map;
}

function write(map: PerfRing, length: number, fill: number): boolean {
  const at = map.reserve(length);
  if (at >= 0) map.bytes.fill(fill, at, at + length);
  return at >= 0;
}

/** The next record as [length, lost before it, bytes], or [-1, lost]. */
function take(map: PerfRing): unknown[] {
  const at = map.read();
  if (at < 0) return [-1, map.lostBefore];
  return [map.length, map.lostBefore, [...map.bytes.subarray(at, at + map.length)]];
}

describe('perf ring', () => {
  test('records come out as they went in, in order', () => {
    const map = ring(256);
    assert.deepEqual(take(map), [-1, 0]);
    write(map, 3, 1);
    write(map, 0, 0);
    write(map, 9, 2);
    assert.deepEqual(take(map), [3, 0, [1, 1, 1]]);
    assert.deepEqual(take(map), [0, 0, []]);
    assert.deepEqual(take(map), [9, 0, [2, 2, 2, 2, 2, 2, 2, 2, 2]]);
    assert.deepEqual(take(map), [-1, 0]);
    assert.equal(map.written, 3);
  });

  test('records start 8-byte aligned', () => {
    const map = ring(256);
    for (let length = 1; length < 12; length++) assert.equal(map.reserve(length) & 7, 0);
  });

  test('when full the new ones are lost, and the reader learns where', () => {
    const map = ring(64);
    for (let i = 1; i <= 4; i++) assert.ok(write(map, 8, i));
    for (let i = 5; i <= 7; i++) assert.ok(!write(map, 8, i));
    assert.equal(map.lost, 3);
    assert.equal(take(map)[1], 0);
    // The record being read still has its place.
    assert.ok(!write(map, 8, 8));
    assert.deepEqual(take(map), [8, 0, [2, 2, 2, 2, 2, 2, 2, 2]]);
    assert.ok(write(map, 8, 9));
    assert.deepEqual(take(map)[0], 8);
    assert.deepEqual(take(map)[0], 8);
    assert.deepEqual(take(map), [8, 4, [9, 9, 9, 9, 9, 9, 9, 9]]);
    assert.deepEqual(take(map), [-1, 0]);
    assert.equal(map.lost, 4);
    assert.equal(map.written, 5);
  });

  test('losses after the last record are told at the end, once', () => {
    const map = ring(64);
    assert.ok(write(map, 50, 1));
    assert.ok(!write(map, 8, 2));
    assert.equal(take(map)[0], 50);
    assert.deepEqual(take(map), [-1, 1]);
    assert.deepEqual(take(map), [-1, 0]);
  });

  test('a record never wraps', () => {
    const map = ring(64);
    write(map, 16, 1);
    write(map, 16, 2);
    take(map);
    take(map);
    // 16 bytes are left at the end, and 24 at the start before the record being read: header and 16.
    assert.equal(map.reserve(17), -1);
    const at = map.reserve(16);
    assert.equal(at, 8);
    map.bytes.fill(3, at, at + 16);
    assert.deepEqual(take(map), [16, 1, new Array(16).fill(3)]);
  });

  test('the last byte is used', () => {
    const map = ring(64);
    for (let i = 0; i < 4; i++) assert.ok(write(map, 8, i));
    take(map);
    take(map);
    take(map);
    assert.ok(write(map, 8, 4));
    assert.ok(write(map, 8, 5));
    assert.ok(!write(map, 8, 6));
  });

  test('a record larger than the ring is lost', () => {
    const map = ring(64);
    assert.equal(map.reserve(57), -1);
    assert.ok(map.reserve(56) >= 0);
    assert.equal(map.lost, 1);
  });

  test('nobody reads: discard counts and writes nothing', () => {
    const map = ring(64);
    map.mode = 'discard';
    for (let i = 0; i < 100; i++) assert.equal(map.reserve(8), -1);
    assert.equal(map.lost, 100);
    assert.equal(map.written, 0);
  });

  test('nobody reads: overwrite goes round and never fills', () => {
    const map = ring(64);
    map.mode = 'overwrite';
    const offsets = Array.from({ length: 6 }, () => map.reserve(12));
    assert.deepEqual(offsets, [8, 32, 8, 32, 8, 32]);
    assert.equal(map.reserve(60), -1);
    assert.equal(map.written, 6);
    assert.equal(map.read(), -1);
  });

  test('has no entries', () => {
    const map = ring(64);
    assert.equal(map.lookup(), -1);
    assert.equal(map.insert(), -22);
    assert.equal(map.update(), -22);
    assert.equal(map.delete(), -22);
    assert.equal(map.next(), -1);
    assert.equal(map.size, 0);
  });

  test('nothing is lost or invented, whatever the order of writing and reading', () => {
    const step = fc.oneof(fc.constant(-1), fc.nat(40), fc.nat(12));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const map = ring(96);
        const model: { length: number; fill: number; lostBefore: number }[] = [];
        let lost = 0;
        let fill = 0;
        const check = () => {
          const at = map.read();
          const expected = model.shift();
          if (expected === undefined) {
            assert.equal(at, -1);
            assert.equal(map.lostBefore, lost);
            lost = 0;
            return false;
          }
          assert.equal(map.length, expected.length);
          assert.equal(map.lostBefore, expected.lostBefore);
          for (let i = 0; i < expected.length; i++) assert.equal(map.bytes[at + i], expected.fill);
          return true;
        };
        for (const length of steps) {
          fill = (fill + 1) & 0xff;
          if (length < 0) check();
          else if (write(map, length, fill)) {
            model.push({ length, fill, lostBefore: lost });
            lost = 0;
          } else {
            assert.ok(model.length > 0 || length > 40 || map.length > 0, 'lost though empty');
            lost++;
          }
        }
        while (check());
      }),
    );
  });
});
