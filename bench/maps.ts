/** Map operations, in ns each; flows are the entries of the (full) map. */
import assert from 'node:assert/strict';
import type { HashMap } from '../src/engine/maps/hash-map.js';
import type { Benchmark, Case, Phase } from './harness.js';
import * as work from './map-workloads.js';

const SIZES = [1024, 65536, 524288];
const OPERATIONS = 2 ** 18;

/** A case whose run answers `expected`. */
function operationCase(
  flows: number,
  phase: Phase,
  run: () => number,
  expected: number,
  packets = OPERATIONS,
): Case {
  let answer = 0;
  return {
    flows,
    phase,
    packets,
    run: () => {
      answer = run();
    },
    verify: () => assert.equal(answer, expected),
  };
}

/** A case for each size of map, made when its turn comes. */
function* overSizes(
  make: (entries: number) => HashMap,
  phase: Phase,
  run: (map: HashMap, entries: number) => number,
  expected: (entries: number) => number,
): Iterable<Case> {
  for (const entries of SIZES) {
    const map = make(entries);
    yield operationCase(entries, phase, () => run(map, entries), expected(entries));
  }
}

/** Benchmarks of `hash` with keys of `words` words and values of 56 bytes. */
function hashBenchmarks(words: number): Benchmark[] {
  const make = (entries: number) => work.filled('hash', words, entries);
  const all = () => OPERATIONS;
  const size = (entries: number) => entries;
  const name = (operation: string) => `map-hash-${words}-words-${operation}`;
  return [
    {
      name: name('hit'),
      prepare: () => overSizes(make, 'established', (map, n) => work.lookups(map, n, 0, OPERATIONS), all),
    },
    {
      name: name('miss'),
      prepare: () =>
        overSizes(
          make,
          'established',
          (map, n) => work.lookups(map, n, n, OPERATIONS),
          () => 0,
        ),
    },
    {
      name: name('delete-insert'),
      prepare: () => overSizes(make, 'new', (map, n) => work.replacements(map, n, OPERATIONS), size),
    },
    { name: name('fill'), prepare: () => fills(words) },
    {
      name: name('in-bursts'),
      prepare: () =>
        overSizes(make, 'established', (map, n) => work.burstLookups(map, n, OPERATIONS, false), all),
    },
    {
      name: name('in-bursts-prefetched'),
      prepare: () =>
        overSizes(make, 'established', (map, n) => work.burstLookups(map, n, OPERATIONS, true), all),
    },
  ];
}

/** From an empty map to a full one; the smaller ones several times over. */
function* fills(words: number): Iterable<Case> {
  for (const entries of SIZES) {
    const map = work.filled('hash', words, entries);
    const operations = Math.max(entries, OPERATIONS);
    yield operationCase(entries, 'new', () => work.fills(map, entries, operations), entries, operations);
  }
}

/** Inserts into full LRU maps: each evicts an entry. */
function* evictions(): Iterable<Case> {
  for (const entries of SIZES) {
    const map = work.filled('lru_hash', 4, entries);
    let next = entries;
    const run = () => {
      next += OPERATIONS;
      return work.additions(map, next - OPERATIONS, OPERATIONS);
    };
    yield operationCase(entries, 'new', run, entries);
  }
}

/** Twelve maps of different key sizes in use together, as on a packet's way through a program. */
function* manyMaps(): Iterable<Case> {
  const maps = [1, 2, 3, 4, 4, 4, 5, 6, 8, 9, 10, 10].map((words) => work.filled('hash', words, 1024, 16));
  const whole = Math.ceil(OPERATIONS / maps.length) * maps.length;
  yield operationCase(1024, 'established', () => work.lookupsInTurn(maps, 1024, OPERATIONS), whole);
}

function* policies(): Iterable<Case> {
  for (const entries of [2, 10, 30]) {
    const map = work.policy(entries);
    // Every second lookup is of an identity that the policy has.
    yield operationCase(entries, 'established', () => work.policyLookups(map, OPERATIONS), OPERATIONS / 2);
  }
}

/** `share` of the addresses looked up are pods, the others the world's: found at the last of four lengths. */
function* ipcaches(share: number): Iterable<Case> {
  for (const entries of [16, 10_000, 500_000]) {
    const map = work.ipcache(entries);
    const addresses = Math.round((entries - 3) / share);
    yield operationCase(
      entries,
      'established',
      () => work.ipcacheLookups(map, addresses, OPERATIONS),
      OPERATIONS,
    );
  }
}

export const mapBenchmarks: readonly Benchmark[] = [
  ...hashBenchmarks(4),
  ...hashBenchmarks(10),
  {
    name: 'map-lru-hit',
    prepare: () =>
      overSizes(
        (entries) => work.filled('lru_hash', 4, entries),
        'established',
        (map, entries) => work.lookups(map, entries, 0, OPERATIONS),
        () => OPERATIONS,
      ),
  },
  { name: 'map-lru-evict', prepare: evictions },
  { name: 'map-hash-12-maps', prepare: manyMaps },
  { name: 'map-lpm-policy', prepare: policies },
  { name: 'map-lpm-ipcache-pods', prepare: () => ipcaches(1) },
  { name: 'map-lpm-ipcache-half-world', prepare: () => ipcaches(0.5) },
];
