/** The tc programs at one side of a device, as they run: tcx, then the filters of a clsact or ingress qdisc. */
import type { WalkObserver } from '../observer.js';
import type { PacketContext } from '../packet.js';
import * as ethernet from '../wire/ethernet.js';
import type { TcFilter } from './clsact.js';
import { HOOK_CLSACT_INGRESS } from './order.js';
import type { HookProgram } from './program.js';
import {
  TC_ACT_OK,
  TC_ACT_PIPE,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from './verdict.js';

const CLASS_MINOR = 0xffff;

export class HookChain {
  readonly #tcxHook: number;
  readonly #clsactHook: number;
  readonly #atIngress: boolean;
  #tcx: readonly HookProgram[] = [];
  #filters: readonly TcFilter[] = [];

  constructor(tcxHook: number, clsactHook: number) {
    this.#tcxHook = tcxHook;
    this.#clsactHook = clsactHook;
    this.#atIngress = clsactHook === HOOK_CLSACT_INGRESS;
  }

  get tcx(): readonly HookProgram[] {
    return this.#tcx;
  }

  get filters(): readonly TcFilter[] {
    return this.#filters;
  }

  /** All programs in the order in which they run. */
  get programs(): readonly HookProgram[] {
    return [...this.#tcx, ...this.#filters.flatMap(({ program }) => program?.program ?? [])];
  }

  setTcx(programs: readonly HookProgram[]): void {
    this.#tcx = programs;
  }

  setFilters(filters: readonly TcFilter[]): void {
    this.#filters = filters;
  }

  /**
   * Runs the programs up to the first that decides. tcx: OK, SHOT and REDIRECT decide, UNSPEC passes on to the next
   * program and any other code to the filters. Answers UNSPEC when nobody decided, else a code that sch_handle_ingress
   * and sch_handle_egress know; OK has set tc_index.
   */
  run(packet: PacketContext, deviceIndex: number, observer: WalkObserver | null): number {
    const programs = this.#tcx;
    for (let i = 0; i < programs.length; i++) {
      packet.dropReason = 0;
      if (observer !== null) observer.hookEntered(packet, deviceIndex, this.#tcxHook, i);
      const verdict = programs[i].run(packet);
      if (observer !== null) observer.hookLeft(packet, deviceIndex, this.#tcxHook, i, verdict);
      if (verdict === TC_ACT_UNSPEC) continue;
      if (verdict === TC_ACT_OK) {
        packet.tcIndex = packet.tcClassid & CLASS_MINOR;
        return TC_ACT_OK;
      }
      if (verdict === TC_ACT_SHOT || verdict === TC_ACT_REDIRECT) return verdict;
      break;
    }
    return this.#filters.length === 0 ? TC_ACT_UNSPEC : this.#classify(packet, deviceIndex, observer);
  }

  #classify(packet: PacketContext, deviceIndex: number, observer: WalkObserver | null): number {
    const filters = this.#filters;
    for (let i = 0; i < filters.length; i++) {
      const filter = filters[i];
      if (filter.protocol !== ethernet.TYPE_ALL && filter.protocol !== outerProtocol(packet)) continue;
      packet.tcClassid = filter.classid & CLASS_MINOR;
      packet.dropReason = 0;
      if (filter.program === null) {
        const verdict = runActions(filter, packet, this.#atIngress);
        if (verdict >= 0) return verdict;
        continue;
      }
      if (observer !== null) observer.hookEntered(packet, deviceIndex, this.#clsactHook, i);
      const code = filter.program.program.run(packet);
      if (observer !== null) observer.hookLeft(packet, deviceIndex, this.#clsactHook, i, code);
      if (filter.directAction) {
        if (!decides(code)) continue;
        if (code === TC_ACT_OK) packet.tcIndex = packet.tcClassid & CLASS_MINOR;
        return code;
      }
      // A classifier answers a class: 0 for no match, -1 for the filter's own.
      if (code === 0) continue;
      const verdict = runActions(filter, packet, this.#atIngress);
      if (verdict < 0) continue;
      if (verdict === TC_ACT_OK) packet.tcIndex = (code === -1 ? filter.classid : code) & CLASS_MINOR;
      return verdict;
    }
    return TC_ACT_UNSPEC;
  }
}

/** Codes that direct action lets through; any other is as UNSPEC (cls_bpf). */
function decides(code: number): boolean {
  return (
    code === TC_ACT_OK ||
    code === TC_ACT_SHOT ||
    code === TC_ACT_REDIRECT ||
    code === TC_ACT_STOLEN ||
    code === TC_ACT_TRAP
  );
}

/** The protocol that a filter matches: of the outermost tag, be it in the frame or not. */
function outerProtocol(packet: PacketContext): number {
  return packet.vlanPresent === 0 ? packet.protocol : packet.vlanProtocol;
}

/** The actions of a filter, up to one that decides; a filter without any accepts. */
function runActions(filter: TcFilter, packet: PacketContext, atIngress: boolean): number {
  const { actions } = filter;
  let verdict = TC_ACT_OK;
  for (let i = 0; i < actions.length; i++) {
    verdict = actions[i].run(packet, atIngress);
    if (verdict !== TC_ACT_PIPE) return verdict;
  }
  return verdict;
}
