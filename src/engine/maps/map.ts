/**
 * The one interface of every map type. A map's memory is its own: `lookup` and `insert` answer byte offsets
 * into `bytes`, never copies. Keys and values are Cilium's byte ABI (what `bpftool map dump` prints), each
 * padded with zero bytes to a multiple of four, so that they can be read and written as 32-bit words too.
 *
 * A key is handed over as `(key, at)`: an Int32Array and the word index where the key starts there. The words
 * hold the key's bytes in memory order (little-endian words), padded with zeros.
 */

/** Update flags of `bpf(2)`. */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

/** Negative results of `insert`, `update` and `delete`: errno values as the kernel returns them. */
export const ENOENT = -2;
export const E2BIG = -7;
export const EEXIST = -17;
export const EINVAL = -22;
export const ENOSPC = -28;

/** Map types by the names that bpftool prints. */
export type MapType =
  | 'hash'
  | 'lru_hash'
  | 'percpu_hash'
  | 'lru_percpu_hash'
  | 'lpm_trie'
  | 'array'
  | 'percpu_array'
  | 'prog_array'
  | 'perf_event_array'
  | 'hash_of_maps'
  | 'array_of_maps';

/** What a map is declared as; sizes in bytes. */
export interface MapSpec {
  readonly name: string;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Creation flags (BPF_F_NO_PREALLOC 1, BPF_F_NO_COMMON_LRU 2); kept for listings. */
  readonly flags?: number;
  /** CPUs of a per-CPU map; each has its own copy of a value. Default 1. */
  readonly cpus?: number;
  /** Name of the map that describes the inner maps (`hash_of_maps`, `array_of_maps`). */
  readonly inner?: MapSpec;
}

export interface BpfMap {
  readonly spec: MapSpec;
  /**
   * The map's memory; offsets answered by the methods point into it. `words` is the same memory. To be read after
   * `insert`, which takes it with the first entry.
   */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Key and value sizes padded to whole words. */
  readonly keyWords: number;
  readonly valueWords: number;
  /** Entries held now. */
  readonly size: number;
  /** Entries that ceased to exist so far (deleted, evicted, cleared): offsets taken before may be void once it changes. */
  readonly removals: number;
  /** Grows with every insert, update and removal: an answer of `lookup` holds, value included, while it stays. */
  readonly changes: number;

  /** Byte offset of the key's value (a multiple of 4), or -1. */
  lookup(key: Int32Array, at: number): number;
  /**
   * Byte offset of the key's value after making room for it, or a negative errno: EEXIST / ENOENT by flags,
   * E2BIG (ENOSPC of an LPM trie) when full. A new entry's value is zeroed; an existing entry's value is left as it is.
   */
  insert(key: Int32Array, at: number, flags: number): number;
  /** `insert`, then copies `valueSize` bytes from `value[valueAt]`. 0 or a negative errno. */
  update(key: Int32Array, at: number, value: Uint8Array, valueAt: number, flags: number): number;
  /** 0 or ENOENT (EINVAL where the type has no delete). */
  delete(key: Int32Array, at: number): number;
  clear(): void;

  /**
   * Iteration: `for (let c = map.next(-1); c >= 0; c = map.next(c))`. A cursor stays valid while entries are
   * inserted and deleted (an entry that stays is visited exactly once; one inserted meanwhile may be).
   */
  next(cursor: number): number;
  /** Byte offsets in `bytes` of the key and value at a cursor that `next` answered. */
  keyAt(cursor: number): number;
  valueAt(cursor: number): number;
}
