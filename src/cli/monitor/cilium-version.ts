/** Versions of Cilium as its tools' output knows them: the minor one of 1.x. */
import { UsageError } from '../exit-codes.js';

export type CiliumVersion = number;

/** The version whose programs are emulated. */
export const EMULATED_VERSION: CiliumVersion = 18;
const OLDEST_VERSION = 10;

/** `1.14`, `v1.14.3` → 14. Throws UsageError for a version whose output is not known. */
export function readCiliumVersion(text: string, name: string): CiliumVersion {
  const minor = Number(/^v?1\.(\d+)(?:\.|-|$)/.exec(text)?.[1]);
  if (minor >= OLDEST_VERSION && minor <= EMULATED_VERSION) return minor;
  throw new UsageError(`${name} ${text}: not a version from 1.${OLDEST_VERSION} to 1.${EMULATED_VERSION}`);
}
