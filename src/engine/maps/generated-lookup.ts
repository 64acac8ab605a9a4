/**
 * The lookup of hash maps, written out for a key size: no loops, no table of multipliers, nothing decided while it
 * runs. A walk makes about ten lookups and is limited by how much of its machine code fits the instruction cache,
 * so code that knows its key size (25 ns to 17 ns per lookup) also makes everything around it faster. Functions are
 * made once per (key size, eviction, seed) and shared, so that call sites see one target.
 */
import { FINISH_MULTIPLIER, multipliers } from './hashing.js';
import { REFERENCED } from './slot-table.js';

/** What the generated code reads of its map (`this`). */
export interface LookupTable {
  readonly words: Int32Array;
  readonly index: Int32Array;
  readonly states: Uint8Array;
  readonly indexMask: number;
  readonly tagMask: number;
  readonly numberMask: number;
  readonly slotWords: number;
  readonly valueStart: number;
}

export type Lookup = (this: LookupTable, key: Int32Array, at: number) => number;

const made = new Map<string, Lookup>();

/** The lookup for keys of `keyWords` words; with `evicts` a hit sets the entry's reference bit. */
export function lookupFor(keyWords: number, evicts: boolean, seed: number): Lookup {
  const name = `${keyWords}:${evicts}:${seed}`;
  let lookup = made.get(name);
  if (lookup === undefined) {
    lookup = new Function('key', 'at', source(keyWords, evicts, seed)) as Lookup;
    made.set(name, lookup);
  }
  return lookup;
}

function source(keyWords: number, evicts: boolean, seed: number): string {
  const m = multipliers(seed, keyWords);
  const words = Array.from({ length: keyWords }, (_, i) => i);
  const loads = words.map((i) => `const w${i} = key[at + ${i}] | 0;`);
  const terms = words.map(
    (i) => `sum = (sum + Math.imul(w${i}, ${m[2 * i]}) + Math.imul(w${i} >>> 16, ${m[2 * i + 1]})) | 0;`,
  );
  const same = words.map((i) => `words[slot + ${i}] === w${i}`).join(' && ');
  return `'use strict';
${loads.join('\n')}
let sum = 0;
${terms.join('\n')}
sum = Math.imul(sum ^ (sum >>> 16), ${FINISH_MULTIPLIER});
const hash = sum ^ (sum >>> 15);
const mask = this.indexMask;
const index = this.index;
let cell = hash & mask;
for (;;) {
  const word = index[cell];
  if (word === 0) return -1;
  if (((word ^ hash) & this.tagMask) === 0) {
    const number = word & this.numberMask;
    const slot = Math.imul(number - 1, this.slotWords);
    const words = this.words;
    if (${same}) {
      ${evicts ? `this.states[number] = ${REFERENCED};` : ''}
      return (slot << 2) + this.valueStart;
    }
  }
  cell = (cell + 1) & mask;
}`;
}
