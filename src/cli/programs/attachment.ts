/** `--program FILE@DEVICE/HOOK[:before|after]`: what it says, and the program that it names at its hook. */
import {
  HOOK_CLSACT_EGRESS,
  HOOK_CLSACT_INGRESS,
  HOOK_TCX_EGRESS,
  HOOK_TCX_INGRESS,
  HOOK_XDP,
} from '../../engine/hooks/order.js';
import type { RandomSource } from '../../engine/random.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { suggestion } from '../../topologies/faults.js';
import {
  type AttachedProgram,
  attachOwnProgram,
  OwnProgramError,
  type Place,
} from '../../topologies/own-programs.js';
import { findDevice } from '../device-name.js';
import { UsageError } from '../exit-codes.js';
import { loadProgram } from './load.js';

const HOOKS: ReadonlyMap<string, number> = new Map([
  ['xdp', HOOK_XDP],
  ['tcx-ingress', HOOK_TCX_INGRESS],
  ['tcx-egress', HOOK_TCX_EGRESS],
  ['clsact-ingress', HOOK_CLSACT_INGRESS],
  ['clsact-egress', HOOK_CLSACT_EGRESS],
]);

export const HOOK_OPTION_NAMES: readonly string[] = [...HOOKS.keys()];

/** What one `--program` asks for. */
export interface ProgramOption {
  /** As the user wrote it. */
  readonly text: string;
  readonly file: string;
  readonly device: string;
  readonly hook: number;
  readonly place: Place;
}

/** Throws UsageError that names what is wrong with the text. */
export function readProgramOption(text: string): ProgramOption {
  const at = text.lastIndexOf('@');
  const [, target, place = 'before'] = /^(.*?)(?::([^:/]*))?$/.exec(text.slice(at + 1))!;
  const slash = target.lastIndexOf('/');
  if (at <= 0 || slash <= 0) {
    throw new UsageError(
      `--program ${text}: not FILE@DEVICE/HOOK[:before|after], such as filter.js@eth0/xdp:before`,
    );
  }
  const hookName = target.slice(slash + 1);
  const hook = HOOKS.get(hookName);
  if (hook === undefined) {
    const hint = suggestion(hookName, HOOKS.keys()) || `; there are ${HOOK_OPTION_NAMES.join(', ')}`;
    throw new UsageError(`--program ${text}: no such hook: ${hookName}${hint}`);
  }
  if (place !== 'before' && place !== 'after') {
    throw new UsageError(`--program ${text}: "${place}" is neither before nor after`);
  }
  return { text, file: text.slice(0, at), device: target.slice(0, slash), hook, place };
}

/** Loads and attaches the programs, in the given order. Throws UsageError that names the option that is at fault. */
export async function attachPrograms(
  built: BuiltTopology,
  random: RandomSource,
  options: readonly ProgramOption[],
): Promise<AttachedProgram[]> {
  const attached: AttachedProgram[] = [];
  for (const { text, file, device: name, hook, place } of options) {
    const device = findDevice(built, name, `--program ${text}`);
    const program = await loadProgram(file, text);
    try {
      attached.push(attachOwnProgram(built, random, device, hook, program, place));
    } catch (error) {
      if (error instanceof OwnProgramError) {
        throw new UsageError(`--program ${text}: the default export is ${error.message}`);
      }
      throw new UsageError(`--program ${text}: making the program failed: ${error}`);
    }
  }
  return attached;
}
