/** A map's entries as listings and dumps take them: copies, in the order of the kernel's get-next. Not for the packet path. */
import { ArrayMap } from './array-map.js';
import type { BpfMap } from './map.js';
import { SlotTable } from './slot-table.js';

export interface MapRecord {
  readonly key: Uint8Array;
  /** Of a per-CPU map, the first CPU's. */
  readonly value: Uint8Array;
  /** One per CPU; of other maps, `value` alone. */
  readonly values: readonly Uint8Array[];
}

export function isPerCpu(map: BpfMap): boolean {
  return /percpu/.test(map.spec.type);
}

/**
 * All entries: arrays by index, LPM tries as the kernel walks them (subtrees first, so the most specific before what
 * covers it), hashes in the order of this map (the kernel's depends on a random seed).
 */
export function recordsOf(map: BpfMap): MapRecord[] {
  const { keySize, valueSize, type } = map.spec;
  const perCpu = map instanceof SlotTable || map instanceof ArrayMap;
  const stride = perCpu ? map.cpuStride : 0;
  const copies = perCpu ? map.cpus : 1;
  const records: MapRecord[] = [];
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    const keyAt = map.keyAt(cursor);
    const key = map.bytes.slice(keyAt, keyAt + keySize);
    const first = map.valueAt(cursor) - (perCpu ? map.cpu * stride : 0);
    const values = Array.from({ length: copies }, (_, cpu) => {
      const at = first + cpu * stride;
      return map.bytes.slice(at, at + valueSize);
    });
    records.push({ key, value: values[0], values });
  }
  return type === 'lpm_trie' ? records.sort((a, b) => comparePrefixes(a.key, b.key)) : records;
}

/** Post-order of a binary trie: by the first bit that differs; a prefix comes behind those that it covers. */
function comparePrefixes(a: Uint8Array, b: Uint8Array): number {
  const [lengthA, lengthB] = [prefixLength(a), prefixLength(b)];
  const common = Math.min(lengthA, lengthB);
  for (let bit = 0; bit < common; bit++) {
    const difference = bitAt(a, bit) - bitAt(b, bit);
    if (difference !== 0) return difference;
  }
  return lengthB - lengthA;
}

function prefixLength(key: Uint8Array): number {
  return key[0] | (key[1] << 8) | (key[2] << 16) | (key[3] << 24);
}

function bitAt(key: Uint8Array, bit: number): number {
  return (key[4 + (bit >> 3)] >> (7 - (bit & 7))) & 1;
}
