/**
 * What runs, written down before it is made, so that whoever comes after a crash can remove it: one file per lab in
 * /run/packetwalk, or in the user's own directory for such things.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LabState {
  readonly name: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (proc(5)): a pid is used again. */
  readonly started: string;
  readonly topology: string;
  /** Namespaces by what users call them. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Control socket. */
  readonly socket: string;
}

const ENDING = '.json';

export function stateDirectory(): string {
  const own = process.env.XDG_RUNTIME_DIR;
  const base = process.getuid?.() === 0 || own === undefined ? '/run' : own;
  return join(base, 'packetwalk');
}

export function socketPath(name: string): string {
  return join(stateDirectory(), `${name}.sock`);
}

/** Whole or not at all. */
export function writeState(state: LabState): void {
  mkdirSync(stateDirectory(), { recursive: true, mode: 0o700 });
  const file = join(stateDirectory(), state.name + ENDING);
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeState(name: string): void {
  rmSync(join(stateDirectory(), name + ENDING), { force: true });
  rmSync(socketPath(name), { force: true });
}

/** Of all labs, running or not. */
export function readStates(): LabState[] {
  let files: string[];
  try {
    files = readdirSync(stateDirectory());
  } catch {
    return [];
  }
  return files
    .filter((file) => file.endsWith(ENDING))
    .flatMap((file) => {
      try {
        return [JSON.parse(readFileSync(join(stateDirectory(), file), 'utf8')) as LabState];
      } catch {
        // Written by a process that ended meanwhile.
        return [];
      }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Namespaces of a lab whose process has ended without removing them. */
export function namespacesLeft(name: string): readonly string[] {
  const state = readStates().find((candidate) => candidate.name === name);
  return state === undefined || isRunning(state) ? [] : Object.values(state.namespaces);
}

/** Whether the process that a state tells of still runs. */
export function isRunning({ pid, started }: LabState): boolean {
  return processStart(pid) === started;
}

/** Empty for a process that is not there. */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name, field 2, is in parentheses and may hold anything; the start is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return '';
  }
}
