/** The clock of a run: CLOCK_MONOTONIC as programs see it. Set by whoever drives the run, never read from the host. */
export class Clock {
  /** Nanoseconds; below 2^53, so 104 days of run time. */
  nowNs = 0;
  /** Whole seconds of `nowNs`, as conntrack lifetimes count them. */
  nowSeconds = 0;

  set(nowNs: number): void {
    this.nowNs = nowNs;
    this.nowSeconds = Math.floor(nowNs / 1e9) | 0;
  }
}
