/**
 * Memory that maps are made of: zero, in pages that the system backs when they are first written.
 *
 * It is shared memory, since V8 reckons the whole size of other buffers as a burden and collects garbage again and
 * again for it: 30 nodes with maps of 670 MB each, of which 40 MB are ever written, were made in 7.4 s and now are in
 * 1.4. What is small is cut from a large piece, since only large ones come from the system without being zeroed by
 * hand.
 */
const PIECE_BYTES = 64 << 20;
/** What is cut from a piece; a share of it, so that little is left over when the next one begins. */
const CUT_LIMIT = PIECE_BYTES >> 4;
const CACHE_LINE = 64;

let piece: SharedArrayBuffer | null = null;
let used = 0;

/** Room for `length` words. */
export function zeroWords(length: number): Int32Array {
  return new Int32Array(...take(length * 4), length);
}

/** Room for `length` bytes, aligned as words are. */
export function zeroBytes(length: number): Uint8Array {
  return new Uint8Array(...take(length), length);
}

/** Buffer and offset of `length` bytes that nobody else has. */
function take(length: number): [buffer: SharedArrayBuffer, at: number] {
  if (length > CUT_LIMIT) return [new SharedArrayBuffer(length), 0];
  if (piece === null || used + length > PIECE_BYTES) {
    piece = new SharedArrayBuffer(PIECE_BYTES);
    used = 0;
  }
  const at = used;
  used += (length + CACHE_LINE - 1) & -CACHE_LINE;
  return [piece, at];
}
