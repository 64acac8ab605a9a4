/** CLOCK_MONOTONIC in nanoseconds, without a BigInt per reading. */
export class MonotonicTime {
  readonly #offsetNs: number;

  /** `aheadNs` of CLOCK_MONOTONIC. */
  constructor(aheadNs = 0) {
    this.#offsetNs = Number(process.hrtime.bigint()) - performance.now() * 1e6 + aheadNs;
  }

  now(): number {
    return this.#offsetNs + performance.now() * 1e6;
  }
}
