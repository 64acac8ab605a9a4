/**
 * Memory of a map that outlives its process (a mapped file). What is in it: the slots, and which of them hold entries;
 * the index is made again from these.
 *
 * A process that is killed stops between any two stores. Words of an entry that is there are each changed on their own
 * and right by themselves; an entry that is being made is not whole until its frame's walk is over. So each new entry
 * is noted in a journal before it counts, whoever drives the run empties the journal between two frames or bursts, and
 * what is in the journal when the memory is taken over is taken out.
 */
import type { MapSpec } from './map.js';

export interface MapMemory {
  readonly slots: Uint8Array;
  readonly states: Uint8Array;
  readonly journal: BirthJournal;
  /** The map's number in the journal. */
  readonly id: number;
}

/** Bytes of a hash map's slots and states. */
export function memorySizes(spec: MapSpec): { slots: number; states: number } {
  const keySpace = (((spec.keySize + 3) >> 2) + 1) & ~1;
  const valueSpace = (((spec.valueSize + 3) >> 2) + 1) & ~1;
  const copies = spec.type === 'percpu_hash' || spec.type === 'lru_percpu_hash' ? (spec.cpus ?? 1) : 1;
  return { slots: spec.maxEntries * (keySpace + valueSpace * copies) * 4, states: spec.maxEntries + 1 };
}

/** Entries that were made since it was emptied last. Word 0 counts them, two words each follow: map and entry number. */
export class BirthJournal {
  readonly #words: Int32Array;

  /** `words` may be memory that was in use: `births` are what is in it. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Words for `capacity` entries. */
  static wordsFor(capacity: number): number {
    return 1 + 2 * capacity;
  }

  note(map: number, entry: number): void {
    const words = this.#words;
    const at = 1 + 2 * words[0];
    // Beyond its end the count alone grows, and tells that some are not in it.
    if (at + 1 < words.length) {
      words[at] = map;
      words[at + 1] = entry;
    }
    words[0]++;
  }

  empty(): void {
    this.#words[0] = 0;
  }

  /** Pairs of map and entry number; null when more were made than it could take. */
  births(): [map: number, entry: number][] | null {
    const words = this.#words;
    if (words[0] < 0 || 1 + 2 * words[0] > words.length) return null;
    return Array.from({ length: words[0] }, (_, i) => [words[1 + 2 * i], words[2 + 2 * i]]);
  }
}
