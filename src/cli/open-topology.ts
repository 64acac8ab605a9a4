import { faultText } from '../topologies/faults.js';
import { type LoadedTopology, loadTopology } from '../topologies/load.js';
import { log } from './log.js';

/** Loads a topology by name or file and says what it warns of. Throws TopologyError as `loadTopology`. */
export function openTopology(nameOrFile: string): LoadedTopology {
  const loaded = loadTopology(nameOrFile);
  // The log's own prefix says that it is a warning.
  for (const warning of loaded.warnings) {
    log.warn(`${loaded.source}: ${faultText({ ...warning, severity: 'error' })}`);
  }
  return loaded;
}
