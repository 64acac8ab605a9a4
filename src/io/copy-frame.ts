import { copy } from '../engine/wire/bytes.js';

/** Measured: a loop takes 1.7 ns a byte, `set(subarray)` 49 ns and 0.02 ns a byte. */
const SHORTEST_FOR_SET = 32;

/** Copies `length` bytes of a frame between arrays, in the way that is faster for its length. */
export function copyFrame(
  to: Uint8Array,
  toAt: number,
  from: Uint8Array,
  fromAt: number,
  length: number,
): void {
  if (length < SHORTEST_FOR_SET) copy(to, toAt, from, fromAt, length);
  else to.set(from.subarray(fromAt, fromAt + length), toAt);
}
