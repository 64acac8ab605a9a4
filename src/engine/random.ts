/** The random source of a run (`get_prandom_u32`); the same seed gives the same run. */
export interface RandomSource {
  /** 32 random bits as int32. */
  next(): number;
}

/** splitmix32: one add and two multiplies per number; every seed has the full period of 2^32. */
export class SeededRandom implements RandomSource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  }
}
