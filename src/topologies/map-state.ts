/**
 * A node's maps as a real node has them: a folder of dumps, one `NAME.json` (bpftool -j map dump) for each map by the
 * name that it is pinned by. They take the place of what the agent would write.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadBpftoolDump } from '../engine/maps/load-dump.js';
import type { BpfMap, MapSpec } from '../engine/maps/map.js';
import { MAP_SPECS, POLICY_MAP_SPEC } from '../programs/tables/map-specs.js';

const ENDING = '.json';
const POLICY_NAME = new RegExp(`^${POLICY_MAP_SPEC.name}_(\\d+)$`);
/** Programs and rings are this run's own; inner maps have dumps that bpftool does not tell by the outer one's. */
const OWN_TYPES = ['prog_array', 'perf_event_array', 'hash_of_maps', 'array_of_maps'];

export class MapState {
  /** Parsed dumps by map name. */
  readonly #dumps: ReadonlyMap<string, unknown>;
  /** Files of maps that are not taken. */
  readonly ignored: readonly string[];

  /** Throws an Error that names the file when one cannot be read or is not JSON. */
  constructor(folder: string) {
    const dumps = new Map<string, unknown>();
    const ignored: string[] = [];
    for (const file of namesIn(folder)) {
      if (!file.endsWith(ENDING)) continue;
      const name = file.slice(0, -ENDING.length);
      if (isTaken(name)) dumps.set(name, parse(path.join(folder, file)));
      else ignored.push(file);
    }
    this.#dumps = dumps;
    this.ignored = ignored;
  }

  /** The declaration of a map with room for its dump. */
  fit(spec: MapSpec): MapSpec {
    const dump = this.#dumps.get(spec.name);
    if (!Array.isArray(dump)) return spec;
    const copies = dump.map((entry) => (entry as { values?: unknown[] } | null)?.values?.length ?? 1);
    const cpus = Math.max(spec.cpus ?? 1, ...copies.slice(0, 1));
    return { ...spec, maxEntries: Math.max(spec.maxEntries, dump.length), ...(cpus > 1 ? { cpus } : {}) };
  }

  /** Puts the dump in place of what is in the map; false when there is none. Throws as `loadBpftoolDump`. */
  fill(map: BpfMap): boolean {
    const dump = this.#dumps.get(map.spec.name);
    if (dump === undefined) return false;
    if (map.spec.type !== 'array' && map.spec.type !== 'percpu_array') map.clear();
    loadBpftoolDump(map, dump);
    return true;
  }
}

function isTaken(name: string): boolean {
  if (POLICY_NAME.test(name)) return true;
  const spec = MAP_SPECS.get(name);
  return spec !== undefined && !OWN_TYPES.includes(spec.type);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `${folder}: ${code === 'ENOENT' ? 'there is no such folder' : `cannot be read (${code})`}`,
    );
  }
}

function parse(file: string): unknown {
  const text = readFileSync(file, 'utf8');
  // A map without entries may be dumped as nothing at all.
  if (text.trim() === '') return [];
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file}: not JSON: ${(error as Error).message}; dump it by bpftool -j map dump`);
  }
}
