/** The topology that the maps of a state directory belong to, with the changes that were made while it ran. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BAD_INPUT, LiveError } from '../io/live/live-error.js';
import type { TopologySpec } from '../topologies/spec.js';
import { makeStateDirectory, REMEDY } from './mapped-file.js';
import type { NumbersJson } from './thread-messages.js';

export interface SavedTopology {
  readonly topology: TopologySpec;
  readonly numbers: NumbersJson;
}

const FILE = 'topology.json';

/** Null where nothing was saved. Throws a LiveError for a file that is none of ours, or of another topology. */
export function readSaved(directory: string, name: string): SavedTopology | null {
  const file = path.join(directory, FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  try {
    const saved = JSON.parse(text) as SavedTopology;
    if (saved.topology.name !== name && Array.isArray(saved.topology.nodes)) {
      const what = `is of the topology ${saved.topology.name}, not of ${name}`;
      throw new LiveError(directory, what, 'give each topology its own directory', BAD_INPUT);
    }
    if (Array.isArray(saved.topology.nodes) && typeof saved.numbers === 'object') return saved;
  } catch (error) {
    if (error instanceof LiveError) throw error;
    // Told below, as what is JSON and nothing of ours.
  }
  throw new LiveError(file, 'is no topology that was saved here, or torn', REMEDY, BAD_INPUT);
}

/** Whole or not at all. */
export function writeSaved(directory: string, saved: SavedTopology): void {
  makeStateDirectory(directory);
  const file = path.join(directory, FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(saved)}\n`);
  renameSync(`${file}.new`, file);
}
