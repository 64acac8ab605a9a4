import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../../src/engine/maps/create-map.js';
import type { MapSpec } from '../../../src/engine/maps/map.js';

const good: MapSpec = { name: 'cilium_x', type: 'hash', keySize: 8, valueSize: 8, maxEntries: 64 };
const inner: MapSpec = { name: 'inner', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 };

/** What is wrong, and what the error says. */
const FAULTS: [Partial<Record<keyof MapSpec, unknown>>, RegExp][] = [
  [{ name: '' }, /map without a name/],
  [{ type: 'stack' }, /map cilium_x: type is none of array, .*, got "stack"/],
  [{ keySize: 0 }, /map cilium_x: keySize must be a whole number from 1 to 512, got 0/],
  [{ keySize: 2.5 }, /map cilium_x: keySize .* got 2.5/],
  [{ keySize: undefined }, /map cilium_x: keySize .* got undefined/],
  [{ valueSize: -1 }, /map cilium_x: valueSize .* got -1/],
  [{ maxEntries: 0 }, /map cilium_x: maxEntries must be a whole number from 1 .* got 0/],
  [{ maxEntries: 2 ** 25 }, /map cilium_x: maxEntries .* got 33554432/],
  [{ maxEntries: 2 ** 24, valueSize: 128 }, /map cilium_x: maxEntries makes the map larger than 2 GiB/],
  [{ type: 'percpu_hash', maxEntries: 2 ** 20, cpus: 1024 }, /maxEntries makes the map larger than 2 GiB/],
  [{ type: 'percpu_hash', cpus: 0 }, /map cilium_x: cpus must be a whole number from 1/],
  [{ type: 'array' }, /map cilium_x: keySize must be 4 for type array, got 8/],
  [{ type: 'prog_array', keySize: 4 }, /map cilium_x: valueSize must be 4 for type prog_array, got 8/],
  [{ type: 'lpm_trie', keySize: 4 }, /map cilium_x: keySize must be 4 \(the prefix length\) and 1 to 256/],
  [{ type: 'lpm_trie', keySize: 261 }, /map cilium_x: keySize must be 4/],
  [{ type: 'hash_of_maps', valueSize: 4 }, /map cilium_x: inner is required for type hash_of_maps/],
  [{ inner }, /map cilium_x: inner does not belong to type hash/],
  [{ type: 'hash_of_maps', valueSize: 4, inner: { ...inner, maxEntries: 0 } }, /map inner: maxEntries must/],
  [
    { type: 'hash_of_maps', valueSize: 4, inner: { ...inner, valueSize: 4, type: 'prog_array' } },
    /map inner: type cannot be that of an inner map, got "prog_array"/,
  ],
];

describe('createMap', () => {
  for (const [change, message] of FAULTS) {
    test(`refuses ${JSON.stringify(change)}`, () => {
      assert.throws(() => createMap({ ...good, ...change } as MapSpec), message);
    });
  }

  test('makes each type', () => {
    const types: [Partial<MapSpec>, string][] = [
      [{ type: 'hash' }, 'HashMap'],
      [{ type: 'lru_hash' }, 'HashMap'],
      [{ type: 'percpu_hash', cpus: 4 }, 'HashMap'],
      [{ type: 'lru_percpu_hash', cpus: 4 }, 'HashMap'],
      [{ type: 'lpm_trie' }, 'LpmTrie'],
      [{ type: 'array', keySize: 4 }, 'ArrayMap'],
      [{ type: 'percpu_array', keySize: 4, cpus: 4 }, 'ArrayMap'],
      [{ type: 'prog_array', keySize: 4, valueSize: 4 }, 'ProgArray'],
      [{ type: 'perf_event_array', keySize: 4, valueSize: 4 }, 'PerfRing'],
      [{ type: 'hash_of_maps', valueSize: 4, inner }, 'HashOfMaps'],
      [{ type: 'array_of_maps', keySize: 4, valueSize: 4, inner }, 'ArrayOfMaps'],
    ];
    for (const [change, name] of types) {
      const spec = { ...good, ...change };
      const map = createMap(spec);
      assert.equal(map.constructor.name, name);
      assert.equal(map.spec, spec);
    }
  });

  test('refuses an odd ring size', () => {
    const spec: MapSpec = { ...good, type: 'perf_event_array', keySize: 4, valueSize: 4 };
    for (const ringBytes of [0, 60, 100.5, 2 ** 33]) {
      assert.throws(() => createMap(spec, { ringBytes }), /map cilium_x: ringBytes must be a multiple of 8/);
    }
  });
});
