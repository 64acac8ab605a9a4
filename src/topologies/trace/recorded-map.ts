/**
 * Maps that tell what is done with them. A map is recorded in place: its methods are covered by ones that tell and then
 * do the same, so that programs, listings and collectors go on with the same object, and results are the same. `changes`
 * of a recorded map never stands still: what remembers answers of a map until that changes asks it every time.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import type { MapOfMaps } from '../../engine/maps/map-of-maps.js';

/** Is told of each operation right after it. `at` is the byte offset of the value. */
export interface MapJournal {
  /** -1: there is no entry. */
  looked(map: BpfMap, key: Uint8Array, at: number): void;
  /** The value follows: programs write it in place. */
  inserted(map: BpfMap, key: Uint8Array, at: number, isNew: boolean): void;
  /** `value` is what the entry was; null when there was none. */
  deleted(map: BpfMap, key: Uint8Array, value: Uint8Array | null): void;
}

export function recordMap(map: BpfMap, journal: MapJournal): void {
  const { spec } = map;
  const keyOf = (key: Int32Array, at: number): Uint8Array =>
    new Uint8Array(key.slice(at, at + map.keyWords).buffer, 0, spec.keySize);
  const lookup = map.lookup.bind(map);
  const insert = map.insert.bind(map);
  const remove = map.delete.bind(map);
  cover(map, 'lookup', (key: Int32Array, at: number) => {
    const found = lookup(key, at);
    journal.looked(map, keyOf(key, at), found);
    return found;
  });
  cover(map, 'insert', (key: Int32Array, at: number, flags: number) => {
    const { size, removals } = map;
    const placed = insert(key, at, flags);
    const isNew = map.size !== size || map.removals !== removals;
    if (placed >= 0) journal.inserted(map, keyOf(key, at), placed, isNew);
    return placed;
  });
  cover(map, 'delete', (key: Int32Array, at: number) => {
    const found = lookup(key, at);
    const value = found < 0 ? null : map.bytes.slice(found, found + spec.valueSize);
    const result = remove(key, at);
    journal.deleted(map, keyOf(key, at), value);
    return result;
  });
  let changes = 0;
  Object.defineProperty(map, 'changes', { get: () => changes++, set: () => {} });
  if (spec.inner !== undefined) recordInner(map as MapOfMaps, journal);
}

/** Inner maps too, once each; programs get them by `inner`. */
function recordInner(map: MapOfMaps, journal: MapJournal): void {
  const known = new Set<BpfMap>();
  const inner = map.inner.bind(map);
  cover(map, 'inner', (valueOffset: number) => {
    const found = inner(valueOffset);
    if (found !== null && !known.has(found)) {
      known.add(found);
      recordMap(found, journal);
    }
    return found;
  });
}

function cover(map: BpfMap, method: string, value: unknown): void {
  Object.defineProperty(map, method, { value, configurable: true });
}
