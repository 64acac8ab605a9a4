/** Lists of addresses by when they were seen last, of the match `recent` (xt_recent with its default sizes). */

/** Addresses that a list remembers (ip_list_tot); one more takes the place of the one noted longest ago. */
const LIST_LIMIT = 100;

export class RecentLists {
  /** By name; times in ns by address, in the order in which they were noted. */
  readonly #lists = new Map<string, Map<string, number>>();

  /** Notes the address of four words at `words[at]`. */
  note(list: string, words: Int32Array, at: number, nowNs: number): void {
    let times = this.#lists.get(list);
    if (times === undefined) {
      times = new Map();
      this.#lists.set(list, times);
    }
    const key = keyOf(words, at);
    times.delete(key);
    if (times.size >= LIST_LIMIT) times.delete(times.keys().next().value!);
    times.set(key, nowNs);
  }

  /** Whether an address was noted, and with `seconds` other than 0 not longer ago than that. */
  has(list: string, words: Int32Array, at: number, seconds: number, nowNs: number): boolean {
    const timeNs = this.#lists.get(list)?.get(keyOf(words, at));
    return timeNs !== undefined && (seconds === 0 || nowNs - timeNs <= seconds * 1e9);
  }
}

/** Packets that open a connection alone come to these lists, so a string may be made. */
function keyOf(words: Int32Array, at: number): string {
  return words.subarray(at, at + 4).join();
}
