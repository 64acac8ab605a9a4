/** Timestamps of pcapng interfaces: unsigned 64-bit counts of units that each interface chooses. */

/** Units up to here have products with 1e9 that a double holds exactly (2^23 * 1e9 < 2^53). */
const LARGEST_BINARY_EXPONENT = 23;
/** Counts of units within a second up to 1e15 are exact in a double. */
const LARGEST_DECIMAL_EXPONENT = 15;

/**
 * Turns one interface's timestamps into seconds and nanoseconds, exactly. The second that the last timestamp
 * was in is remembered, so that the next one in it costs a subtraction; only another second needs a 64-bit
 * division. Nanoseconds are rounded down where units are finer.
 */
export class TimestampDecoder {
  /** The last decoded timestamp. */
  seconds = 0;
  nanoseconds = 0;

  readonly unitsPerSecond: number;
  readonly #exactUnits: bigint;
  readonly #offsetSeconds: number;
  /** Nanoseconds within the second are units * multiplier / divisor; 0 when doubles would not be exact. */
  readonly #multiplier: number;
  readonly #divisor: number;
  #baseHigh = 0;
  #baseLow = 0;

  /** `resolution` is the if_tsresol byte: a power of 10, or of 2 with the top bit set. */
  constructor(resolution: number, offsetSeconds: number) {
    const exponent = resolution & 0x7f;
    const binary = (resolution & 0x80) !== 0;
    this.unitsPerSecond = (binary ? 2 : 10) ** exponent;
    this.#exactUnits = (binary ? 2n : 10n) ** BigInt(exponent);
    this.#offsetSeconds = offsetSeconds;
    const exact = exponent <= (binary ? LARGEST_BINARY_EXPONENT : LARGEST_DECIMAL_EXPONENT);
    this.#multiplier = !exact ? 0 : binary ? 1e9 : 10 ** Math.max(9 - exponent, 0);
    this.#divisor = binary ? this.unitsPerSecond : 10 ** Math.max(exponent - 9, 0);
    this.seconds = offsetSeconds;
  }

  /** Decodes the timestamp `high * 2^32 + low` into `seconds` and `nanoseconds`. */
  decode(high: number, low: number): void {
    // The difference is exact where it is below 2^53, and no smaller than 2^53 where it is not.
    const units = (high - this.#baseHigh) * 0x100000000 + (low - this.#baseLow);
    if (this.#multiplier !== 0 && units >= 0 && units < this.unitsPerSecond) {
      this.nanoseconds = Math.floor((units * this.#multiplier) / this.#divisor);
    } else {
      this.#decodeExactly(high, low);
    }
  }

  #decodeExactly(high: number, low: number): void {
    const timestamp = (BigInt(high) << 32n) | BigInt(low);
    const wholeSeconds = timestamp / this.#exactUnits;
    const base = wholeSeconds * this.#exactUnits;
    this.#baseHigh = Number(base >> 32n);
    this.#baseLow = Number(base & 0xffffffffn);
    this.seconds = Number(wholeSeconds) + this.#offsetSeconds;
    this.nanoseconds = Number(((timestamp - base) * 1_000_000_000n) / this.#exactUnits);
  }
}

/** Seconds of 2^64 - 1 ns: 2554-07-21. */
const LATEST_SECOND = 18_446_744_073;
const LATEST_NANOSECONDS = 709_551_615;

/**
 * The inverse for nanosecond interfaces. Times before 1970 become 0, times after 2554 the last that 64 bits
 * hold.
 */
export class TimestampEncoder {
  /** The last encoded timestamp. */
  high = 0;
  low = 0;

  #second = 0;
  #baseHigh = 0;
  #baseLow = 0;

  encode(seconds: number, nanoseconds: number): void {
    if (seconds !== this.#second) this.#setSecond(seconds);
    let added = nanoseconds;
    if (seconds < 0) added = 0;
    else if (seconds >= LATEST_SECOND)
      added = seconds > LATEST_SECOND ? LATEST_NANOSECONDS : Math.min(nanoseconds, LATEST_NANOSECONDS);
    const low = this.#baseLow + added;
    const carries = low >= 0x100000000;
    this.high = carries ? this.#baseHigh + 1 : this.#baseHigh;
    this.low = carries ? low - 0x100000000 : low;
  }

  #setSecond(seconds: number): void {
    const base = BigInt(Math.min(Math.max(seconds, 0), LATEST_SECOND)) * 1_000_000_000n;
    this.#second = seconds;
    this.#baseHigh = Number(base >> 32n);
    this.#baseLow = Number(base & 0xffffffffn);
  }
}
