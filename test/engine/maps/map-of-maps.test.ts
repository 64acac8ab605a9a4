import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../../src/engine/maps/create-map.js';
import type { MapOfMaps } from '../../../src/engine/maps/map-of-maps.js';
import { deleteHex, setHex } from '../../support/map-hex.js';
import { mapSuite } from './map-suite.js';

const inner = { name: 'maglev_inner', type: 'array', keySize: 4, valueSize: 20, maxEntries: 1 } as const;

mapSuite({
  spec: { type: 'hash_of_maps', keySize: 2, valueSize: 4, inner },
  key: (i) => Int32Array.of(i),
  whenFull: -7,
  flags: 'all',
});

for (const [type, keySize, key] of [
  ['hash_of_maps', 2, '0100'],
  ['array_of_maps', 4, '01000000'],
] as const) {
  describe(type, () => {
    const outer = () =>
      createMap({ name: 'maglev', type, keySize, valueSize: 4, maxEntries: 16, inner }) as MapOfMaps;
    const words = new Int32Array([1]);

    test('the value is the id of an inner map', () => {
      const map = outer();
      const first = createMap({ ...inner, name: 'first' });
      const second = createMap({ ...inner, name: 'second' });
      map.adopt(17, first);
      map.adopt(0xfffffffe, second);
      assert.equal(setHex(map, key, '11000000'), 0);
      assert.equal(map.inner(map.lookup(words, 0)), first);
      assert.equal(setHex(map, key, 'feffffff'), 0);
      assert.equal(map.inner(map.lookup(words, 0)), second);
      assert.equal(deleteHex(map, key), 0);
      assert.equal(map.lookup(words, 0), -1);
    });

    test('an id may come before its map', () => {
      const map = outer();
      setHex(map, key, '11000000');
      assert.equal(map.inner(map.lookup(words, 0)), null);
      const late = createMap(inner);
      map.adopt(17, late);
      assert.equal(map.inner(map.lookup(words, 0)), late);
    });

    test('a map of another shape is refused', () => {
      assert.throws(
        () => outer().adopt(1, createMap({ ...inner, name: 'odd', valueSize: 16 })),
        /map maglev: inner map odd has valueSize 16, declared is 20/,
      );
      assert.throws(
        () => outer().adopt(1, createMap({ ...inner, name: 'odd', type: 'hash' })),
        /map maglev: inner map odd has type hash, declared is array/,
      );
    });
  });
}
