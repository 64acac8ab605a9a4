/**
 * How long a map operation takes: `node dist/bench/maps.js [--json] [--filter TEXT] [--runs N]`. Each figure is the
 * median of at least 7 runs after a warm-up, in nanoseconds per operation, with the making of a random key (some
 * 3 to 5 ns) in it; every run checks its results.
 */
import { createMap } from '../src/engine/maps/create-map.js';
import type { HashMap } from '../src/engine/maps/hash-map.js';
import { BPF_ANY, type BpfMap, type MapSpec } from '../src/engine/maps/map.js';

interface Result {
  name: string;
  entries: number;
  nsPerOperation: number;
  fastest: number;
  runs: number;
}

const args = process.argv.slice(2);
const json = args.includes('--json');
const filter = optionValue('--filter') ?? '';
const runs = Math.max(7, Number(optionValue('--runs') ?? 7));
const results: Result[] = [];

function optionValue(name: string): string | undefined {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args[at + 1];
}

/** Times `run(operations)`, which answers a number that must be `expected`. */
function measure(
  name: string,
  entries: number,
  operations: number,
  run: (operations: number) => number,
  expected: number,
): void {
  const times: number[] = [];
  for (let i = -2; i < runs; i++) {
    const start = process.hrtime.bigint();
    const answer = run(operations);
    const elapsed = Number(process.hrtime.bigint() - start) / operations;
    if (answer !== expected) throw new Error(`${name} (${entries}): got ${answer}, expected ${expected}`);
    if (i >= 0) times.push(elapsed);
  }
  times.sort((a, b) => a - b);
  const round = (ns: number) => Math.round(ns * 10) / 10;
  const result = { name, entries, nsPerOperation: round(times[runs >> 1]), fastest: round(times[0]), runs };
  results.push(result);
  if (!json) {
    const columns = [name.padEnd(34), String(entries).padStart(8)];
    console.log(
      `${columns.join('')}${result.nsPerOperation.toFixed(1).padStart(9)} ns  (fastest ${result.fastest})`,
    );
  }
}

function wanted(name: string): boolean {
  return name.includes(filter);
}

/** Random numbers that the loops below can inline: xorshift32 in one variable. */
function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** Key number `i`, as an address, a peer and two ports differ from flow to flow. */
function makeKey(key: Int32Array, i: number, words: number): void {
  key[0] = 0x0a | ((i & 0xff) << 24) | (i & 0xff00);
  if (words === 1) {
    key[0] = i;
    return;
  }
  key[1] = 0x0a | ((i >> 3) << 16);
  if (words === 2) {
    key[1] = i;
    return;
  }
  key[2] = i;
  if (words > 3) key[3] = 6;
  if (words > 9) key[9] = 6;
}

function hashSpec(type: MapSpec['type'], words: number, entries: number, valueSize = 56): MapSpec {
  return { name: `bench_${type}_${words}`, type, keySize: words * 4, valueSize, maxEntries: entries };
}

/** A map with keys 0 .. entries-1, the first value word of each being 1. */
function filled(spec: MapSpec, entries: number): HashMap {
  const map = createMap(spec) as HashMap;
  const words = map.keyWords;
  const key = new Int32Array(words);
  for (let i = 0; i < entries; i++) {
    makeKey(key, i, words);
    map.words[map.insert(key, 0, BPF_ANY) >> 2] = 1;
  }
  return map;
}

function lookups(map: BpfMap, entries: number, first: number, operations: number): number {
  const key = new Int32Array(map.keyWords);
  const keyWords = map.keyWords;
  const words = map.words;
  const mask = entries - 1;
  let random = 0x12345;
  let sum = 0;
  for (let i = 0; i < operations; i++) {
    random = nextRandom(random);
    makeKey(key, first + (random & mask), keyWords);
    const offset = map.lookup(key, 0);
    if (offset >= 0) sum += words[offset >> 2];
  }
  return sum;
}

/** As `lookups`, each key chosen by what the last lookup found: the latency of one lookup. */
function dependentLookups(map: BpfMap, entries: number, operations: number): number {
  const key = new Int32Array(map.keyWords);
  const keyWords = map.keyWords;
  const words = map.words;
  const mask = entries - 1;
  let random = 0x12345;
  let sum = 0;
  for (let i = 0; i < operations; i++) {
    random = nextRandom(random);
    makeKey(key, (random & mask) ^ (words[map.lookup(key, 0) >> 2] & 2), keyWords);
    sum += words[map.lookup(key, 0) >> 2];
  }
  return sum;
}

