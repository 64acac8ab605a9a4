/** Takes the JSON of `bpftool map dump -j` (or -p) into a map. */
import { BPF_ANY, type BpfMap } from './map.js';
import { isPerCpu } from './records.js';

/**
 * Writes every entry of the dump; `json` is the parsed text. What else a dump says of an entry (`formatted`) is passed
 * over, as are elements that could not be read (`error`). Answers how many entries were written.
 *
 * Throws an Error that names map, entry and remedy when the dump is not one, when its sizes are those of another map,
 * and when the map has no room. Entries before the faulty one are then in the map.
 */
export function loadBpftoolDump(map: BpfMap, json: unknown): number {
  const { name } = map.spec;
  if (!Array.isArray(json)) {
    throw new Error(
      `map ${name}: a dump is a list of entries (bpftool -j map dump), this is ${kindOf(json)}`,
    );
  }
  let written = 0;
  json.forEach((entry: unknown, i) => {
    const at = `map ${name}: entry ${i + 1}`;
    if (!isObject(entry)) throw new Error(`${at} is ${kindOf(entry)}, not an object with key and value`);
    if (isObject(entry.value) && 'error' in entry.value) return;
    const key = new Int32Array(map.keyWords);
    new Uint8Array(key.buffer).set(bytesOf(entry.key, `${at}: key`, map.spec.keySize));
    if (isPerCpu(map)) writeCopies(map, key, entry.values, at);
    else write(map, key, bytesOf(entry.value, `${at}: value`, map.spec.valueSize), at);
    written++;
  });
  return written;
}

function writeCopies(map: BpfMap, key: Int32Array, values: unknown, at: string): void {
  const perCpu = map as BpfMap & { cpu: number; readonly cpus: number };
  if (!Array.isArray(values)) {
    throw new Error(`${at}: the map is per CPU, its entries have "values", this one has ${kindOf(values)}`);
  }
  const before = perCpu.cpu;
  try {
    for (const copy of values as unknown[]) {
      const cpu = isObject(copy) ? copy.cpu : undefined;
      if (!isObject(copy) || typeof cpu !== 'number')
        throw new Error(`${at}: a copy of the value without "cpu"`);
      if (!(cpu >= 0 && cpu < perCpu.cpus)) {
        throw new Error(
          `${at}: CPU ${cpu}, but the map is declared for ${perCpu.cpus}: make it with more cpus`,
        );
      }
      perCpu.cpu = cpu;
      write(map, key, bytesOf(copy.value, `${at}: value of CPU ${cpu}`, map.spec.valueSize), at);
    }
  } finally {
    perCpu.cpu = before;
  }
}

function write(map: BpfMap, key: Int32Array, value: Uint8Array, at: string): void {
  const result = map.update(key, 0, value, 0, BPF_ANY);
  if (result === 0) return;
  throw new Error(
    map.size >= map.spec.maxEntries
      ? `${at}: the map is full (${map.spec.maxEntries} entries): declare it larger`
      : `${at}: the map refuses it (errno ${-result})`,
  );
}

function bytesOf(value: unknown, what: string, size: number): Uint8Array {
  if (!Array.isArray(value))
    throw new Error(`${what} is ${kindOf(value)}, not a list such as ["0x0a","0xf4"]`);
  if (value.length !== size) {
    throw new Error(
      `${what} has ${value.length} bytes, the map's have ${size}: is it the dump of another map?`,
    );
  }
  return Uint8Array.from(value as unknown[], (text) => {
    if (typeof text === 'string' && /^0x[\da-f]{1,2}$/i.test(text)) return Number(text);
    throw new Error(`${what}: ${JSON.stringify(text)} is not a byte such as "0x0a"`);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
