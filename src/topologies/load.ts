/** Topologies by name or file. */
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { checkTopology } from './check.js';
import { parseTopologyText } from './document.js';
import { type Fault, FaultList, suggestion, TopologyError } from './faults.js';
import { ENDING, readyFile, readyNames } from './ready-made.js';
import { checkShape } from './schema-faults.js';
import type { TopologySpec } from './spec.js';

export interface LoadedTopology {
  readonly name: string;
  /** What messages call it: the file's path, or the name of a ready-made one. */
  readonly source: string;
  readonly spec: TopologySpec;
  readonly warnings: readonly Fault[];
}

/**
 * Loads a ready-made topology by its name, or a YAML file (a name with a dot or a slash in it). Throws TopologyError
 * that names the source and every fault; warnings come with the result.
 */
export function loadTopology(nameOrFile: string): LoadedTopology {
  if (/[./]/.test(nameOrFile))
    return withMapFolders(readTopology(readFile(nameOrFile), nameOrFile), nameOrFile);
  const names = readyNames();
  if (!names.includes(nameOrFile)) {
    const hint =
      suggestion(nameOrFile, names) || `; there are ${names.join(', ')}, and files such as ./mine.yaml`;
    throw new TopologyError(nameOrFile, [
      {
        severity: 'error',
        path: 'topology',
        message: `no ready-made topology of this name${hint}`,
        line: 0,
        column: 0,
      },
    ]);
  }
  const text = readFileSync(readyFile(nameOrFile), 'utf8');
  return readTopology(text, nameOrFile);
}

/** All that is wrong with a topology, errors and warnings in the order of the file. */
export function checkTopologyFile(nameOrFile: string): readonly Fault[] {
  try {
    return loadTopology(nameOrFile).warnings;
  } catch (error) {
    if (error instanceof TopologyError) return error.faults;
    throw error;
  }
}

/** Parses and checks a topology's text; `source` names it in messages. Throws TopologyError. */
export function readTopology(text: string, source: string): LoadedTopology {
  const { value, locate } = parseTopologyText(text, source);
  const faults = new FaultList(locate);
  const shaped = checkShape(value, faults);
  if (shaped === null) throw new TopologyError(source, faults.faults);
  const name = shaped.name ?? basename(source, ENDING);
  const spec = { ...shaped, name };
  const checked = checkTopology(spec, locate).faults;
  if (checked.hasErrors) throw new TopologyError(source, checked.faults);
  return { name, source, spec, warnings: checked.warnings };
}

/** Folders of maps are relative to the file that names them. */
function withMapFolders(loaded: LoadedTopology, file: string): LoadedTopology {
  if (loaded.spec.nodes.every(({ maps }) => maps === undefined)) return loaded;
  const nodes = loaded.spec.nodes.map((node) =>
    node.maps === undefined ? node : { ...node, maps: resolve(dirname(file), node.maps) },
  );
  return { ...loaded, spec: { ...loaded.spec, nodes } };
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new TopologyError(file, [{ severity: 'error', path: 'file', message: reason, line: 0, column: 0 }]);
  }
}
