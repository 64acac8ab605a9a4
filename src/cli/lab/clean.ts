/** Removes what labs left behind that did not end properly. */
import { namespacesWith, removeNamespace } from '../../live/namespaces.js';
import { isRunning, readStates, removeState } from '../../live/state-file.js';

/** Of one lab by its name, or of all. Answers which were removed and which run still. */
export function cleanLabs(name: string | null): { removed: string[]; running: string[] } {
  const removed: string[] = [];
  const running: string[] = [];
  for (const state of readStates()) {
    if (name !== null && state.name !== name) continue;
    if (isRunning(state)) {
      running.push(state.name);
      continue;
    }
    for (const namespace of Object.values(state.namespaces)) removeNamespace(namespace);
    removeState(state.name);
    removed.push(state.name);
  }
  if (name !== null && removed.length === 0 && running.length === 0) {
    // The record is gone, too; the names tell whose they are.
    const orphans = namespacesWith(`pw-${name}-`);
    for (const orphan of orphans) removeNamespace(orphan);
    if (orphans.length > 0) removed.push(name);
  }
  return { removed, running };
}
