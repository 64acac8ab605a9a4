/** Runs the built program as users do. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../support/repository.js';

const MAIN = path.join(repositoryRoot, 'dist/src/cli/main.js');

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `packetwalk ARGS` in the repository's root; `input` is its standard input, `environment` comes on top. */
export function packetwalk(
  args: readonly string[],
  input: Uint8Array | string = '',
  environment: Readonly<Record<string, string>> = {},
): Outcome {
  const result = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: repositoryRoot,
    input,
    timeout: 60_000,
    maxBuffer: 1 << 26,
    env: { ...process.env, COLUMNS: '110', ...environment },
  });
  if (result.error !== undefined) throw result.error;
  return { exitCode: result.status, stdout: result.stdout.toString(), stderr: result.stderr.toString() };
}

/** Path of a capture that the repository carries. */
export function lab(name: string): string {
  return path.join('test/data/lab', name);
}

/** A directory that `body` may fill; it is gone afterwards. */
export function inTemporaryDirectory<T>(body: (directory: string) => T): T {
  const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-cli-'));
  const remove = (): void => rmSync(directory, { recursive: true });
  let result: T;
  try {
    result = body(directory);
  } catch (error) {
    remove();
    throw error;
  }
  if (result instanceof Promise) return result.finally(remove) as T;
  remove();
  return result;
}

/** Runs `packetwalk ARGS` and sends it a signal when it has said something. */
export async function interrupted(args: readonly string[], signal: NodeJS.Signals): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: repositoryRoot });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdout.once('data', () => child.kill(signal));
  return { exitCode: await ended, stdout, stderr };
}
