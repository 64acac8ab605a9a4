/** Where the repository is and what is in it, for tests that look at its own files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiled tests are in dist/test/support. */
export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'dist', '.git', 'data']);

/**
 * Paths from the root of all files under `directory` whose name ends in one of `endings`, build output and test data
 * apart; none when there is no such directory.
 */
export function filesUnder(directory: string, endings: readonly string[]): string[] {
  const absolute = path.join(repositoryRoot, directory);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true })
    .flatMap((entry) => {
      const name = path.join(directory, entry.name);
      if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : filesUnder(name, endings);
      return entry.isFile() && endings.some((ending) => name.endsWith(ending)) ? [name] : [];
    })
    .sort();
}

export function readText(file: string): string {
  return readFileSync(path.join(repositoryRoot, file), 'utf8');
}

/** Paths from the root of the files right in a directory. */
export function filesIn(directory: string): string[] {
  return readdirSync(path.join(repositoryRoot, directory), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(directory, entry.name))
    .sort();
}
