/** The topologies that packetwalk has ready, which are known by their names. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseTopologyText } from './document.js';

/** In the sources, also when the compiled program runs (dist/src/topologies). */
const FOLDER = new URL('../../../src/topologies/ready/', import.meta.url);
export const ENDING = '.yaml';

export interface ReadyTopology {
  readonly name: string;
  readonly file: string;
  readonly description: string;
}

/** In alphabetical order. */
export function readyNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => basename(file, ENDING))
    .sort();
}

/** The YAML of the one of this name. */
export function readyFile(name: string): string {
  return fileURLToPath(new URL(name + ENDING, FOLDER));
}

/** The ready-made topologies, by name. They are not checked, which `loadTopology` does. */
export function listTopologies(): readonly ReadyTopology[] {
  return readyNames().map((name) => {
    const file = readyFile(name);
    // What stands above the nodes says what it is; all that follows takes longer to parse (0.15 s) than to start.
    const [head] = readFileSync(file, 'utf8').split(/^nodes:/m, 1);
    const { value } = parseTopologyText(head, name);
    const { description = '' } = value as { readonly description?: string };
    return { name, file, description };
  });
}
