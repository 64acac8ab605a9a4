/** Remembers frames that walks gave out of late, so that they are known again when the capture shows them. */
const SLOTS = 4096;

export class RecentOutputs {
  /** Digest by its lowest bits; 0 marks a free slot. A newer frame takes an older one's slot. */
  readonly #digests = new Int32Array(SLOTS);
  #count = 0;

  remember(bytes: Uint8Array, at: number, length: number): void {
    const digest = digestOf(bytes, at, length);
    const slot = digest & (SLOTS - 1);
    if (this.#digests[slot] === 0) this.#count++;
    this.#digests[slot] = digest;
  }

  /** Whether the frame was given out; it is forgotten then. */
  take(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#count === 0) return false;
    const digest = digestOf(bytes, at, length);
    const slot = digest & (SLOTS - 1);
    if (this.#digests[slot] !== digest) return false;
    this.#digests[slot] = 0;
    this.#count--;
    return true;
  }
}

/** FNV-1a over the bytes with its bits mixed once more; never 0. */
function digestOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) | 1;
}
