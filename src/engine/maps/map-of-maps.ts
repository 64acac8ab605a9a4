/**
 * `hash_of_maps` and `array_of_maps`: the value is the id of an inner map. Ids are given by whoever makes the inner
 * maps (a dump brings its own), and an id may be written before its map is there: `inner` answers null until then.
 */
import { HashMap } from './hash-map.js';
import type { BpfMap, MapSpec } from './map.js';
import { ProgArray } from './prog-array.js';

export interface MapOfMaps extends BpfMap {
  /** Makes `map` the inner map with this id (a u32). Throws when it is not what `spec.inner` declares. */
  adopt(id: number, map: BpfMap): void;
  /** The inner map whose id is the value at this offset, or null. */
  inner(valueOffset: number): BpfMap | null;
}

export class HashOfMaps extends HashMap implements MapOfMaps {
  readonly #inner = new Map<number, BpfMap>();

  adopt(id: number, map: BpfMap): void {
    checkInner(this.spec, map);
    this.#inner.set(id | 0, map);
  }

  inner(valueOffset: number): BpfMap | null {
    return this.#inner.get(this.words[valueOffset >> 2]) ?? null;
  }
}

/** Elements may be absent and take BPF_ANY alone, as those of a `prog_array`. */
export class ArrayOfMaps extends ProgArray implements MapOfMaps {
  readonly #inner = new Map<number, BpfMap>();

  adopt(id: number, map: BpfMap): void {
    checkInner(this.spec, map);
    this.#inner.set(id | 0, map);
  }

  inner(valueOffset: number): BpfMap | null {
    return this.#inner.get(this.words[valueOffset >> 2]) ?? null;
  }
}

function checkInner(spec: MapSpec, map: BpfMap): void {
  for (const field of ['type', 'keySize', 'valueSize'] as const) {
    if (map.spec[field] === spec.inner?.[field]) continue;
    throw new Error(
      `map ${spec.name}: inner map ${map.spec.name} has ${field} ${map.spec[field]}, declared is ${spec.inner?.[field]}`,
    );
  }
}
