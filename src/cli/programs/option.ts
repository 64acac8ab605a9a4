/** `--program FILE@DEVICE/HOOK[:before|after]`: what it says. */
import {
  HOOK_CLSACT_EGRESS,
  HOOK_CLSACT_INGRESS,
  HOOK_TCX_EGRESS,
  HOOK_TCX_INGRESS,
  HOOK_XDP,
} from '../../engine/hooks/order.js';
import { suggestion } from '../../topologies/faults.js';
import type { Place } from '../../topologies/own-programs.js';
import { UsageError } from '../exit-codes.js';

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
