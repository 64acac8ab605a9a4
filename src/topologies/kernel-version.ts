/** What the version of a node's kernel decides. */
import type { FaultList, Path } from './faults.js';
import { isAtLeast, parseVersion, type Version } from './version.js';

/** The kernel whose behaviour the engine has. */
const DEFAULT_VERSION: Version = [6, 18];
/** The first with tcx, and the first Cilium that uses it. */
const TCX_VERSION: Version = [6, 6];
const TCX_CILIUM_VERSION: Version = [1, 16];

/** `6.6`, `5.10.0-27-amd64`; the default for none, and for a text that is no version, which is a fault. */
export function readKernelVersion(text: string | undefined, path: Path, faults: FaultList): Version {
  if (text === undefined) return DEFAULT_VERSION;
  const version = parseVersion(text);
  if (version !== null) return version;
  faults.error(path, `${JSON.stringify(text)} is not a kernel version such as "6.6"`);
  return DEFAULT_VERSION;
}

export function hasTcx(kernel: Version, cilium: Version): boolean {
  return isAtLeast(kernel, TCX_VERSION) && isAtLeast(cilium, TCX_CILIUM_VERSION);
}
