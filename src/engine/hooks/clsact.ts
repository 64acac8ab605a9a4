/**
 * The clsact (or older ingress) qdisc of a device and its filters, as tc(8) makes them. Filters stand by priority;
 * those of one priority have one protocol and kind, and the newest comes first. Answers are 0 or a negative error
 * number.
 */
import * as ethernet from '../wire/ethernet.js';
import type { LoadedProgram } from './bpf-objects.js';
import { EEXIST, EINVAL, ENOENT } from './errno.js';
import type { TcAction } from './program.js';

export type QdiscKind = 'clsact' | 'ingress';
export type FilterKind = 'bpf' | 'u32';

export interface TcFilter {
  readonly kind: FilterKind;
  readonly priority: number;
  readonly handle: number;
  /** EtherType in host order, TYPE_ALL for every one. */
  readonly protocol: number;
  /** Null for a filter that matches every frame (`u32 match u32 0 0`). */
  readonly program: LoadedProgram | null;
  /** Whether the program's value is a verdict; else it is a class, and the actions decide. */
  readonly directAction: boolean;
  /** `flowid`, major << 16 | minor. */
  readonly classid: number;
  readonly name: string;
  readonly actions: readonly TcAction[];
}

export interface FilterRequest extends Partial<Omit<TcFilter, 'program'>> {
  readonly program?: LoadedProgram | null;
  /** Takes the place of the filter of that priority and handle, if there is one (`tc filter replace`). */
  readonly replace?: boolean;
}

/** Where a priority is looked for when the request has none, and the first that is given (tcf_auto_prio). */
const AUTOMATIC_FROM = 0x8000;
const FIRST_AUTOMATIC = 0xc000;

/** The filters of one side of a device. */
class FilterList {
  /** In the order in which they are asked. */
  #filters: readonly TcFilter[] = [];

  get filters(): readonly TcFilter[] {
    return this.#filters;
  }

  add(request: FilterRequest): number {
    if (request.program != null && request.program.type !== 'sched_cls') return -EINVAL;
    const kind = request.kind ?? 'bpf';
    const protocol = request.protocol ?? ethernet.TYPE_ALL;
    const priority = request.priority || this.#freePriority();
    const others = this.#filters.filter((filter) => filter.priority === priority);
    if (others.some((filter) => filter.protocol !== protocol || filter.kind !== kind)) return -EINVAL;
    const handle = request.handle || freeHandle(others);
    const filter: TcFilter = {
      kind,
      priority,
      handle,
      protocol,
      program: request.program ?? null,
      directAction: request.directAction ?? false,
      classid: request.classid ?? 0,
      name: request.name ?? '',
      actions: request.actions ?? [],
    };
    const known = others.find((other) => other.handle === handle);
    if (known !== undefined) {
      if (request.replace !== true) return -EEXIST;
      this.#filters = this.#filters.with(this.#filters.indexOf(known), filter);
      return 0;
    }
    const before = this.#filters.findIndex((other) => other.priority >= priority);
    this.#filters = this.#filters.toSpliced(before < 0 ? this.#filters.length : before, 0, filter);
    return 0;
  }

  /** Removes a filter, or with handle 0 all of a priority, or with priority 0 all. */
  remove(priority: number, handle: number): number {
    const kept = this.#filters.filter(
      (filter) =>
        (priority !== 0 && filter.priority !== priority) || (handle !== 0 && filter.handle !== handle),
    );
    if (kept.length === this.#filters.length && priority !== 0) return -ENOENT;
    this.#filters = kept;
    return 0;
  }

  #freePriority(): number {
    const next = this.#filters.find((filter) => filter.priority >= AUTOMATIC_FROM);
    return next === undefined ? FIRST_AUTOMATIC : next.priority - 1;
  }
}

function freeHandle(others: readonly TcFilter[]): number {
  let handle = 1;
  while (others.some((filter) => filter.handle === handle)) handle++;
  return handle;
}

/** A device's qdisc for filters at its two sides. An ingress qdisc has one side, which egress requests mean, too. */
export class Qdisc {
  readonly kind: QdiscKind;
  readonly ingress = new FilterList();
  readonly egress: FilterList;

  constructor(kind: QdiscKind) {
    this.kind = kind;
    this.egress = kind === 'clsact' ? new FilterList() : this.ingress;
  }
}
