/** Prints a listing of a topology as it is built. */
import { readFileSync } from 'node:fs';
import { Clock } from '../../engine/clock.js';
import { loadBpftoolDump } from '../../engine/maps/load-dump.js';
import { SeededRandom } from '../../engine/random.js';
import { buildTopology } from '../../topologies/build.js';
import { EXIT_DONE, EXIT_FOUND, UsageError } from '../exit-codes.js';
import { put } from '../log.js';
import { openTopology } from '../open-topology.js';
import { readArguments } from '../shell/words.js';
import { nodeMaps } from './bpftool.js';
import type { Place } from './command.js';
import { mostAlike } from './most-alike.js';
import { findPlace } from './places.js';
import { runLine } from './run-line.js';

export interface ShowOptions {
  /** Name or file. */
  readonly topology: string;
  readonly node?: string | undefined;
  readonly pod?: string | undefined;
  /** `MAP=FILE`s with commas between them. */
  readonly load?: string | undefined;
  readonly json: boolean;
  /** The command, as the tool is called. */
  readonly words: readonly string[];
}

/** Answers the exit code: EXIT_FOUND when the tool would have failed. Throws UsageError or TopologyError. */
export function showListing(options: ShowOptions): number {
  const { spec } = openTopology(options.topology);
  const built = buildTopology(spec, { clock: new Clock(), random: new SeededRandom(1) });
  const place = findPlace(built, options.node ?? null, options.pod ?? null);
  for (const load of options.load?.split(',') ?? []) loadDump(place, load);
  const { text, errors = '', exitCode = 0 } = runLine(place, readArguments(options.words), options.json);
  process.stdout.write(text);
  if (errors !== '') put(errors);
  return exitCode === 0 ? EXIT_DONE : EXIT_FOUND;
}

/** `MAP=FILE`. */
function loadDump(place: Place, argument: string): void {
  const equals = argument.indexOf('=');
  if (equals < 1) throw new UsageError(`--load ${argument}: give MAP=FILE`);
  const [name, file] = [argument.slice(0, equals), argument.slice(equals + 1)];
  const maps = nodeMaps(place);
  const map = maps.find(({ spec }) => spec.name === name);
  if (map === undefined) {
    const names = mostAlike(
      name,
      maps.map(({ spec }) => spec.name),
    );
    throw new UsageError(`--load ${name}: no such map; near it: ${names.join(', ')}`);
  }
  try {
    loadBpftoolDump(map, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`--load ${file}: ${(error as Error).message}`);
  }
}
