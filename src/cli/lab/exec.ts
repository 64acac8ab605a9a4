/** Runs a command in a namespace of a running lab. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { isRunning, type LabState, readStates } from '../../live/state-file.js';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';

const SIGNALLED = 128;

/** Answers the command's own exit code, 128 and more for a signal as shells do. */
export function execInLab(place: string, words: readonly string[], lab: string | null): Promise<number> {
  if (words.length === 0) {
    throw new UsageError('exec what? (packetwalk lab exec POD -- COMMAND…)');
  }
  const { namespaces } = findLab(lab);
  const namespace = namespaces[place];
  if (namespace === undefined) {
    const labels = Object.keys(namespaces);
    throw new UsageError(
      `no ${place} in the lab${suggestion(place, labels) || `; there are ${labels.join(', ')}`}`,
    );
  }
  // The shell answers 126 and 127 for what cannot be run, where `ip` answers 1.
  const command = ['netns', 'exec', namespace, 'sh', '-c', 'exec "$@"', 'packetwalk', ...words];
  const child = spawn('ip', command, { stdio: 'inherit' });
  // A terminal sends Ctrl-C to the command, too, which says how it ends.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** A running lab by its name, or the only one. */
export function findLab(name: string | null): LabState {
  const running = readStates().filter(isRunning);
  const names = running.map((state) => state.name);
  if (running.length === 0) throw new UsageError('no lab runs (packetwalk lab TOPOLOGY starts one)');
  if (name === null) {
    if (running.length === 1) return running[0];
    throw new UsageError(`several labs run: give --name ${names.join(' or ')}`);
  }
  const found = running.find((state) => state.name === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `--name ${name}: no such lab runs${suggestion(name, names) || `; there are ${names.join(', ')}`}`,
  );
}
