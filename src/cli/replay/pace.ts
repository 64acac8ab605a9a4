/** Holds frames back until their capture time has come, at a factor of the capture's pace. */

const LONGEST_SLEEP_MS = 100;

export class Pace {
  readonly #speed: number;
  #started = -1;
  #firstSeconds = 0;
  #firstNanoseconds = 0;
  #waitMs = LONGEST_SLEEP_MS;

  constructor(speed: number) {
    this.#speed = speed;
  }

  /** Whether a frame of that time is due; frames without a time always are. */
  isDue(seconds: number, nanoseconds: number): boolean {
    if (seconds === 0 && nanoseconds === 0) return true;
    if (this.#started < 0) {
      this.#started = performance.now();
      this.#firstSeconds = seconds;
      this.#firstNanoseconds = nanoseconds;
    }
    const captureMs = (seconds - this.#firstSeconds) * 1e3 + (nanoseconds - this.#firstNanoseconds) / 1e6;
    this.#waitMs = captureMs / this.#speed - (performance.now() - this.#started);
    return this.#waitMs < 1;
  }

  /** Sleeps until the frame of the last `isDue` is due, but not long at once. */
  sleep(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, Math.min(this.#waitMs, LONGEST_SLEEP_MS)));
  }
}
