/** All hooks of one device: what is attached, and the same in the form that runs. */
import type { BpfObjects, LoadedProgram } from './bpf-objects.js';
import { HookChain } from './chain.js';
import { type FilterRequest, Qdisc, type QdiscKind } from './clsact.js';
import { EEXIST, EINVAL } from './errno.js';
import { BPF_F_BEFORE } from './mprog.js';
import { type NetfilterChain, NetfilterHook } from './netfilter.js';
import {
  HOOK_CLSACT_EGRESS,
  HOOK_CLSACT_INGRESS,
  HOOK_NETFILTER_EGRESS,
  HOOK_NETFILTER_INGRESS,
  HOOK_TCX_EGRESS,
  HOOK_TCX_INGRESS,
  HOOK_XDP,
  isIngressHook,
} from './order.js';
import type { HookProgram } from './program.js';
import { TcxHook } from './tcx.js';
import { XdpHook } from './xdp.js';
import { XdpDispatcher } from './xdp-dispatcher.js';

export type Direction = 'ingress' | 'egress';

export class DeviceHooks {
  readonly #objects: BpfObjects;
  readonly xdp: XdpHook;
  readonly tcxIngress: TcxHook;
  readonly tcxEgress: TcxHook;
  readonly netfilterIngress = new NetfilterHook();
  readonly netfilterEgress = new NetfilterHook();
  /** tcx and filters as they run. */
  readonly ingress = new HookChain(HOOK_TCX_INGRESS, HOOK_CLSACT_INGRESS);
  readonly egress = new HookChain(HOOK_TCX_EGRESS, HOOK_CLSACT_EGRESS);
  #qdisc: Qdisc | null = null;
  readonly #changed: () => void;

  /** `changed` is called whenever something else is to run. */
  constructor(objects: BpfObjects, hasNativeXdp: boolean, changed: () => void) {
    this.#objects = objects;
    this.#changed = changed;
    this.xdp = new XdpHook(objects, hasNativeXdp, changed);
    this.tcxIngress = new TcxHook(objects, () => this.#compileTcx());
    this.tcxEgress = new TcxHook(objects, () => this.#compileTcx());
  }

  get qdisc(): Qdisc | null {
    return this.#qdisc;
  }

  tcx(direction: Direction): TcxHook {
    return direction === 'ingress' ? this.tcxIngress : this.tcxEgress;
  }

  netfilter(direction: Direction): NetfilterHook {
    return direction === 'ingress' ? this.netfilterIngress : this.netfilterEgress;
  }

  /** `tc qdisc add dev DEVICE clsact`. 0 or a negative error number. */
  addQdisc(kind: QdiscKind): number {
    if (this.#qdisc !== null) return -EEXIST;
    this.#qdisc = new Qdisc(kind);
    this.tcxIngress.setQdisc(true);
    if (kind === 'clsact') this.tcxEgress.setQdisc(true);
    this.#compileFilters();
    return 0;
  }

  removeQdisc(): number {
    if (this.#qdisc === null) return -EINVAL;
    this.#qdisc = null;
    this.tcxIngress.setQdisc(false);
    this.tcxEgress.setQdisc(false);
    this.#compileFilters();
    return 0;
  }

  /** `tc filter add`, or with `replace` set `tc filter replace`. */
  addFilter(direction: Direction, request: FilterRequest): number {
    if (this.#qdisc === null) return -EINVAL;
    const result = this.#qdisc[direction].add(request);
    this.#compileFilters();
    return result;
  }

  /** `tc filter del`: one filter, with handle 0 all of a priority, with priority 0 all of the side. */
  removeFilter(direction: Direction, priority = 0, handle = 0): number {
    if (this.#qdisc === null) return -EINVAL;
    const result = this.#qdisc[direction].remove(priority, handle);
    this.#compileFilters();
    return result;
  }

  addNetfilterChain(direction: Direction, chain: NetfilterChain): void {
    this.netfilter(direction).add(chain);
    this.#changed();
  }

  removeNetfilterChain(direction: Direction, chain: NetfilterChain): void {
    this.netfilter(direction).remove(chain);
    this.#changed();
  }

  /** Names of what a hook runs as its `place`th (`WalkObserver.hookEntered`). */
  nameAt(hook: number, place: number): string {
    const side = isIngressHook(hook) ? this.ingress : this.egress;
    switch (hook) {
      case HOOK_TCX_INGRESS:
      case HOOK_TCX_EGRESS:
        return side.tcx[place].name;
      case HOOK_CLSACT_INGRESS:
      case HOOK_CLSACT_EGRESS:
        return side.filters[place].program!.program.name;
      case HOOK_NETFILTER_INGRESS:
        return namesOf(this.netfilterIngress.chains);
      case HOOK_NETFILTER_EGRESS:
        return namesOf(this.netfilterEgress.chains);
      default: {
        const { program } = this.xdp.program!;
        return namesOf(program instanceof XdpDispatcher ? program.programs : [program]);
      }
    }
  }

  /**
   * Puts a program behind those of a HOOK_ place, or with `first` before them: at tcx without a link, as a
   * direct-action filter, at XDP by a dispatcher together with what is there. 0 or a negative error number.
   */
  place(hook: number, program: HookProgram, first: boolean): number {
    if (hook === HOOK_XDP) return this.#placeXdp(program, first);
    const loaded = this.#objects.loaded('sched_cls', program);
    const placement = { flags: first ? BPF_F_BEFORE : 0 };
    if (hook === HOOK_TCX_INGRESS) return this.tcxIngress.insert(loaded, null, null, placement);
    if (hook === HOOK_TCX_EGRESS) return this.tcxEgress.insert(loaded, null, null, placement);
    if (hook === HOOK_CLSACT_INGRESS) return this.#placeFilter('ingress', loaded, first);
    if (hook === HOOK_CLSACT_EGRESS) return this.#placeFilter('egress', loaded, first);
    throw new RangeError(`hook ${hook} is not for programs`);
  }

  /** The device goes away. */
  release(): void {
    this.tcxIngress.release();
    this.tcxEgress.release();
  }

  #placeXdp(program: HookProgram, first: boolean): number {
    const { program: current } = this.xdp;
    if (current === null) return this.xdp.attach(this.#objects.loaded('xdp', program));
    const dispatcher = XdpDispatcher.join(current.program, program, first);
    this.xdp.replace(this.#objects.load('xdp', dispatcher));
    return 0;
  }

  /** Of one priority, the newest filter comes first. With a clsact qdisc if there is none. */
  #placeFilter(direction: Direction, program: LoadedProgram, first: boolean): number {
    if (this.#qdisc === null) this.addQdisc('clsact');
    const { filters } = this.#qdisc![direction];
    const priority = first ? (filters[0]?.priority ?? 1) : (filters.at(-1)?.priority ?? 0) + 1;
    return this.addFilter(direction, { priority, program, directAction: true, name: program.program.name });
  }

  #compileTcx(): void {
    this.ingress.setTcx(this.tcxIngress.programs.map(({ program }) => program));
    this.egress.setTcx(this.tcxEgress.programs.map(({ program }) => program));
  }

  #compileFilters(): void {
    this.ingress.setFilters(this.#qdisc?.ingress.filters ?? []);
    this.egress.setFilters(this.#qdisc?.kind === 'clsact' ? this.#qdisc.egress.filters : []);
  }
}

function namesOf(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(', ');
}
