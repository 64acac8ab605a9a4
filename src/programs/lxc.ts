import type { HookProgram } from '../engine/hooks/program.js';
import type { ProgramInstance } from './instance.js';

/** The four programs of a pod's endpoint. */
export function lxcPrograms(program: ProgramInstance): {
  readonly fromContainer: HookProgram;
  readonly toContainer: HookProgram;
  readonly policy: HookProgram;
  readonly policyEgress: HookProgram;
} {
  throw new Error(`not there yet: ${program.kind}`);
}
