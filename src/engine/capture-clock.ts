/** Drives a run's clock by the timestamps of a capture. */
import type { Clock } from './clock.js';

/** Monotonic time of a capture's first packet: far enough from 0 for lifetimes that are subtracted from now. */
const DEFAULT_START_NS = 1000e9;

/**
 * Maps capture time to the monotonic clock: the first packet is at `startNs`, later ones as long after it as the
 * capture says. Time never goes backwards: a packet older than its predecessor gets the predecessor's time.
 */
export class CaptureClock {
  readonly clock: Clock;
  readonly #startNs: number;
  #started = false;
  #firstSeconds = 0;
  #firstNanoseconds = 0;

  constructor(clock: Clock, startNs = DEFAULT_START_NS) {
    this.clock = clock;
    this.#startNs = startNs;
    clock.set(startNs);
  }

  /** Sets the clock to a packet's time since 1970. A packet without timestamp (0, 0) leaves the clock alone. */
  advance(seconds: number, nanoseconds: number): void {
    if (seconds === 0 && nanoseconds === 0) return;
    if (!this.#started) {
      this.#started = true;
      this.#firstSeconds = seconds;
      this.#firstNanoseconds = nanoseconds;
    }
    const elapsedNs = (seconds - this.#firstSeconds) * 1e9 + (nanoseconds - this.#firstNanoseconds);
    const nowNs = this.#startNs + elapsedNs;
    if (nowNs > this.clock.nowNs) this.clock.set(nowNs);
  }
}
