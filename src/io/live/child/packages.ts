/** Packages that a plugin needs and that may not be there: native code, which the machine has to build. */
import { createRequire } from 'node:module';
import { LiveError, MISSING } from '../live-error.js';

/** Loads a CommonJS package, or throws a LiveError that names `port` and says how to get the package. */
export function requirePackage<T>(port: string, name: string, needs: string): T {
  try {
    return createRequire(import.meta.url)(name) as T;
  } catch (cause) {
    const isThere = cause instanceof Error && cause.message.includes('build/Release');
    const fault = isThere ? 'is installed but not built' : 'is not installed';
    const command = isThere ? `npm rebuild ${name}` : `npm install ${name}`;
    throw new LiveError(
      port,
      `the package ${name} ${fault}`,
      `${command} (it needs ${needs})`,
      MISSING,
      cause,
    );
  }
}
