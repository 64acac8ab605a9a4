import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';

/** Remembers frames that walks gave out of late, so that they are known again when the capture shows them. */
const SLOTS = 4096;
/** A digest's upper bits are the frame's length. */
const LENGTHS = 2048;
const LENGTH_SHIFT = 21;

export class RecentOutputs {
  /** Digest by its lowest bits; 0 marks a free slot. A newer frame takes an older one's slot. */
  readonly #digests = new Int32Array(SLOTS);
  /** How many remembered frames have a length, by its lowest bits: most frames need no digest to be told apart. */
  readonly #lengths = new Int32Array(LENGTHS);

  remember(bytes: Uint8Array, at: number, length: number): void {
    const digest = digestOf(bytes, at, length);
    const slot = digest & (SLOTS - 1);
    const former = this.#digests[slot];
    if (former !== 0) this.#lengths[former >>> LENGTH_SHIFT]--;
    this.#digests[slot] = digest;
    this.#lengths[digest >>> LENGTH_SHIFT]++;
  }

  /** Whether the frame was given out; it is forgotten then. */
  take(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#lengths[length & (LENGTHS - 1)] === 0) return false;
    const digest = digestOf(bytes, at, length);
    const slot = digest & (SLOTS - 1);
    if (this.#digests[slot] !== digest) return false;
    this.#digests[slot] = 0;
    this.#lengths[digest >>> LENGTH_SHIFT]--;
    return true;
  }
}

/**
 * FNV-1a over the bytes below the length's lowest bits; never 0. The identification of an ICMP packet over IPv4 does not
 * count, nor the checksum that goes with it: a stack that makes one takes any number.
 */
function digestOf(bytes: Uint8Array, at: number, length: number): number {
  const end = at + length;
  const ipAt = at + ethernet.HEADER_LENGTH;
  let hash = 0x811c9dc5 | 0;
  let from = at;
  const isIcmp =
    ethernet.type(bytes, at) === ethernet.TYPE_IPV4 &&
    ipv4.fits(ipAt, end) &&
    ipv4.protocol(bytes, ipAt) === ipv4.PROTOCOL_ICMP;
  if (isIcmp) {
    hash = add(hash, bytes, at, ipAt + ipv4.IDENTIFICATION_OFFSET);
    hash = add(hash, bytes, ipAt + ipv4.IDENTIFICATION_OFFSET + 2, ipv4.checksumAt(ipAt));
    from = ipv4.checksumAt(ipAt) + 2;
  }
  hash = add(hash, bytes, from, end);
  hash ^= hash >>> 15;
  const mixed = Math.imul(hash, 0x2c1b3c6d) >>> (32 - LENGTH_SHIFT);
  return (length << LENGTH_SHIFT) | mixed | 1;
}

function add(initial: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = initial;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}
