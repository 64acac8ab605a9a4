/**
 * What the map benchmarks do between two looks at the clock: fill maps, and loops over their operations that answer a
 * number to check. The making of a random key is part of them, 2.5 ns for four words.
 */
import { createMap } from '../src/engine/maps/create-map.js';
import type { HashMap } from '../src/engine/maps/hash-map.js';
import { BPF_ANY, type BpfMap, type MapType } from '../src/engine/maps/map.js';

/** Random numbers that the loops below can inline: xorshift32 in one variable. */
function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** Key number `i`, as an address, a peer and two ports differ from flow to flow. */
export function makeKey(key: Int32Array, i: number, words: number): void {
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

/** A map full of the keys 0 .. entries-1, the first value word of each being 1. */
export function filled(type: MapType, words: number, entries: number, valueSize = 56): HashMap {
  const name = `bench_${type}_${words}`;
  const map = createMap({ name, type, keySize: words * 4, valueSize, maxEntries: entries }) as HashMap;
  const key = new Int32Array(words);
  for (let i = 0; i < entries; i++) {
    makeKey(key, i, words);
    const inserted = map.insert(key, 0, BPF_ANY);
    map.words[inserted >> 2] = 1;
  }
  return map;
}

/** Looks up random keys from `first` on; answers how many were there. */
export function lookups(map: BpfMap, entries: number, first: number, operations: number): number {
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

/** Deletes a random entry and puts it back; answers the map's size and the steps that went wrong. */
export function replacements(map: BpfMap, entries: number, operations: number): number {
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
export function fills(map: BpfMap, entries: number, operations: number): number {
  const key = new Int32Array(map.keyWords);
  for (let left = operations; left > 0; left -= entries) {
    map.clear();
    for (let i = 0; i < entries; i++) {
      makeKey(key, i, map.keyWords);
      const inserted = map.insert(key, 0, BPF_ANY);
      map.words[inserted >> 2] = 1;
    }
  }
  return map.size;
}

/** Adds keys `first` .. `first + operations - 1`; answers the map's size. */
export function additions(map: BpfMap, first: number, operations: number): number {
  const key = new Int32Array(map.keyWords);
  for (let i = first; i < first + operations; i++) {
    makeKey(key, i, map.keyWords);
    map.insert(key, 0, BPF_ANY);
  }
  return map.size;
}

/** Random lookups that go from map to map, each with keys 0 .. entries-1. */
export function lookupsInTurn(maps: readonly BpfMap[], entries: number, operations: number): number {
  const keys = maps.map((map) => new Int32Array(map.keyWords));
  let random = 0x12345;
  let sum = 0;
  for (let i = 0; i < operations; i += maps.length) {
    for (let m = 0; m < maps.length; m++) {
      const map = maps[m];
      random = nextRandom(random);
      makeKey(keys[m], random & (entries - 1), map.keyWords);
      sum += map.words[map.lookup(keys[m], 0) >> 2];
    }
  }
  return sum;
}

/**
 * Bursts of 64 keys: all touched first (when `prefetch`), then each looked up and worked on for some 350 ns, so that
 * one lookup does not overlap the next, as with the packets of a program.
 */
export function burstLookups(map: HashMap, entries: number, operations: number, prefetch: boolean): number {
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

/** Prefix lengths of policy entries: all of an identity, of a port, of a protocol. */
const POLICY_LENGTHS = [40, 64, 48];
const TCP_80 = 0x50000600;

/** Identity, direction, protocol and port: `entries` of three prefix lengths, as Cilium's policy maps have them. */
export function policy(entries: number): BpfMap {
  const map = createMap({
    name: 'bench_policy',
    type: 'lpm_trie',
    keySize: 12,
    valueSize: 8,
    maxEntries: 16384,
  });
  for (let i = 0; i < entries; i++) {
    const key = Int32Array.of(POLICY_LENGTHS[i % 3], 1000 + i, i % 3 === 0 ? 0 : TCP_80);
    const inserted = map.insert(key, 0, BPF_ANY);
    map.words[inserted >> 2] = 1;
  }
  return map;
}

/** Port 80 of the policy's identities, and of no identity, in turn; answers how many lookups found an entry. */
export function policyLookups(map: BpfMap, operations: number): number {
  const key = new Int32Array(3);
  const identities = map.size;
  key[0] = 64;
  key[2] = TCP_80;
  let random = 0x12345;
  let sum = 0;
  for (let i = 0; i < operations; i++) {
    random = nextRandom(random);
    key[1] = (i & 1) === 0 ? 0 : 1000 + (((random >>> 16) * identities) >>> 16);
    const offset = map.lookup(key, 0);
    if (offset >= 0) sum += map.words[offset >> 2];
  }
  return sum;
}

/** Addresses of pods, a few networks, and the world. */
export function ipcache(entries: number): BpfMap {
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
    const inserted = map.insert(key, 0, BPF_ANY);
    map.words[inserted >> 2] = 1;
  }
  for (let i = 3; i < entries; i++) {
    key[0] = 64;
    key[2] = podAddress(i - 3);
    const inserted = map.insert(key, 0, BPF_ANY);
    map.words[inserted >> 2] = 1;
  }
  return map;
}

function podAddress(i: number): number {
  return 0x0a | ((i >> 16) << 8) | ((i & 0xff00) << 8) | ((i & 0xff) << 24);
}

/** Looks up random pods of `pods`, the last of which may be the world's; answers how many were found: all. */
export function ipcacheLookups(map: BpfMap, pods: number, operations: number): number {
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
