/** 64-bit little-endian counters in word arrays, without BigInt. */

const TWO_32 = 4294967296;

/** Adds a non-negative int32 to the u64 at `words[at]`, `words[at + 1]`. */
export function addU64(words: Int32Array, at: number, amount: number): void {
  const low = (words[at] + amount) | 0;
  words[at] = low;
  // The sum wrapped exactly when it is, unsigned, below what was added.
  if (low >>> 0 < amount) words[at + 1]++;
}

/** The u64 as a number; exact below 2^53. */
export function readU64(words: Int32Array, at: number): number {
  return (words[at + 1] >>> 0) * TWO_32 + (words[at] >>> 0);
}

/** Writes a number below 2^53 as u64. */
export function writeU64(words: Int32Array, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = Math.floor(value / TWO_32);
  if (value >= 2147483648) words[at] = value % TWO_32;
}
