/** Removes what labs left behind that did not end properly. */
import { namespacesWith, removeNamespace } from '../../live/namespaces.js';
import { isRunning, readStates, removeState } from '../../live/state-file.js';
import { EXIT_BAD_INPUT, EXIT_DONE } from '../exit-codes.js';
import { log } from '../log.js';
import { needRoot } from './need-root.js';

/** Answers the exit code. Throws LiveError without the privilege. */
export function cleanUp(name: string | null): number {
  needRoot();
  const { removed, running } = cleanLabs(name);
  for (const lab of removed) log.info(`removed what lab ${lab} left`);
  for (const lab of running) log.warn(`lab ${lab} runs: end it with Ctrl-C, or kill it, and clean then`);
  if (removed.length === 0 && running.length === 0) log.info('nothing to remove');
  return running.length > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
}

/** Of one lab by its name, or of all. Answers which were removed and which run still. */
function cleanLabs(name: string | null): { removed: string[]; running: string[] } {
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
