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
  /** Threads that share the work, each with maps of its own. */
  readonly workers: number;
}

const FILE = 'topology.json';

/**
 * Null where nothing was saved. Throws a LiveError for a file that is none of ours, of another topology, or of another
 * number of workers: whose a connection is depends on how many there are.
 */
export function readSaved(directory: string, name: string, workers: number): SavedTopology | null {
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
    if (Array.isArray(saved.topology.nodes) && typeof saved.numbers === 'object') {
      checkWorkers(directory, saved.workers ?? 1, workers);
      return saved;
    }
  } catch (error) {
    if (error instanceof LiveError) throw error;
    // Told below, as what is JSON and nothing of ours.
  }
  throw new LiveError(file, 'is no topology that was saved here, or torn', REMEDY, BAD_INPUT);
}

function checkWorkers(directory: string, saved: number, workers: number): void {
  if (saved === workers) return;
  const what = `is of ${saved === 1 ? 'one worker' : `${saved} workers`}, not of ${workers}`;
  throw new LiveError(directory, what, `give --workers ${saved}, or ${REMEDY}`, BAD_INPUT);
}

/** Whole or not at all. */
export function writeSaved(directory: string, saved: SavedTopology): void {
  makeStateDirectory(directory);
  const file = path.join(directory, FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(saved)}\n`);
  renameSync(`${file}.new`, file);
}
