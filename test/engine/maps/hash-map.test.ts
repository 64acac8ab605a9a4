import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { HashMap } from '../../../src/engine/maps/hash-map.js';
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, type MapType } from '../../../src/engine/maps/map.js';
import { mapSuite } from './map-suite.js';

/** Key `i` of `size` bytes: differs in the first and last byte, zero after it. */
function key(size: number, i: number): Int32Array {
  const bytes = new Uint8Array((size + 3) & ~3);
  bytes[0] = i;
  bytes[size - 1] = i >> 8;
  bytes[size >> 1] ^= i;
  return new Int32Array(bytes.buffer);
}

for (const type of ['hash', 'percpu_hash'] as const) {
  for (const keySize of [4, 8, 12, 14, 20, 24, 28, 32, 38, 40, 44, 52]) {
    mapSuite({
      spec: { type, keySize, valueSize: 14 },
      key: (i) => key(keySize, i),
      whenFull: -7,
      flags: 'all',
    });
  }
}
mapSuite({
  spec: { type: 'hash', keySize: 2, valueSize: 1 },
  key: (i) => Int32Array.of(i),
  whenFull: -7,
  flags: 'all',
});
for (const type of ['lru_hash', 'lru_percpu_hash'] as const) {
  mapSuite({
    spec: { type, keySize: 14, valueSize: 56 },
    key: (i) => key(14, i),
    whenFull: 'evicts',
    flags: 'all',
  });
}

function hashMap(type: MapType, maxEntries: number, seed = 0): HashMap {
  const map = createMap({ name: 'test', type, keySize: 8, valueSize: 8, maxEntries, cpus: 1 }, { seed });
  assert.ok(map instanceof HashMap);
  return map;
}

describe('hash', () => {
  test('keys that differ in any one bit are different', () => {
    for (const keySize of [4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48]) {
      const map = createMap({ name: 'test', type: 'hash', keySize, valueSize: 4, maxEntries: 1024 });
      const keyOf = (bit: number) => {
        const words = new Int32Array(keySize / 4).fill(0x5a5a5a5a);
        words[bit >> 5] ^= 1 << (bit & 31);
        return words;
      };
      for (let bit = 0; bit < keySize * 8; bit++) {
        const inserted = map.insert(keyOf(bit), 0, BPF_NOEXIST);
        map.words[inserted >> 2] = bit;
      }
      assert.equal(map.size, keySize * 8);
      for (let bit = 0; bit < keySize * 8; bit++)
        assert.equal(map.words[map.lookup(keyOf(bit), 0) >> 2], bit);
    }
  });

  test('does what a plain map does, whatever the seed', () => {
    const operation = fc.tuple(fc.nat(3), fc.nat(39), fc.nat(2), fc.integer());
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), fc.integer(), (operations, seed) => {
        const map = hashMap('hash', 24, seed);
        const model = new Map<number, number>();
        for (const [what, which, flags, value] of operations) {
          const words = Int32Array.of(which << 24, which >> 2);
          const known = model.has(which);
          if (what === 0) {
            assert.equal(map.delete(words, 0), known ? 0 : -2);
            model.delete(which);
          } else if (what === 1) {
            const offset = map.lookup(words, 0);
            assert.equal(offset >= 0, known);
            if (known) assert.equal(map.words[offset >> 2], model.get(which));
          } else {
            const offset = map.insert(words, 0, flags);
            if (known && flags === BPF_NOEXIST) assert.equal(offset, -17);
            else if (!known && flags === BPF_EXIST) assert.equal(offset, -2);
            else if (!known && model.size === 24) assert.equal(offset, -7);
            else {
              assert.equal(map.words[offset >> 2], model.get(which) ?? 0);
              map.words[offset >> 2] = value;
              model.set(which, value);
            }
          }
          assert.equal(map.size, model.size);
        }
        const entries = new Map<number, number>();
        for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
          entries.set(map.words[map.keyAt(cursor) >> 2] >>> 24, map.words[map.valueAt(cursor) >> 2]);
        }
        assert.deepEqual(entries, model);
      }),
    );
  });

  test('200,000 inserts and deletes leave no longer searches behind', () => {
    const map = hashMap('hash', 1024);
    for (let i = 0; i < 200_000; i++) {
      if (i >= 900) assert.equal(map.delete(Int32Array.of(i - 900, 7), 0), 0);
      assert.ok(map.insert(Int32Array.of(i, 7), 0, BPF_NOEXIST) >= 0);
    }
    assert.equal(map.size, 900);
    const index = (map as unknown as { index: Int32Array }).index;
    assert.equal(index.filter((word) => word !== 0).length, 900);
    let longest = 0;
    for (let cell = 0, run = 0; cell < index.length; cell++) {
      run = index[cell] === 0 ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    assert.ok(longest < 30, `a run of ${longest} cells`);
  });

  test('keys chosen against other hashes spread as well as any', () => {
    // Only the upper ten bits of two words differ: sums of plain products would take 1,024 values.
    const map = hashMap('hash', 65536);
    for (let i = 0; i < 65536; i++) map.insert(Int32Array.of((i & 0xff) << 24, (i >> 8) << 24), 0, BPF_ANY);
    assert.equal(map.size, 65536);
    const index = (map as unknown as { index: Int32Array }).index;
    let longest = 0;
    for (let cell = 0, run = 0; cell < index.length; cell++) {
      run = index[cell] === 0 ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    assert.ok(longest < 60, `a run of ${longest} cells`);
  });

  test('a large map that is nearly empty takes little memory', () => {
    const before = process.memoryUsage().rss;
    const maps = Array.from({ length: 10 }, (_, i) =>
      createMap({ name: `ct${i}`, type: 'lru_hash', keySize: 14, valueSize: 56, maxEntries: 524288 }),
    );
    for (const map of maps) {
      for (let i = 0; i < 100; i++) map.insert(Int32Array.of(i, 0, 0, 0), 0, BPF_ANY);
    }
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    assert.ok(grown < 40, `10 maps of 48 MiB took ${grown.toFixed(0)} MiB`);
  });

  test('prefetch changes nothing', () => {
    const map = hashMap('hash', 200);
    const keys = Int32Array.from({ length: 600 }, (_, i) => i >> 1);
    map.prefetch(keys, 0, 2, 300);
    for (let i = 0; i < 200; i++) {
      const at = map.insert(keys, i * 2, BPF_ANY);
      map.words[at >> 2] = i;
    }
    map.prefetch(keys, 0, 2, 300);
    map.prefetch(keys, 4, 2, 1);
    map.prefetch(keys, 0, 2, 0);
    assert.equal(map.size, 200);
    for (let i = 0; i < 200; i++) assert.equal(map.words[map.lookup(keys, i * 2) >> 2], i);
  });
});

