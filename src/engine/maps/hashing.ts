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

/** Hash of the `count` words from `key[at]` on, written out word by word: a loop takes half as long again. */
export function hashWords(key: Int32Array, at: number, count: number, m: Int32Array): number {
  let word = key[at];
  let sum = Math.imul(word, m[0]) + Math.imul(word >>> 16, m[1]);
  if (count > 1) {
    word = key[at + 1];
    sum = (sum + Math.imul(word, m[2]) + Math.imul(word >>> 16, m[3])) | 0;
    if (count > 2) {
      word = key[at + 2];
      sum = (sum + Math.imul(word, m[4]) + Math.imul(word >>> 16, m[5])) | 0;
      if (count > 3) {
        word = key[at + 3];
        sum = (sum + Math.imul(word, m[6]) + Math.imul(word >>> 16, m[7])) | 0;
        if (count > 4) {
          word = key[at + 4];
          sum = (sum + Math.imul(word, m[8]) + Math.imul(word >>> 16, m[9])) | 0;
          if (count > 5) {
            word = key[at + 5];
            sum = (sum + Math.imul(word, m[10]) + Math.imul(word >>> 16, m[11])) | 0;
            if (count > 6) {
              word = key[at + 6];
              sum = (sum + Math.imul(word, m[12]) + Math.imul(word >>> 16, m[13])) | 0;
              if (count > 7) {
                word = key[at + 7];
                sum = (sum + Math.imul(word, m[14]) + Math.imul(word >>> 16, m[15])) | 0;
                if (count > 8) {
                  word = key[at + 8];
                  sum = (sum + Math.imul(word, m[16]) + Math.imul(word >>> 16, m[17])) | 0;
                  if (count > 9) {
                    word = key[at + 9];
                    sum = (sum + Math.imul(word, m[18]) + Math.imul(word >>> 16, m[19])) | 0;
                    for (let i = 10; i < count; i++) {
                      word = key[at + i];
                      sum = (sum + Math.imul(word, m[i * 2]) + Math.imul(word >>> 16, m[i * 2 + 1])) | 0;
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
  return finish(sum);
}

/** Whether `count` words of `a` and `b` are the same. */
export function sameWords(a: Int32Array, aAt: number, b: Int32Array, bAt: number, count: number): boolean {
  if (a[aAt] !== b[bAt]) return false;
  if (count === 1) return true;
  if (a[aAt + 1] !== b[bAt + 1]) return false;
  if (count === 2) return true;
  if (a[aAt + 2] !== b[bAt + 2]) return false;
  if (count === 3) return true;
  if (a[aAt + 3] !== b[bAt + 3]) return false;
  if (count === 4) return true;
  if (a[aAt + 4] !== b[bAt + 4]) return false;
  if (count === 5) return true;
  if (a[aAt + 5] !== b[bAt + 5]) return false;
  if (count === 6) return true;
  if (a[aAt + 6] !== b[bAt + 6]) return false;
  if (count === 7) return true;
  if (a[aAt + 7] !== b[bAt + 7]) return false;
  if (count === 8) return true;
  if (a[aAt + 8] !== b[bAt + 8]) return false;
  if (count === 9) return true;
  if (a[aAt + 9] !== b[bAt + 9]) return false;
  for (let i = 10; i < count; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

export const FINISH_MULTIPLIER = 0x21f0aaad;

export function finish(sum: number): number {
  const h = Math.imul(sum ^ (sum >>> 16), FINISH_MULTIPLIER);
  return h ^ (h >>> 15);
}