/** Deletes a random entry and puts it back; counts the steps that went wrong. */
function replacements(map: BpfMap, entries: number, operations: number): number {
  const key = new Int32Array(map.keyWords);
  const mask = entries - 1;
  let random = 0x12345;
  let wrong = 0;
  for (let i = 0; i < operations; i++) {
    random = nextRandom(random);
    makeKey(key, random & mask, map.keyWords);
    if (map.delete(key, 0) !== 0) wrong++;
    const offset = map.insert(key, 0, BPF_ANY);
    if (offset < 0) wrong++;
    map.words[offset >> 2] = 1;
  }
  return wrong + map.size;
}

/** Empties the map and fills it again, as often as `operations` needs. */
function fills(map: BpfMap, entries: number, operations: number): number {
  const key = new Int32Array(map.keyWords);
  for (let left = operations; left > 0; left -= entries) {
    map.clear();
    for (let i = 0; i < entries; i++) {
      makeKey(key, i, map.keyWords);
      map.words[map.insert(key, 0, BPF_ANY) >> 2] = 1;
    }
  }
  return map.size;
}

/**
 * Bursts of 64 keys: all touched first (when `prefetch`), then each looked up and worked on for some 100 ns, so that
 * one lookup does not overlap the next, as with the packets of a program.
 */
function burstLookups(map: HashMap, entries: number, operations: number, prefetch: boolean): number {
  const keyWords = map.keyWords;
  const keys = new Int32Array(64 * keyWords);
  const key = new Int32Array(keyWords);
  const mask = entries - 1;
  let random = 0x12345;
  let sum = 0;
  let work = 1;
  for (let i = 0; i < operations; i += 64) {
    for (let j = 0; j < 64; j++) {
      random = nextRandom(random);
      makeKey(key, random & mask, keyWords);
      for (let word = 0; word < keyWords; word++) keys[j * keyWords + word] = key[word];
    }
    if (prefetch) map.prefetch(keys, 0, keyWords, 64);
    for (let j = 0; j < 64; j++) {
      const at = map.lookup(keys, j * keyWords) >> 2;
      sum += map.words[at];
      work += map.words[at] + map.words[at + map.valueWords - 1];
      for (let step = 0; step < 80; step++) work = Math.imul(work, 0x9e3779b1) + step;
    }
  }
  return work === 0x1234567 ? -1 : sum;
}

function hashBenchmarks(): void {
  for (const words of [4, 10]) {
    for (const entries of [1024, 65536, 524288]) {
      const name = `hash-${words}-words`;
      if (!wanted(name)) continue;
      const operations = entries > 100_000 ? 400_000 : 1_000_000;
      const map = filled(hashSpec('hash', words, entries), entries);
      measure(`${name}-hit`, entries, operations, (n) => lookups(map, entries, 0, n), operations);
      measure(`${name}-miss`, entries, operations, (n) => lookups(map, entries, entries, n), 0);
      measure(
        `${name}-delete-insert`,
        entries,
        operations / 4,
        (n) => replacements(map, entries, n),
        entries,
      );
      const whole = operations & ~63;
      measure(`${name}-burst-worked`, entries, whole, (n) => burstLookups(map, entries, n, false), whole);
      measure(
        `${name}-burst-worked-prefetched`,
        entries,
        whole,
        (n) => burstLookups(map, entries, n, true),
        whole,
      );
      measure(`${name}-fill`, entries, 524288, (n) => fills(map, entries, n), entries);
      measure(
        `${name}-two-dependent`,
        entries,
        operations,
        (n) => dependentLookups(map, entries, n),
        operations,
      );
    }
  }
}

function lruBenchmarks(): void {
  for (const entries of [1024, 65536, 524288]) {
    if (!wanted('lru-4-words')) continue;
    const operations = entries > 100_000 ? 400_000 : 1_000_000;
    const map = filled(hashSpec('lru_hash', 4, entries), entries);
    measure('lru-4-words-hit', entries, operations, (n) => lookups(map, entries, 0, n), operations);
    const key = new Int32Array(4);
    let i = entries;
    const evictions = (n: number) => {
      for (let end = i + n; i < end; i++) {
        makeKey(key, i, 4);
        map.insert(key, 0, BPF_ANY);
      }
      return map.size;
    };
    measure('lru-4-words-insert-evict', entries, operations / 4, evictions, entries);
  }
}

/** Twelve maps of different key sizes in use together, as on a packet's way through a program. */
function manyMaps(): void {
  const name = 'hash-12-maps-hit';
  if (!wanted(name)) return;
  const entries = 1024;
  const maps = [1, 2, 3, 4, 4, 4, 5, 6, 8, 9, 10, 10].map((words) =>
    filled(hashSpec('hash', words, entries, 16), entries),
  );
  const operations = 1_000_000 - (1_000_000 % 12);
  const keys = maps.map((map) => new Int32Array(map.keyWords));
  const run = (n: number) => {
    let random = 0x12345;
    let sum = 0;
    for (let i = 0; i < n; i += 12) {
      for (let m = 0; m < 12; m++) {
        const map = maps[m];
        random = nextRandom(random);
        const key = keys[m];
        makeKey(key, random & (entries - 1), map.keyWords);
        sum += map.words[map.lookup(key, 0) >> 2];
      }
    }
    return sum;
  };
  measure(name, entries, operations, run, operations);
}

