/** Which monitor the options ask for; `open.ts` makes it. */
import { type CommandLine, readCommandLine } from '../shell/words.js';
import { type CiliumVersion, readCiliumVersion } from './cilium-version.js';

export interface MonitorChoice {
  /** Empty for cilium-dbg monitor without options. */
  readonly command: CommandLine;
  /** Null for all. */
  readonly node: string | null;
  /** Null for the version that the topology names. */
  readonly version: CiliumVersion | null;
}

/** `--monitor`, or `--monitor COMMAND`, with `--cilium-version`; null without. Throws UsageError. */
export function readMonitorChoice(
  command: string | undefined,
  version: string | undefined,
): MonitorChoice | null {
  if (command === undefined) return null;
  return {
    command: readCommandLine(command),
    node: null,
    version: version === undefined ? null : readCiliumVersion(version, '--cilium-version'),
  };
}
