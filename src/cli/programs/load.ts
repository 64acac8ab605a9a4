/** Loads a program of a user's own from a module. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OwnProgram, ProgramFactory } from '../../topologies/own-programs.js';
import { UsageError } from '../exit-codes.js';
import { importTypeScript } from './type-script.js';

const SCRIPT_ENDINGS = ['.js', '.mjs', '.cjs'];
const TYPED_ENDINGS = ['.ts', '.mts'];

/** The default export of a module, which is to be a program or a factory. Throws UsageError. */
export async function loadProgram(file: string, option: string): Promise<OwnProgram | ProgramFactory> {
  const ending = path.extname(file);
  if (![...SCRIPT_ENDINGS, ...TYPED_ENDINGS].includes(ending)) {
    throw new UsageError(`--program ${option}: ${file} is no module; it is to end in .js, .mjs or .ts`);
  }
  const whole = path.resolve(file);
  if (!existsSync(whole)) throw new UsageError(`--program ${option}: ${file}: there is no such file`);
  let module: { readonly default?: unknown };
  try {
    module = await (TYPED_ENDINGS.includes(ending)
      ? importTypeScript(whole)
      : import(pathToFileURL(whole).href));
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--program ${option}: ${error.message}`);
    throw new UsageError(`--program ${option}: ${file} cannot be loaded: ${error}`);
  }
  if (module.default === undefined) {
    throw new UsageError(
      `--program ${option}: ${file} has no default export; it is to be a program or a function that makes one`,
    );
  }
  return module.default as OwnProgram | ProgramFactory;
}