/** Identity, direction, protocol and port: `entries` of three prefix lengths, as Cilium's policy maps have them. */
function policy(entries: number): BpfMap {
  const map = createMap({
    name: 'bench_policy',
    type: 'lpm_trie',
    keySize: 12,
    valueSize: 8,
    maxEntries: 16384,
  });
  for (let i = 0; i < entries; i++) {
    const lengths = [40, 64, 48];
    const key = Int32Array.of(lengths[i % 3], i < 2 ? i : 1000 + (i >> 1), i % 3 === 0 ? 0 : 0x50000600);
    map.words[map.insert(key, 0, BPF_ANY) >> 2] = 1;
  }
  return map;
}

/** Two lookups for each packet, of the peer's identity and of none: 1 or 0 found each. */
function policyLookups(map: BpfMap, identities: number, operations: number): number {
  const key = new Int32Array(3);
  key[0] = 64;
  let random = 0x12345;
  let found = 0;
  for (let i = 0; i < operations; i++) {
    random = nextRandom(random);
    key[1] = (i & 1) === 0 ? 0 : 1000 + (((random >>> 16) * identities) >>> 16);
    key[2] = 0x50000600 | ((random & 1) << 24);
    if (map.lookup(key, 0) >= 0) found++;
  }
  return found;
}

/** Addresses of pods, a few networks, and the world. */
function ipcache(entries: number): BpfMap {
  const map = createMap({
    name: 'bench_ipcache',
    type: 'lpm_trie',
    keySize: 24,
    valueSize: 24,
    maxEntries: 512000,
  });
  const key = new Int32Array(6);
  key[1] = 0x01000000;
  for (const [length, address] of [
    [32, 0],
    [32 + 24, 0x0002a8c0],
    [32 + 16, 0x0000a8c0],
  ]) {
    key[0] = length;
    key[2] = address;
    map.words[map.insert(key, 0, BPF_ANY) >> 2] = 1;
  }
  for (let i = 3; i < entries; i++) {
    key[0] = 64;
    key[2] = podAddress(i - 3);
    map.words[map.insert(key, 0, BPF_ANY) >> 2] = 1;
  }
  return map;
}

function podAddress(i: number): number {
  return 0x0a | ((i >> 16) << 8) | ((i & 0xff00) << 8) | ((i & 0xff) << 24);
}

function ipcacheLookups(map: BpfMap, pods: number, operations: number): number {
  const key = new Int32Array(6);
  key[0] = 64;
  key[1] = 0x01000000;
  let random = 0x12345;
  let sum = 0;
  for (let i = 0; i < operations; i++) {
    random = nextRandom(random);
    key[2] = podAddress((random >>> 1) % pods);
    sum += map.words[map.lookup(key, 0) >> 2];
  }
  return sum;
}

function lpmBenchmarks(): void {
  const operations = 1_000_000;
  for (const entries of [2, 10, 30]) {
    if (!wanted('lpm-policy')) continue;
    const map = policy(entries);
    const found = policyLookups(map, entries >> 1, operations);
    measure('lpm-policy', entries, operations, (n) => policyLookups(map, entries >> 1, n), found);
  }
  for (const entries of [16, 10_000, 500_000]) {
    if (!wanted('lpm-ipcache')) continue;
    const map = ipcache(entries);
    measure('lpm-ipcache-pod', entries, operations, (n) => ipcacheLookups(map, entries - 3, n), operations);
    // From twice as many addresses: half of them are the world's, found at the last of four lengths.
    measure(
      'lpm-ipcache-half-world',
      entries,
      operations,
      (n) => ipcacheLookups(map, entries * 2, n),
      operations,
    );
  }
}

/** What the loops cost without a map. */
function keyMaking(): void {
  const name = 'key-making-4-words';
  if (!wanted(name)) return;
  const operations = 1_000_000;
  const key = new Int32Array(4);
  const run = (n: number) => {
    let random = 0x12345;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      random = nextRandom(random);
      makeKey(key, random & 1023, 4);
      sum += key[3];
    }
    return sum;
  };
  measure(name, 0, operations, run, 6 * operations);
}

keyMaking();
hashBenchmarks();
lruBenchmarks();
lpmBenchmarks();
manyMaps();
if (json) console.log(JSON.stringify(results));
