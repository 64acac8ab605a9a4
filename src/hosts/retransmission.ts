/** When TCP sends again (RFC 6298, with Linux's limits and its way with the first segment). */
import { MILLISECOND_NS, SECOND_NS } from './world.js';

const MINIMUM_NS = 200 * MILLISECOND_NS;
const MAXIMUM_NS = 120 * SECOND_NS;
const INITIAL_NS = SECOND_NS;
/** tcp_syn_linear_timeouts: SYNs that go out a second apart before the time doubles (Linux 6.5). */
const LINEAR_SYNS = 4;
/** Further SYNs (tcp_syn_retries), SYN-ACKs (tcp_synack_retries) and segments (tcp_retries2) before giving up. */
export const SYN_RETRIES = LINEAR_SYNS + 6;
export const SYN_ACK_RETRIES = 5;
export const SEGMENT_RETRIES = 15;

export class RetransmissionTimeout {
  #smoothed = 0;
  #variation = 0;
  #timeoutNs = INITIAL_NS;
  /** How often the segment at hand was sent again. */
  retries = 0;

  /** A round trip was measured on a segment that was sent once. */
  measured(roundTripNs: number): void {
    if (this.#smoothed === 0) {
      this.#smoothed = roundTripNs;
      this.#variation = roundTripNs / 2;
    } else {
      this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.#smoothed - roundTripNs);
      this.#smoothed = 0.875 * this.#smoothed + 0.125 * roundTripNs;
    }
    this.#timeoutNs = Math.max(MINIMUM_NS, this.#smoothed + 4 * this.#variation);
  }

  /** How long to wait for the answer to a SYN. */
  get synNs(): number {
    return Math.min(MAXIMUM_NS, INITIAL_NS * 2 ** Math.max(0, this.retries - LINEAR_SYNS));
  }

  /** How long to wait for the acknowledgment of a SYN-ACK. */
  get synAckNs(): number {
    return INITIAL_NS * 2 ** this.retries;
  }

  /** How long to wait for the acknowledgment of a segment. */
  get segmentNs(): number {
    return Math.min(MAXIMUM_NS, this.#timeoutNs * 2 ** this.retries);
  }
}
