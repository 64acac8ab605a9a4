/** Programs of a user's own, as `--program` names them, at their hooks. */
import type { RandomSource } from '../../engine/random.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { OwnProgramError } from '../../topologies/own-program-error.js';
import { type AttachedProgram, attachOwnProgram } from '../../topologies/own-programs.js';
import { findDevice } from '../device-name.js';
import { UsageError } from '../exit-codes.js';
import { loadProgram } from './load.js';
import type { ProgramOption } from './option.js';

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
