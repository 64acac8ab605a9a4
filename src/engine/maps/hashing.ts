/**
 * Keyed hashing of 32-bit words: the sum over all words of low half * m[2i] + high half * m[2i + 1] (mod 2^32)
 * with multipliers drawn from the map's seed. Such a multilinear hash is universal in its upper bits (Thorup,
 * "High Speed Hashing for Integers and Strings", section 3.5), so no set of keys chosen without knowing the seed
 * floods a table, and its products do not wait for each other. `finish` brings the upper bits down.
 */

/** Multipliers for keys of `words` words (splitmix32 of the seed), two for each word. */
export function multipliers(seed: number, words: number): Int32Array {
  const numbers = new Int32Array(words * 2);
  let state = seed | 0;
  for (let i = 0; i < numbers.length; i++) {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    numbers[i] = (z ^ (z >>> 15)) | 1;
  }
  return numbers;
}

export const FINISH_MULTIPLIER = 0x21f0aaad;

export function finish(sum: number): number {
  const h = Math.imul(sum ^ (sum >>> 16), FINISH_MULTIPLIER);
  return h ^ (h >>> 15);
}
