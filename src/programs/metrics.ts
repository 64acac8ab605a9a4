import { BPF_ANY, type BpfMap } from '../engine/maps/map.js';
import { addU64 } from './tables/u64.js';

const REASONS = 256;
const DIRECTIONS = 4;

/**
 * Counters in `cilium_metrics`: packets and bytes by (reason, direction). Cilium keys them by source line and
 * file too; here both are 0. The offset of each counter is remembered, since every packet counts one to three
 * times: a hash lookup each would cost about 20 ns.
 */
export class Metrics {
  readonly map: BpfMap;
  readonly #offsets = new Int32Array(REASONS * DIRECTIONS).fill(-1);
  readonly #key = new Int32Array(2);
  #removals = 0;

  constructor(map: BpfMap) {
    this.map = map;
  }

  /** Adds one packet of `length` bytes. */
  count(reason: number, direction: number, length: number): void {
    if (this.map.removals !== this.#removals) this.#forget();
    let at = this.#offsets[reason * DIRECTIONS + direction];
    if (at < 0) {
      at = this.#locate(reason, direction);
      if (at < 0) return;
    }
    addU64(this.map.words, at >> 2, 1);
    addU64(this.map.words, (at >> 2) + 2, length);
  }

  /** An offset is good only while its entry lives. */
  #forget(): void {
    this.#offsets.fill(-1);
    this.#removals = this.map.removals;
  }

  #locate(reason: number, direction: number): number {
    this.#key[0] = reason | (direction << 8);
    const at = this.map.insert(this.#key, 0, BPF_ANY);
    this.#offsets[reason * DIRECTIONS + direction] = at;
    return at;
  }
}
