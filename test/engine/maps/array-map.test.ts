import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ArrayMap } from '../../../src/engine/maps/array-map.js';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, type MapType } from '../../../src/engine/maps/map.js';
import { entriesHex, getHex, setHex } from '../../support/map-hex.js';

function array(type: MapType, valueSize = 6, maxEntries = 3, cpus = 1): ArrayMap {
  const map = createMap({ name: 'numbers', type, keySize: 4, valueSize, maxEntries, cpus });
  assert.ok(map instanceof ArrayMap);
  return map;
}

for (const type of ['array', 'percpu_array'] as const) {
  describe(type, () => {
    test('all elements are there from the start, as zeros', () => {
      const map = array(type);
      assert.equal(map.size, 3);
      assert.deepEqual(entriesHex(map), [
        { key: '00000000', value: '000000000000' },
        { key: '01000000', value: '000000000000' },
        { key: '02000000', value: '000000000000' },
      ]);
    });

    test('values lie 8-byte aligned', () => {
      const map = array(type);
      assert.deepEqual(
        [0, 1, 2].map((i) => map.lookup(Int32Array.of(9, i), 1)),
        [0, 8, 16],
      );
      assert.equal(map.offsetOf(2), 16);
      assert.equal(map.words.buffer, map.bytes.buffer);
      assert.equal(map.keyWords, 1);
      assert.equal(map.valueWords, 2);
    });

    test('an index out of range is found nowhere', () => {
      const map = array(type);
      for (const index of [3, 4, -1, -2147483648]) {
        assert.equal(map.lookup(Int32Array.of(index), 0), -1);
        assert.equal(map.offsetOf(index), -1);
        assert.equal(map.insert(Int32Array.of(index), 0, BPF_ANY), -7);
        assert.equal(map.update(Int32Array.of(index), 0, new Uint8Array(6), 0, BPF_ANY), -7);
      }
    });

    test('flags: an element cannot be new', () => {
      const map = array(type);
      const key = Int32Array.of(1);
      assert.equal(map.insert(key, 0, BPF_ANY), 8);
      assert.equal(map.insert(key, 0, BPF_EXIST), 8);
      assert.equal(map.insert(key, 0, BPF_NOEXIST), -17);
      assert.equal(map.insert(key, 0, 3), -22);
      assert.equal(map.insert(key, 0, -1), -22);
      assert.equal(setHex(map, '01000000', '010203040506', BPF_NOEXIST), -17);
      assert.equal(setHex(map, '01000000', '010203040506', BPF_EXIST), 0);
      assert.equal(getHex(map, '01000000'), '010203040506');
      assert.equal(getHex(map, '00000000'), '000000000000');
      assert.equal(getHex(map, '02000000'), '000000000000');
    });

    test('no delete; clear sets zeros', () => {
      const map = array(type);
      setHex(map, '01000000', '010203040506');
      assert.equal(map.delete(Int32Array.of(1), 0), -22);
      const changes = map.changes;
      map.clear();
      assert.notEqual(map.changes, changes);
      assert.equal(map.removals, 0);
      assert.equal(map.size, 3);
      assert.equal(getHex(map, '01000000'), '000000000000');
    });
  });
}
