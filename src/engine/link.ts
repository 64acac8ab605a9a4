/** What a link does to the frames on it beside carrying them: takes time, loses some, refuses long ones. */
import { FRAME_OVER_MTU, LINK_QUEUE_FULL, LOST_ON_LINK } from './fate.js';
import type { RandomSource } from './random.js';
import { HEADER_LENGTH } from './wire/ethernet.js';

export interface LinkOptions {
  readonly latencyNs: number;
  /** Share of the frames that get lost, 0 to 1. */
  readonly loss: number;
  /** Bytes of an IP packet at most. */
  readonly mtu: number;
  /** Infinity for a link that takes no time to send. */
  readonly bitsPerSecond: number;
}

export const PLAIN_LINK: LinkOptions = {
  latencyNs: 0,
  loss: 0,
  mtu: 65535,
  bitsPerSecond: Number.POSITIVE_INFINITY,
};

/** Frames that wait for the wire at most (a device's default txqueuelen), counted as full-sized ones. */
const QUEUE_FRAMES = 1000;
const QUEUE_FRAME_BITS = 1514 * 8;

/** One direction of a link: frames that are sent at one end. */
export class LinkDirection {
  readonly #options: LinkOptions;
  readonly #random: RandomSource;
  /** When the wire has taken all that was sent. */
  #freeNs = 0;

  constructor(options: LinkOptions, random: RandomSource) {
    this.#options = options;
    this.#random = random;
  }

  /** When a frame of `length` bytes that is sent now arrives; or its drop reason, negative. */
  arrivalNs(nowNs: number, length: number): number {
    const { latencyNs, loss, mtu, bitsPerSecond } = this.#options;
    if (length - HEADER_LENGTH > mtu) return -FRAME_OVER_MTU;
    const start = Math.max(nowNs, this.#freeNs);
    if (bitsPerSecond !== Number.POSITIVE_INFINITY) {
      if ((start - nowNs) * bitsPerSecond > QUEUE_FRAMES * QUEUE_FRAME_BITS * 1e9) return -LINK_QUEUE_FULL;
      this.#freeNs = start + Math.ceil((length * 8e9) / bitsPerSecond);
    }
    if (loss > 0 && (this.#random.next() >>> 0) / 2 ** 32 < loss) return -LOST_ON_LINK;
    return Math.max(start, this.#freeNs) + latencyNs;
  }
}
