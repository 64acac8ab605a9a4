import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { BPF_ANY } from '../../../src/engine/maps/map.js';
import { ProgArray } from '../../../src/engine/maps/prog-array.js';
import { mapSuite } from './map-suite.js';

const inner = { name: 'inner', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 } as const;
for (const type of ['prog_array', 'array_of_maps'] as const) {
  mapSuite({
    spec: { type, keySize: 4, valueSize: 4, ...(type === 'array_of_maps' ? { inner } : {}) },
    key: (i) => Int32Array.of(i),
    whenFull: -7,
    flags: 'any',
  });
}

describe('prog_array', () => {
  test('a program is present or absent, id 0 too', () => {
    const map = createMap({ name: 'calls', type: 'prog_array', keySize: 4, valueSize: 4, maxEntries: 48 });
    assert.ok(map instanceof ProgArray);
    assert.equal(map.programAt(7), -1);
    assert.equal(map.update(Int32Array.of(7), 0, Uint8Array.of(0x39, 5, 0, 0), 0, BPF_ANY), 0);
    assert.equal(map.programAt(7), 0x539);
    map.insert(Int32Array.of(8), 0, BPF_ANY);
    assert.equal(map.programAt(8), 0);
    assert.equal(map.delete(Int32Array.of(7), 0), 0);
    assert.equal(map.programAt(7), -1);
    assert.equal(map.delete(Int32Array.of(7), 0), -2);
  });

  test('an index out of range', () => {
    const map = createMap({ name: 'calls', type: 'prog_array', keySize: 4, valueSize: 4, maxEntries: 48 });
    assert.ok(map instanceof ProgArray);
    for (const index of [48, -1]) {
      assert.equal(map.programAt(index), -1);
      assert.equal(map.lookup(Int32Array.of(index), 0), -1);
      assert.equal(map.insert(Int32Array.of(index), 0, BPF_ANY), -7);
      assert.equal(map.delete(Int32Array.of(index), 0), -7);
    }
  });
});
