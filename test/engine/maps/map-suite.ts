/** What every map type must do; each type's test states its traits and runs this. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, type BpfMap, type MapSpec } from '../../../src/engine/maps/map.js';

const ENOENT = -2;
const EEXIST = -17;
const EINVAL = -22;

export interface MapTraits {
  readonly spec: Omit<MapSpec, 'name' | 'maxEntries'>;
  /** Key number `i`; different for each i from 0 to 4095. */
  key(i: number): Int32Array;
  /** What an insert into a full map answers. */
  readonly whenFull: 'evicts' | number;
  /** Flags that an update takes: all three, or BPF_ANY alone. */
  readonly flags: 'all' | 'any';
}

/** A map with the traits' type. */
export function make(traits: MapTraits, maxEntries: number): BpfMap {
  return createMap({ ...traits.spec, name: `test_${traits.spec.type}`, maxEntries });
}

/** Numbers (first value byte) that an iteration visits. */
export function visited(map: BpfMap): number[] {
  const found: number[] = [];
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    found.push(map.bytes[map.valueAt(cursor)]);
  }
  return found.sort((a, b) => a - b);
}

/** Types whose entries come and go: hashes, tries, arrays of handles. */
export function mapSuite(traits: MapTraits): void {
  const value = Uint8Array.from({ length: traits.spec.valueSize }, (_, i) => 0xa0 + i);
  const put = (map: BpfMap, i: number, first: number) => {
    const offset = map.insert(traits.key(i), 0, BPF_ANY);
    assert.ok(offset >= 0, `insert of key ${i} answered ${offset}`);
    map.bytes[offset] = first;
    return offset;
  };

  describe(`every map: ${traits.spec.type}, keys of ${traits.spec.keySize} bytes`, () => {
    test('starts empty', () => {
      const map = make(traits, 16);
      assert.equal(map.size, 0);
      assert.equal(map.lookup(traits.key(1), 0), -1);
      assert.equal(map.delete(traits.key(1), 0), ENOENT);
      assert.equal(map.next(-1), -1);
    });

    test('sizes are whole words, offsets whole words', () => {
      const map = make(traits, 16);
      assert.equal(map.keyWords, Math.ceil(traits.spec.keySize / 4));
      assert.equal(map.valueWords, Math.ceil(traits.spec.valueSize / 4));
      assert.equal(map.words.buffer, map.bytes.buffer);
      for (let i = 0; i < 16; i++) assert.equal(put(map, i, 0) & 3, 0);
    });

    test('an entry is found with its value and key', () => {
      const map = make(traits, 16);
      assert.equal(map.update(traits.key(5), 0, value, 0, BPF_ANY), 0);
      const offset = map.lookup(traits.key(5), 0);
      assert.deepEqual(map.bytes.slice(offset, offset + value.length), value);
      const cursor = map.next(-1);
      assert.equal(map.valueAt(cursor), offset);
      const key = new Uint8Array(traits.key(5).buffer);
      const keyAt = map.keyAt(cursor);
      assert.deepEqual(
        map.bytes.slice(keyAt, keyAt + traits.spec.keySize),
        key.slice(0, traits.spec.keySize),
      );
      assert.equal(map.next(cursor), -1);
      assert.equal(map.size, 1);
    });

    test('key and value are read where they are said to be', () => {
      const map = make(traits, 16);
      const keys = new Int32Array(3 + map.keyWords).fill(-1);
      keys.set(traits.key(7), 3);
      const values = new Uint8Array(5 + value.length).fill(0x55);
      values.set(value, 5);
      assert.equal(map.update(keys, 3, values, 5, BPF_ANY), 0);
      const offset = map.lookup(traits.key(7), 0);
      assert.equal(map.lookup(keys, 3), offset);
      assert.deepEqual(map.bytes.slice(offset, offset + value.length), value);
      assert.equal(map.delete(keys, 3), 0);
    });

    test('a new value is zero, also where an entry was before', () => {
      const map = make(traits, 4);
      const zero = new Uint8Array(traits.spec.valueSize);
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 4; i++) {
          const offset = map.insert(traits.key(i), 0, BPF_ANY);
          assert.deepEqual(map.bytes.slice(offset, offset + zero.length), zero);
          map.bytes.fill(0xff, offset, offset + zero.length);
        }
        if (round === 0) for (let i = 0; i < 4; i++) assert.equal(map.delete(traits.key(i), 0), 0);
        else map.clear();
      }
    });

    test('insert leaves the value of an entry that is there', () => {
      const map = make(traits, 4);
      const offset = put(map, 1, 99);
      assert.equal(map.insert(traits.key(1), 0, BPF_ANY), offset);
      assert.equal(map.bytes[offset], 99);
      assert.equal(map.size, 1);
    });

    test('flags', () => {
      const map = make(traits, 4);
      const key = traits.key(1);
      for (const unknown of [3, 4, 8, -1]) {
        assert.equal(map.insert(key, 0, unknown), EINVAL);
        assert.equal(map.update(key, 0, value, 0, unknown), EINVAL);
      }
      if (traits.flags === 'any') {
        assert.equal(map.insert(key, 0, BPF_NOEXIST), EINVAL);
        assert.equal(map.insert(key, 0, BPF_EXIST), EINVAL);
        assert.equal(map.size, 0);
        return;
      }
      assert.equal(map.insert(key, 0, BPF_EXIST), ENOENT);
      assert.equal(map.update(key, 0, value, 0, BPF_EXIST), ENOENT);
      assert.equal(map.size, 0);
      assert.equal(map.update(key, 0, value, 0, BPF_NOEXIST), 0);
      const offset = map.lookup(key, 0);
      assert.equal(map.insert(key, 0, BPF_NOEXIST), EEXIST);
      assert.equal(map.update(key, 0, new Uint8Array(value.length), 0, BPF_NOEXIST), EEXIST);
      assert.equal(map.bytes[offset], value[0]);
      assert.equal(map.insert(key, 0, BPF_EXIST), offset);
      assert.equal(map.update(key, 0, new Uint8Array(value.length), 0, BPF_EXIST), 0);
      assert.equal(map.bytes[offset], 0);
      assert.equal(map.size, 1);
    });

    test('a full map', () => {
      const map = make(traits, 5);
      for (let i = 0; i < 5; i++) put(map, i, 10 + i);
      assert.equal(map.size, 5);
      if (traits.whenFull === 'evicts') {
        put(map, 5, 15);
        assert.equal(map.size, 5);
        assert.equal(map.bytes[map.lookup(traits.key(5), 0)], 15);
        assert.equal(map.removals, 1);
        return;
      }
      assert.equal(map.insert(traits.key(5), 0, BPF_ANY), traits.whenFull);
      assert.equal(map.update(traits.key(5), 0, value, 0, BPF_ANY), traits.whenFull);
      assert.equal(map.update(traits.key(3), 0, value, 0, BPF_ANY), 0);
      assert.deepEqual(visited(map), [10, 11, 12, 14, 0xa0]);
      assert.equal(map.delete(traits.key(0), 0), 0);
      if (traits.flags === 'any') return;
      put(map, 6, 16);
      assert.deepEqual(visited(map), [11, 12, 14, 16, 0xa0]);
    });

    test('deleting while iterating visits each entry that stays once', () => {
      const map = make(traits, 64);
      for (let i = 0; i < 64; i++) put(map, i, i);
      const seen: number[] = [];
      for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
        const i = map.bytes[map.valueAt(cursor)];
        seen.push(i);
        // The entry itself, and one that may be before or behind.
        if (i % 3 === 0) assert.equal(map.delete(traits.key(i), 0), 0);
        if (i % 3 === 1 && i + 1 < 64) map.delete(traits.key(i + 1), 0);
      }
      assert.equal(new Set(seen).size, seen.length);
      for (let i = 1; i < 64; i += 3) assert.ok(seen.includes(i), `${i} was left out`);
      assert.deepEqual(
        visited(map),
        Array.from({ length: 21 }, (_, i) => 3 * i + 1),
      );
    });

    test('inserting while iterating visits what was there once', () => {
      const map = make(traits, 64);
      for (let i = 0; i < 32; i++) put(map, i, i);
      const seen: number[] = [];
      let more = 32;
      for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
        seen.push(map.bytes[map.valueAt(cursor)]);
        if (more < 64) put(map, more, more++);
      }
      assert.equal(new Set(seen).size, seen.length);
      for (let i = 0; i < 32; i++) assert.ok(seen.includes(i), `${i} was left out`);
    });

    test('a value stays where it is while other entries come and go', () => {
      const map = make(traits, 64);
      const offset = put(map, 10, 77);
      for (let round = 0; round < 50; round++) {
        for (let i = 11; i < 60; i++) put(map, i, i);
        assert.equal(map.lookup(traits.key(10), 0), offset);
        for (let i = 59; i > 10; i -= 1 + (round & 1)) map.delete(traits.key(i), 0);
        assert.equal(map.lookup(traits.key(10), 0), offset);
        assert.equal(map.bytes[offset], 77);
      }
    });

    test('changes and removals are counted', () => {
      const map = make(traits, 16);
      let changes = map.changes;
      const changed = () => {
        const before = changes;
        changes = map.changes;
        return changes !== before;
      };
      put(map, 1, 1);
      assert.ok(changed());
      map.lookup(traits.key(1), 0);
      assert.ok(!changed());
      map.update(traits.key(1), 0, value, 0, BPF_ANY);
      assert.ok(changed());
      put(map, 2, 2);
      put(map, 3, 3);
      assert.equal(map.removals, 0);
      changed();
      map.delete(traits.key(1), 0);
      assert.ok(changed());
      assert.equal(map.removals, 1);
      map.delete(traits.key(1), 0);
      assert.equal(map.removals, 1);
      map.clear();
      assert.ok(changed());
      assert.equal(map.removals, 3);
    });

    test('clear', () => {
      const map = make(traits, 16);
      for (let i = 0; i < 16; i++) put(map, i, i);
      map.clear();
      assert.equal(map.size, 0);
      assert.equal(map.next(-1), -1);
      for (let i = 0; i < 16; i++) assert.equal(map.lookup(traits.key(i), 0), -1);
      for (let i = 15; i >= 0; i--) put(map, i, i);
      assert.deepEqual(
        visited(map),
        Array.from({ length: 16 }, (_, i) => i),
      );
    });
  });
}
