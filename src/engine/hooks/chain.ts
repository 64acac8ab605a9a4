/** The programs at one side of a device, in the order in which the kernel runs them. */
import type { WalkObserver } from '../observer.js';
import type { PacketContext } from '../packet.js';
import type { HookProgram } from './program.js';
import {
  TC_ACT_OK,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from './verdict.js';

/** Places where a program can be attached; numbers index `HOOK_NAMES`. */
export const HOOK_XDP = 0;
export const HOOK_TCX_INGRESS = 1;
export const HOOK_CLSACT_INGRESS = 2;
export const HOOK_TCX_EGRESS = 3;
export const HOOK_CLSACT_EGRESS = 4;

export const HOOK_NAMES: readonly string[] = [
  'xdp',
  'tcx ingress',
  'clsact ingress',
  'tcx egress',
  'clsact egress',
];

/** Which hooks a received and a transmitted frame meets, first one first. */
export const RECEIVE_ORDER: readonly number[] = [HOOK_TCX_INGRESS, HOOK_CLSACT_INGRESS];
export const TRANSMIT_ORDER: readonly number[] = [HOOK_TCX_EGRESS, HOOK_CLSACT_EGRESS];

function isClsact(hook: number): boolean {
  return hook === HOOK_CLSACT_INGRESS || hook === HOOK_CLSACT_EGRESS;
}

export class HookChain {
  readonly #order: readonly number[];
  #programs: HookProgram[] = [];
  #hooks: number[] = [];

  constructor(order: readonly number[]) {
    this.#order = order;
  }

  get programs(): readonly HookProgram[] {
    return this.#programs;
  }

  /** The hook that `programs[i]` is attached to. */
  get hooks(): readonly number[] {
    return this.#hooks;
  }

  /** Puts a program behind the others of its hook, or with `first` before them. */
  attach(hook: number, program: HookProgram, first = false): void {
    const place = this.#order.indexOf(hook);
    if (place < 0) throw new Error(`${HOOK_NAMES[hook]} is not a hook of this side of the device`);
    const behind = first ? place - 1 : place;
    let at = 0;
    while (at < this.#hooks.length && this.#order.indexOf(this.#hooks[at]) <= behind) at++;
    this.#programs.splice(at, 0, program);
    this.#hooks.splice(at, 0, hook);
  }

  detach(program: HookProgram): void {
    const at = this.#programs.indexOf(program);
    if (at < 0) return;
    this.#programs.splice(at, 1);
    this.#hooks.splice(at, 1);
  }

  /**
   * Runs the tc programs up to the first that decides: OK, SHOT or REDIRECT, in clsact (direct action) STOLEN and
   * TRAP too; any other code passes on to the next. UNSPEC when nobody decided. OK sets tc_index to tc_classid, as
   * tcx_action_code and cls_bpf_classify do.
   */
  run(packet: PacketContext, deviceIndex: number, observer: WalkObserver | null): number {
    const programs = this.#programs;
    const hooks = this.#hooks;
    let hook = -1;
    for (let i = 0; i < programs.length; i++) {
      if (hooks[i] !== hook) {
        hook = hooks[i];
        packet.tcClassid = 0;
      }
      packet.dropReason = 0;
      if (observer !== null) observer.hookEntered(packet, deviceIndex, hook, i);
      const verdict = programs[i].run(packet);
      if (observer !== null) observer.hookLeft(packet, deviceIndex, hook, i, verdict);
      if (verdict === TC_ACT_OK) {
        packet.tcIndex = packet.tcClassid & 0xffff;
        return TC_ACT_OK;
      }
      if (verdict === TC_ACT_SHOT || verdict === TC_ACT_REDIRECT) return verdict;
      if ((verdict === TC_ACT_STOLEN || verdict === TC_ACT_TRAP) && isClsact(hook)) return verdict;
    }
    return TC_ACT_UNSPEC;
  }
}
