/**
 * Hash, search and lookup of hash maps, written out for a key size: no loops, no table of multipliers, nothing
 * decided while it runs. A walk makes about ten lookups and is limited by how much of its machine code fits the
 * instruction cache, so code that knows its key size also makes everything around it faster. Measured against one
 * class that tests the key size word by word (which beat loops by 1.5), ns per hit at 1,024 / 65,536 entries:
 * 4 words 25 / 41 to 18 / 31, 10 words 39 / 63 to 29 / 47, 12 maps in use together 33 to 26. Functions are made once
 * per (key size, eviction, seed) and shared, so that call sites see one target: maps used together share a seed.
 */
import { FINISH_MULTIPLIER, multipliers } from './hashing.js';
import { REFERENCED } from './slot-table.js';

/** Methods of a slot table: `this` is the map, of which they read index, masks, slots and (when evicting) states. */
export interface KeyFunctions {
  /** Hash of the key (hashing.ts). */
  readonly hash: (key: Int32Array, at: number) => number;
  /** Cell of the index that points to the key's entry, or ~(the empty cell where the search ended). */
  readonly find: (key: Int32Array, at: number, hash: number) => number;
  /** Byte offset of the key's value, or -1; where entries are evicted a hit marks the entry as used. */
  readonly lookup: (key: Int32Array, at: number) => number;
}

const made = new Map<string, KeyFunctions>();

/** The functions for keys of `keyWords` words. */
export function keyFunctions(keyWords: number, evicts: boolean, seed: number): KeyFunctions {
  const name = `${keyWords}:${evicts}:${seed}`;
  let functions = made.get(name);
  if (functions === undefined) {
    functions = generate(keyWords, evicts, seed);
    made.set(name, functions);
  }
  return functions;
}

function generate(keyWords: number, evicts: boolean, seed: number): KeyFunctions {
  const m = multipliers(seed, keyWords);
  const words = Array.from({ length: keyWords }, (_, i) => i);
  const loads = words.map((i) => `const w${i} = key[at + ${i}] | 0;`).join('\n');
  const terms = words.map((i) => `Math.imul(w${i}, ${m[2 * i]}) + Math.imul(w${i} >>> 16, ${m[2 * i + 1]})`);
  const hash = `
let sum = 0;
${terms.map((term) => `sum = (sum + ${term}) | 0;`).join('\n')}
sum = Math.imul(sum ^ (sum >>> 16), ${FINISH_MULTIPLIER});`;
  const search = (miss: string, hit: string) => `
const index = this.index;
const mask = this.indexMask;
for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
  const word = index[cell];
  if (word === 0) return ${miss};
  if (((word ^ hash) & this.tagMask) === 0) {
    const number = word & this.numberMask;
    const slot = Math.imul(number - 1, this.slotWords);
    const words = this.words;
    if (${words.map((i) => `words[slot + ${i}] === w${i}`).join(' && ')}) {
      ${hit}
    }
  }
}`;
  const mark = evicts ? `this.states[number] = ${REFERENCED};` : '';
  const found = `${mark} return (slot << 2) + this.valueStart;`;
  return {
    hash: make('hash', 'key, at', `${loads}${hash} return sum ^ (sum >>> 15);`),
    find: make('find', 'key, at, hash', `${loads}${search('~cell', 'return cell;')}`),
    lookup: make(
      'lookup',
      'key, at',
      `${loads}${hash} const hash = sum ^ (sum >>> 15);${search('-1', found)}`,
    ),
  };

  /** A function with a name, so that profiles show it. */
  function make<Name extends keyof KeyFunctions>(name: Name, parameters: string, body: string) {
    const source = `'use strict'; return function ${name}${keyWords}(${parameters}) {\n${body}\n};`;
    return new Function(source)() as KeyFunctions[Name];
  }
}
