import { BPF_NOEXIST, type BpfMap } from '../engine/maps/map.js';

const SLOTS = 256;
const SLOT_WORDS = 4;

/**
 * Remembers where `cilium_policystats` keeps the counters of recent keys: a policy decision counts under the same
 * few keys again and again, and a comparison of three words is four times as fast as the map's lookup. All is
 * forgotten when the map has lost any entry, since an offset is good only while its entry lives.
 */
export class PolicyStatsCache {
  readonly map: BpfMap;
  /** Per slot: the key's three words, then the value's offset, 0 for none. */
  readonly #slots = new Int32Array(SLOTS * SLOT_WORDS);
  #removals = 0;

  constructor(map: BpfMap) {
    this.map = map;
  }

  /** Offset of the counters under the key, made when missing; negative when the map refuses. */
  locate(key: Int32Array): number {
    const slots = this.#slots;
    if (this.map.removals !== this.#removals) {
      slots.fill(0);
      this.#removals = this.map.removals;
    }
    const hash = Math.imul(key[0] ^ Math.imul(key[1], 0x2c1b3c6d) ^ key[2], 0x297a2d39) >>> 24;
    const slot = hash * SLOT_WORDS;
    if (
      slots[slot + 3] !== 0 &&
      slots[slot] === key[0] &&
      slots[slot + 1] === key[1] &&
      slots[slot + 2] === key[2]
    ) {
      return slots[slot + 3];
    }
    let at = this.map.lookup(key, 0);
    if (at < 0) {
      at = this.map.insert(key, 0, BPF_NOEXIST);
      if (at < 0) return at;
    }
    slots[slot] = key[0];
    slots[slot + 1] = key[1];
    slots[slot + 2] = key[2];
    slots[slot + 3] = at;
    return at;
  }
}