describe('lru_hash', () => {
  const entry = (i: number) => Int32Array.of(i, i);

  test('an entry in use survives churn', () => {
    const map = hashMap('lru_hash', 256);
    for (let i = 0; i < 256; i++) map.insert(entry(i), 0, BPF_ANY);
    for (let i = 256; i < 20_000; i++) {
      assert.ok(map.lookup(entry(7), 0) >= 0, `gone after ${i}`);
      assert.ok(map.insert(entry(i), 0, BPF_ANY) >= 0);
      assert.equal(map.size, 256);
    }
    assert.ok(map.lookup(entry(19_999), 0) >= 0);
    assert.equal(map.lookup(entry(8), 0), -1);
  });

  test('an update counts as use', () => {
    const map = hashMap('lru_hash', 4);
    for (let i = 0; i < 4; i++) map.insert(entry(i), 0, BPF_ANY);
    map.update(entry(0), 0, new Uint8Array(8), 0, BPF_EXIST);
    map.insert(entry(4), 0, BPF_ANY);
    assert.ok(map.lookup(entry(0), 0) >= 0);
    assert.equal(map.lookup(entry(1), 0), -1);
  });

  test('when all were used the oldest goes', () => {
    const map = hashMap('lru_hash', 4);
    for (let i = 0; i < 4; i++) map.insert(entry(i), 0, BPF_ANY);
    for (let i = 0; i < 4; i++) map.lookup(entry(i), 0);
    map.insert(entry(4), 0, BPF_ANY);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((i) => map.lookup(entry(i), 0) >= 0),
      [false, true, true, true, true],
    );
  });

  test('reading by iteration is no use', () => {
    const map = hashMap('lru_hash', 4);
    for (let i = 0; i < 4; i++) map.insert(entry(i), 0, BPF_ANY);
    for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) map.valueAt(cursor);
    map.lookup(entry(3), 0);
    for (let i = 4; i < 7; i++) map.insert(entry(i), 0, BPF_ANY);
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => map.lookup(entry(i), 0) >= 0),
      [false, false, false, true],
    );
  });

  test('flags are checked before anything is evicted', () => {
    const map = hashMap('lru_hash', 2);
    map.insert(entry(0), 0, BPF_ANY);
    map.insert(entry(1), 0, BPF_ANY);
    assert.equal(map.insert(entry(2), 0, BPF_EXIST), -2);
    assert.equal(map.insert(entry(1), 0, BPF_NOEXIST), -17);
    assert.ok(map.lookup(entry(0), 0) >= 0);
  });

  test('holds what came last, with the right values, whatever happens', () => {
    const operation = fc.tuple(fc.nat(3), fc.nat(60));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400, size: 'max' }), fc.integer(), (operations, seed) => {
        const map = hashMap('lru_hash', 13, seed);
        const live = new Set<number>();
        for (const [what, which] of operations) {
          if (what === 0) {
            const answer = map.delete(entry(which), 0);
            assert.ok(answer === 0 || answer === -2);
            if (answer === 0) assert.ok(live.has(which));
            live.delete(which);
          } else if (what === 1) {
            const offset = map.lookup(entry(which), 0);
            if (offset >= 0) assert.equal(map.words[offset >> 2], which + 1);
            if (offset >= 0) assert.ok(live.has(which));
          } else {
            const offset = map.insert(entry(which), 0, BPF_ANY);
            map.words[offset >> 2] = which + 1;
            live.add(which);
            assert.equal(map.lookup(entry(which), 0), offset);
          }
          assert.ok(map.size <= 13);
        }
        let count = 0;
        for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
          const which = map.words[map.keyAt(cursor) >> 2];
          assert.equal(map.words[map.valueAt(cursor) >> 2], which + 1);
          assert.equal(map.lookup(entry(which), 0), map.valueAt(cursor));
          count++;
        }
        assert.equal(count, map.size);
      }),
    );
  });
});
