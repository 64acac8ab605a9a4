/** Follows `cilium_metrics`: packets and bytes by "reason:direction", summed over source positions. */
import type { BpfMap } from '../../src/engine/maps/map.js';

export type MetricChanges = Record<string, [number, number]>;

const TWO_32 = 4294967296;
const FIRST_DROP_REASON = 130;

export class MetricShadow {
  readonly #map: BpfMap;
  /** Packets and bytes by entry in cursor order; entries are never deleted. */
  readonly #before: number[] = [];

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Differences since the last call. */
  takeChanges(): MetricChanges {
    const { words } = this.#map;
    const changes: MetricChanges = {};
    let index = 0;
    for (let cursor = this.#map.next(-1); cursor >= 0; cursor = this.#map.next(cursor), index += 2) {
      const at = this.#map.valueAt(cursor) >> 2;
      const packets = (words[at] >>> 0) + (words[at + 1] >>> 0) * TWO_32;
      const bytes = (words[at + 2] >>> 0) + (words[at + 3] >>> 0) * TWO_32;
      const morePackets = packets - (this.#before[index] ?? 0);
      const moreBytes = bytes - (this.#before[index + 1] ?? 0);
      if (morePackets === 0 && moreBytes === 0) continue;
      this.#before[index] = packets;
      this.#before[index + 1] = bytes;
      const key = words[this.#map.keyAt(cursor) >> 2];
      const name = `${key & 0xff}:${(key >> 8) & 3}`;
      const sum = changes[name];
      changes[name] =
        sum === undefined ? [morePackets, moreBytes] : [sum[0] + morePackets, sum[1] + moreBytes];
    }
    return changes;
  }
}

/** The highest drop reason that was counted, or null. */
export function dropReasonOf(changes: MetricChanges): number | null {
  let highest: number | null = null;
  for (const name of Object.keys(changes)) {
    const reason = Number.parseInt(name, 10);
    if (reason >= FIRST_DROP_REASON && reason > (highest ?? 0)) highest = reason;
  }
  return highest;
}
