/** Makes a map of any type from its declaration, after checking it. */
import { ArrayMap } from './array-map.js';
import { HashMap } from './hash-map.js';
import { LpmTrie } from './lpm-trie.js';
import type { BpfMap, MapSpec } from './map.js';
import type { MapMemory } from './map-memory.js';
import { ArrayOfMaps, HashOfMaps } from './map-of-maps.js';
import { PerfRing } from './perf-ring.js';
import { ProgArray } from './prog-array.js';

export interface MapOptions {
  /**
   * Decides how keys are spread; no result depends on it except the time taken. Default 0. Maps used together
   * should share one (generated.ts).
   */
  readonly seed?: number;
  /** Size of a `perf_event_array`'s ring, a multiple of 8. Default 256 KiB (64 pages, as Cilium's monitor takes). */
  readonly ringBytes?: number;
  /** Of a hash map: what it lives in, instead of memory of its own; see memorySizes. */
  readonly memory?: MapMemory;
}

const RING_BYTES = 64 * 4096;
/** Byte offsets are int32. */
const MAX_BYTES = 2 ** 31 - 1;
/** A 32-bit index word holds the entry number; 2^24 leaves it a tag of 7 bits. */
const MAX_ENTRIES = 2 ** 24;

/** Throws an Error that names the map and the field when the declaration cannot be met. */
export function createMap(spec: MapSpec, options: MapOptions = {}): BpfMap {
  checkSpec(spec);
  const { seed = 0, ringBytes = RING_BYTES } = options;
  switch (spec.type) {
    case 'hash':
    case 'lru_hash':
    case 'percpu_hash':
    case 'lru_percpu_hash':
      return new HashMap(spec, seed, options.memory ?? null);
    case 'lpm_trie':
      return new LpmTrie(spec, seed);
    case 'array':
    case 'percpu_array':
      return new ArrayMap(spec);
    case 'prog_array':
      return new ProgArray(spec);
    case 'perf_event_array':
      if (
        !(Number.isInteger(ringBytes) && ringBytes >= 64 && ringBytes % 8 === 0 && ringBytes <= MAX_BYTES)
      ) {
        throw new Error(
          `map ${spec.name}: ringBytes must be a multiple of 8 of 64 or more, got ${ringBytes}`,
        );
      }
      return new PerfRing(spec, ringBytes);
    case 'hash_of_maps':
      return new HashOfMaps(spec, seed);
    case 'array_of_maps':
      return new ArrayOfMaps(spec);
  }
}

const PER_CPU = new Set(['percpu_hash', 'lru_percpu_hash', 'percpu_array']);
const INDEXED = new Set(['array', 'percpu_array', 'prog_array', 'perf_event_array', 'array_of_maps']);
const HANDLES = new Set(['prog_array', 'perf_event_array', 'hash_of_maps', 'array_of_maps']);
const TYPES = new Set([...PER_CPU, ...INDEXED, ...HANDLES, 'hash', 'lru_hash', 'lpm_trie']);

function checkSpec(spec: MapSpec): void {
  const { type, keySize, valueSize, maxEntries } = spec;
  if (typeof spec.name !== 'string' || spec.name === '') throw new Error('map without a name: give it one');
  if (!TYPES.has(type)) fault(spec, 'type', `is none of ${[...TYPES].sort().join(', ')}`);
  checkWhole(spec, 'keySize', 1, 512);
  checkWhole(spec, 'valueSize', 1, MAX_BYTES);
  checkWhole(spec, 'maxEntries', 1, MAX_ENTRIES);
  if (INDEXED.has(type) && keySize !== 4) fault(spec, 'keySize', `must be 4 for type ${type}`);
  if (HANDLES.has(type) && valueSize !== 4) fault(spec, 'valueSize', `must be 4 for type ${type}`);
  if (type === 'lpm_trie' && (keySize < 5 || keySize > 260)) {
    fault(spec, 'keySize', 'must be 4 (the prefix length) and 1 to 256 bytes of data');
  }
  if (spec.cpus !== undefined) checkWhole(spec, 'cpus', 1, 4096);
  const copies = PER_CPU.has(type) ? (spec.cpus ?? 1) : 1;
  if (maxEntries * (keySize + 16 + (valueSize + 8) * copies) > MAX_BYTES) {
    fault(spec, 'maxEntries', 'makes the map larger than 2 GiB');
  }
  const takesInner = type === 'hash_of_maps' || type === 'array_of_maps';
  if (takesInner && spec.inner === undefined) fault(spec, 'inner', `is required for type ${type}`);
  if (!takesInner && spec.inner !== undefined) fault(spec, 'inner', `does not belong to type ${type}`);
  if (spec.inner !== undefined) {
    checkSpec(spec.inner);
    if (HANDLES.has(spec.inner.type)) fault(spec.inner, 'type', 'cannot be that of an inner map');
  }
}

function checkWhole(
  spec: MapSpec,
  field: 'keySize' | 'valueSize' | 'maxEntries' | 'cpus',
  low: number,
  high: number,
): void {
  const value = spec[field] as number;
  if (!Number.isInteger(value) || value < low || value > high) {
    fault(spec, field, `must be a whole number from ${low} to ${high}`);
  }
}

function fault(spec: MapSpec, field: keyof MapSpec, text: string): never {
  throw new Error(`map ${spec.name}: ${field} ${text}, got ${JSON.stringify(spec[field])}`);
}
