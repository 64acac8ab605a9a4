/** Per-CPU maps as listings show them: numbers summed over the CPUs. Not for the packet path. */
import { ArrayMap } from './array-map.js';
import type { BpfMap } from './map.js';
import { SlotTable } from './slot-table.js';

/**
 * Sum over all CPUs of the little-endian u64 at byte `field` of the value at `cursor`; of a map that is not
 * per-CPU, the number itself. Exact up to 2^53.
 */
export function sumU64(map: BpfMap, cursor: number, field: number): number {
  const perCpu = map instanceof SlotTable || map instanceof ArrayMap;
  const cpus = perCpu ? map.cpus : 1;
  const stride = perCpu ? map.cpuStride : 0;
  const view = new DataView(map.bytes.buffer, map.bytes.byteOffset);
  const first = map.valueAt(cursor) - (perCpu ? map.cpu * stride : 0) + field;
  let sum = 0;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const at = first + cpu * stride;
    sum += view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  }
  return sum;
}
