/** Versions of Cilium as its tools' output knows them: the minor one of 1.x. */
import { parseVersion } from '../../topologies/version.js';
import { UsageError } from '../exit-codes.js';

export type CiliumVersion = number;

const OLDEST_VERSION = 10;
const NEWEST_VERSION = 18;

/** `1.14`, `v1.14.3` → 14. Throws UsageError for a version whose output is not known; `option` is named in it. */
export function readCiliumVersion(text: string, option: string): CiliumVersion {
  const [major, minor] = parseVersion(text) ?? [0, 0];
  if (major === 1 && minor >= OLDEST_VERSION && minor <= NEWEST_VERSION) return minor;
  throw new UsageError(`${option} ${text}: not a version from 1.${OLDEST_VERSION} to 1.${NEWEST_VERSION}`);
}
