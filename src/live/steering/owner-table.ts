/**
 * Which worker has a flow; shared by all workers. Slots of four words: fingerprint, worker plus one (0: free, -1: being
 * written), and the second of its last use.
 */
const SLOT_WORDS = 4;
const OWNER = 2;
const SECOND = 3;
const BEING_WRITTEN = -1;
/** Slots that an entry may be in, from the one that its fingerprint names on. */
const WINDOW = 8;
/** A flow that has no room any more can come to be another worker's: more than the connections that conntrack holds. */
const SLOTS = 1 << 20;

export class OwnerTable {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Slot that the last lookup found. */
  #found = 0;

  constructor(memory = new SharedArrayBuffer(4 * SLOT_WORDS * (SLOTS + WINDOW))) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** The worker, or -1 where nobody has claimed the flow. */
  lookup(low: number, high: number): number {
    const words = this.#words;
    const first = (low & (SLOTS - 1)) * SLOT_WORDS;
    for (let at = first; at < first + WINDOW * SLOT_WORDS; at += SLOT_WORDS) {
      const owner = Atomics.load(words, at + OWNER);
      if (owner > 0 && words[at] === low && words[at + 1] === high) {
        this.#found = at;
        return owner - 1;
      }
    }
    return -1;
  }

  /** The entry that the last `lookup` found is in use. */
  touch(second: number): void {
    const at = this.#found + SECOND;
    if (this.#words[at] !== second) this.#words[at] = second;
  }

  /** From now on the flow is `worker`'s. The entry that was used last longest ago goes where there is no room. */
  claim(low: number, high: number, worker: number, second: number): void {
    const words = this.#words;
    const first = (low & (SLOTS - 1)) * SLOT_WORDS;
    let best = first;
    for (let at = first; at < first + WINDOW * SLOT_WORDS; at += SLOT_WORDS) {
      if (words[at] === low && words[at + 1] === high && words[at + OWNER] > 0) {
        best = at;
        break;
      }
      if (
        words[best + OWNER] !== 0 &&
        (words[at + OWNER] === 0 || words[at + SECOND] < words[best + SECOND])
      ) {
        best = at;
      }
    }
    const former = words[best + OWNER];
    // Somebody else writes there at this moment: the flow's next frame tries again.
    if (former === BEING_WRITTEN) return;
    if (Atomics.compareExchange(words, best + OWNER, former, BEING_WRITTEN) !== former) return;
    words[best] = low;
    words[best + 1] = high;
    words[best + SECOND] = second;
    Atomics.store(words, best + OWNER, worker + 1);
  }
}
