/** Imports a module that is written in TypeScript: by Node itself where it can, else compiled on the way. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../exit-codes.js';

const OPTIONS = '--module esnext --moduleResolution bundler --target es2023 --noCheck --noResolve'.split(' ');
/** From here on tsc refuses files on its command line beside a tsconfig.json unless told to ignore that. */
const FIRST_IGNORE_CONFIG = 6;

/** `file` is an absolute path. Throws UsageError when nothing is there to compile it, or it does not compile. */
export async function importTypeScript(file: string): Promise<{ readonly default?: unknown }> {
  const { typescript } = process.features as { readonly typescript?: unknown };
  if (typescript) return import(pathToFileURL(file).href);
  // Beside the source, so that its imports lead where they should.
  const compiled = path.join(path.dirname(file), `.packetwalk-${process.pid}-${path.parse(file).name}.mjs`);
  const text = compile(file);
  try {
    writeFileSync(compiled, text);
    return await import(pathToFileURL(compiled).href);
  } finally {
    rmSync(compiled, { force: true });
  }
}

function compile(file: string): string {
  const { tsc, major } = findCompiler(file);
  const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-'));
  try {
    const ignore = major >= FIRST_IGNORE_CONFIG ? ['--ignoreConfig'] : [];
    const args = [tsc, file, '--outDir', directory, '--rootDir', path.dirname(file), ...OPTIONS, ...ignore];
    const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (result.status !== 0) throw new UsageError(`does not compile:\n${result.stdout}${result.stderr}`);
    const { name, ext } = path.parse(file);
    return readFileSync(path.join(directory, name + ext.replace('ts', 'js')), 'utf8');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The typescript package that the file's own project has, or else packetwalk's. */
function findCompiler(file: string): { readonly tsc: string; readonly major: number } {
  for (const from of [file, import.meta.url]) {
    try {
      const manifest = createRequire(from).resolve('typescript/package.json');
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
      return { tsc: path.join(path.dirname(manifest), 'bin/tsc'), major: Number.parseInt(version, 10) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  const { base, name } = path.parse(file);
  throw new UsageError(
    `Node ${process.version} does not run TypeScript, and there is no typescript package to compile it; ` +
      `install that (npm install typescript), or compile it and give ${name}.js: ` +
      `npx -p typescript tsc ${base} --module nodenext --target es2023`,
  );
}
