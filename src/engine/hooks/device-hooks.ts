/** All hooks of one device: what is attached, and the same in the form that runs. */
import type { BpfObjects, LoadedProgram } from './bpf-objects.js';
import { HookChain } from './chain.js';
import { type FilterRequest, Qdisc, type QdiscKind } from './clsact.js';
import { EEXIST, EINVAL, errnoName } from './errno.js';
import { type NetfilterChain, NetfilterHook } from './netfilter.js';
import { HOOK_CLSACT_EGRESS, HOOK_CLSACT_INGRESS, HOOK_TCX_EGRESS, HOOK_TCX_INGRESS } from './order.js';
import { TcxHook, type TcxLink } from './tcx.js';
import { XdpHook } from './xdp.js';

export type Direction = 'ingress' | 'egress';

export class DeviceHooks {
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

  /** Puts a program behind those of a tcx hook. */
  appendTcx(direction: Direction, program: LoadedProgram): number {
    return this.tcx(direction).insert(program, null, null, {});
  }

  /** A link that puts a program behind those of a tcx hook. Throws when the kernel would refuse it. */
  linkTcx(direction: Direction, program: LoadedProgram): TcxLink {
    const link = this.tcx(direction).link(program);
    if (typeof link === 'number') throw new Error(`${program.program.name}: ${errnoName(link)}`);
    return link;
  }

  /** Puts a direct-action filter behind those of a side, with a clsact qdisc if there is none. */
  appendFilter(direction: Direction, program: LoadedProgram): number {
    if (this.#qdisc === null) this.addQdisc('clsact');
    const last = this.#qdisc![direction].filters.at(-1);
    const priority = (last?.priority ?? 0) + 1;
    return this.addFilter(direction, {
      priority,
      handle: 1,
      program,
      directAction: true,
      name: program.program.name,
    });
  }

  /** The device goes away. */
  release(): void {
    this.tcxIngress.release();
    this.tcxEgress.release();
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
