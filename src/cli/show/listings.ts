/** Listings that are printed when a run is over: `--show 'COMMAND'`, `--show 'NODE: COMMAND'`, `--show 'POD: COMMAND'`. */
import type { BuiltTopology } from '../../topologies/built.js';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';
import type { Flow } from '../monitor/hubble/flow.js';
import { readCommandLine } from '../shell/words.js';
import type { Listing } from './after-run.js';
import type { Place } from './command.js';
import { allPlaces, nodePlace } from './places.js';
import { runLine } from './run-line.js';

/** Runs the commands, each on every node unless it names a place. Throws UsageError as `runLine` does; `flows` is what Hubble saw. */
export function runListings(
  built: BuiltTopology,
  commands: readonly string[],
  flows: readonly Flow[] | null = null,
): Listing[] {
  return commands.flatMap((text) => {
    const { places, command } = read(built, text);
    return places.map((place) => ({
      place: place.name,
      command,
      ...runLine(withFlows(place, flows), readCommandLine(command), false),
    }));
  });
}

function withFlows(place: Place, flows: readonly Flow[] | null): Place {
  return flows === null ? place : Object.create(place, { flows: { value: flows } });
}

function read(built: BuiltTopology, text: string): { places: readonly Place[]; command: string } {
  const named = /^([^\s:]+):\s+(.*)$/s.exec(text);
  if (named === null) {
    return { places: built.nodes.map((node) => nodePlace(built, node)), command: text.trim() };
  }
  const [, name, command] = named;
  const places = allPlaces(built);
  const place = places.find((one) => one.name === name);
  if (place !== undefined) return { places: [place], command: command.trim() };
  const names = places.map((one) => one.name);
  const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
  throw new UsageError(`--show ${text}: no node, router or pod ${name}${hint}`);
}
