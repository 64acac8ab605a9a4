/** What the version of a node's kernel decides. */
import type { FaultList, Path } from './faults.js';

/** Major and minor number. */
export type KernelVersion = readonly [number, number];

/** The kernel whose behaviour the engine has. */
const DEFAULT_VERSION: KernelVersion = [6, 18];
/** The first with tcx. */
const TCX_VERSION: KernelVersion = [6, 6];

/** `6.6`, `5.10.0-27-amd64`; the default for none, and for a text that is no version, which is a fault. */
export function readKernelVersion(text: string | undefined, path: Path, faults: FaultList): KernelVersion {
  if (text === undefined) return DEFAULT_VERSION;
  const match = /^(\d+)\.(\d+)(?![^.\-+])/.exec(text);
  if (match !== null) return [Number(match[1]), Number(match[2])];
  faults.error(path, `${JSON.stringify(text)} is not a kernel version such as "6.6"`);
  return DEFAULT_VERSION;
}

export function hasTcx([major, minor]: KernelVersion): boolean {
  return major > TCX_VERSION[0] || (major === TCX_VERSION[0] && minor >= TCX_VERSION[1]);
}
