/** Versions of kernels and of Cilium: major and minor number. */
import type { FaultList, Path } from './faults.js';

export type Version = readonly [number, number];

export function isAtLeast([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean {
  return major > otherMajor || (major === otherMajor && minor >= otherMinor);
}

/** `6.6`, `5.10.0-27-amd64`; null for a text that is no version. */
export function parseVersion(text: string): Version | null {
  const match = /^v?(\d+)\.(\d+)(?![^.\-+])/.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

/** A version of `what`; null, with a fault, for a text that is none. */
export function readVersion(
  text: string,
  path: Path,
  what: string,
  example: string,
  faults: FaultList,
): Version | null {
  const version = parseVersion(text);
  if (version === null)
    faults.error(path, `${JSON.stringify(text)} is not a version of ${what} such as "${example}"`);
  return version;
}

/** The version of Cilium whose programs these are. */
export const CILIUM_VERSION: Version = [1, 18];
/** The oldest whose names and listings are known. */
const OLDEST_CILIUM: Version = [1, 10];
/** The iproute2 whose listings these are. */
export const IPROUTE2_VERSION: Version = [6, 1];

/** A version of Cilium from 1.10 on; ours for none, and for a text that is none, which is a fault. */
export function readCiliumVersion(text: string | undefined, path: Path, faults: FaultList): Version {
  if (text === undefined) return CILIUM_VERSION;
  const version = readVersion(text, path, 'Cilium', '1.14', faults);
  if (version === null) return CILIUM_VERSION;
  if (isAtLeast(version, OLDEST_CILIUM) && isAtLeast(CILIUM_VERSION, version)) return version;
  faults.error(path, `"${text}": names and listings are known from 1.10 to 1.18`);
  return CILIUM_VERSION;
}
