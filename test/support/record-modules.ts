/**
 * `node --import …/record-modules.js PROGRAM`: appends the URL of every module that the program loads to the file
 * that MODULES_FILE names, a line each. Node calls `load` on a thread of its own, which loads this file once more.
 */
import { appendFileSync } from 'node:fs';
import { createRequire, type LoadHook, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const FILE = process.env.MODULES_FILE!;

export const load: LoadHook = (url, context, nextLoad) => {
  appendFileSync(FILE, `${url}\n`);
  return nextLoad(url, context);
};

if (isMainThread) {
  register(import.meta.url);
  // Modules that CommonJS requires pass by the hook.
  const { cache } = createRequire(import.meta.url);
  process.on('exit', () => {
    for (const file of Object.keys(cache)) appendFileSync(FILE, `${pathToFileURL(file)}\n`);
  });
}
