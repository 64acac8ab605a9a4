import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameArena, JUMBO_FRAME_LIMIT, SMALL_FRAME_LIMIT } from '../../src/engine/frame-arena.js';

test('frames start at 2 mod 4 with headroom, inside their slots', () => {
  const arena = new FrameArena(2, 1);
  for (const length of [60, SMALL_FRAME_LIMIT, JUMBO_FRAME_LIMIT]) {
    const handle = arena.allocate(length);
    assert.equal(arena.start[handle] % 4, 2);
    assert.ok(arena.start[handle] - arena.base(handle) >= 256);
    assert.ok(arena.start[handle] + length + 64 <= arena.limit(handle));
  }
});

test('small frames use jumbo slots when the small ones are out, then exhaustion is counted', () => {
  const arena = new FrameArena(2, 1);
  const handles = [arena.allocate(60), arena.allocate(60), arena.allocate(60)];
  assert.deepEqual(handles, [0, 1, 2]);
  assert.equal(arena.allocate(60), -1);
  assert.equal(arena.exhausted, 1);
  arena.free(1);
  assert.equal(arena.allocate(60), 1);
});

test('a frame over the largest IP packet has no slot and does not count as exhaustion', () => {
  const arena = new FrameArena(1, 1);
  assert.equal(arena.allocate(JUMBO_FRAME_LIMIT + 1), -1);
  assert.equal(arena.exhausted, 0);
});

test('put copies any length from any offset and zero-fills what the capture cut', () => {
  const arena = new FrameArena(1, 1);
  fc.assert(
    fc.property(fc.nat(600), fc.nat(7), fc.nat(600), (length, at, missing) => {
      const source = Uint8Array.from({ length: at + length }, (_, i) => (i * 7 + 1) & 0xff);
      const handle = arena.put(new DataView(source.buffer), at, length, length + missing);
      const start = arena.start[handle];
      const copied = arena.bytes.slice(start, start + arena.length[handle]);
      arena.bytes.fill(0xee);
      arena.free(handle);
      assert.deepEqual([...copied], [...source.slice(at), ...new Array(missing).fill(0)]);
    }),
  );
});
