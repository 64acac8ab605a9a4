/** SipHash-2-4 (Aumasson and Bernstein, 2012), which the kernel keys its flow hashes with, on 32-bit halves. */

/** v0 … v3, each low and high half. */
const v = new Int32Array(8);

const INITIAL = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
];

/**
 * The lower half of the hash of `count` words at `words[0]`, as int32. The 128-bit key is given as its two 64-bit
 * halves' words: [low of k0, high of k0, low of k1, high of k1].
 */
export function sipHash32(words: Int32Array, count: number, key: Int32Array): number {
  for (let i = 0; i < 8; i++) v[i] = INITIAL[i] ^ key[i & 3];
  const pairs = count >> 1;
  for (let i = 0; i < pairs; i++) absorb(words[i * 2], words[i * 2 + 1]);
  // The last block: what is left over, and the length in its highest byte.
  absorb(count % 2 === 1 ? words[count - 1] : 0, (count * 4) << 24);
  v[4] ^= 0xff;
  for (let i = 0; i < 4; i++) round();
  return v[0] ^ v[2] ^ v[4] ^ v[6];
}

function absorb(low: number, high: number): void {
  v[6] ^= low;
  v[7] ^= high;
  round();
  round();
  v[0] ^= low;
  v[1] ^= high;
}

function round(): void {
  add(0, 2);
  rotateAndXor(2, 13, 0);
  swapHalves(0);
  add(4, 6);
  rotateAndXor(6, 16, 4);
  add(0, 6);
  rotateAndXor(6, 21, 0);
  add(4, 2);
  rotateAndXor(2, 17, 4);
  swapHalves(4);
}

function add(to: number, from: number): void {
  const low = (v[to] >>> 0) + (v[from] >>> 0);
  v[to] = low;
  v[to + 1] = v[to + 1] + v[from + 1] + (low > 0xffffffff ? 1 : 0);
}

/** Rotates `at` to the left by less than 32 bits, then takes `other` to it. */
function rotateAndXor(at: number, bits: number, other: number): void {
  const [low, high] = [v[at], v[at + 1]];
  v[at] = ((low << bits) | (high >>> (32 - bits))) ^ v[other];
  v[at + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[other + 1];
}

/** A rotation by 32 bits. */
function swapHalves(at: number): void {
  const low = v[at];
  v[at] = v[at + 1];
  v[at + 1] = low;
}
