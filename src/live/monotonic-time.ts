/** CLOCK_MONOTONIC in nanoseconds, without a BigInt per reading. */
export class MonotonicTime {
  readonly #offsetNs = Number(process.hrtime.bigint()) - performance.now() * 1e6;

  now(): number {
    return this.#offsetNs + performance.now() * 1e6;
  }
}
