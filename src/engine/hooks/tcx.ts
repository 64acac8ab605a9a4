/**
 * tcx: the programs at a device's tc ingress and egress, in an order that each of them may ask for. The operations
 * are those of bpf(2): BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_LINK_CREATE, BPF_LINK_UPDATE, BPF_PROG_QUERY with their
 * checks in the kernel's order. Answers are 0 or a negative error number.
 */
import { BpfLink, type BpfObjects, LoadedProgram } from './bpf-objects.js';
import { EINVAL, ENOENT, ENOLINK, EPERM } from './errno.js';
import {
  BPF_F_AFTER,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_LINK,
  BPF_F_REPLACE,
  type Lookup,
  MprogList,
  type MprogQuery,
} from './mprog.js';

const ATTACH_FLAGS = BPF_F_REPLACE | BPF_F_BEFORE | BPF_F_AFTER | BPF_F_ID | BPF_F_LINK;

export type TcxQuery = MprogQuery<LoadedProgram, TcxLink>;

/** The part of `union bpf_attr` that says where; what is left out is 0. */
export interface TcxPlacement {
  /** BPF_F_ bits. */
  readonly flags?: number;
  /** Descriptor of a program or (BPF_F_LINK) link, or with BPF_F_ID its id. */
  readonly relative?: number;
  /** Descriptor of the program to replace. */
  readonly replace?: number;
  readonly expectedRevision?: number;
}

/** One direction of one device. */
export class TcxHook {
  readonly #objects: BpfObjects;
  readonly #changed: () => void;
  /** Whether a qdisc holds this side of the device, too: then the list stays when it empties. */
  #hasQdisc = false;
  #list: MprogList<LoadedProgram, TcxLink> | null = null;

  /** `changed` is called whenever other programs are to run. */
  constructor(objects: BpfObjects, changed: () => void) {
    this.#objects = objects;
    this.#changed = changed;
  }

  get list(): MprogList<LoadedProgram, TcxLink> | null {
    return this.#list;
  }

  get programs(): readonly LoadedProgram[] {
    return this.#list?.members.map(({ program }) => program) ?? [];
  }

  /** Attaches the program at a descriptor. */
  attach(descriptor: number, placement: TcxPlacement = {}): number {
    const flags = placement.flags ?? 0;
    if ((flags & ~ATTACH_FLAGS) !== 0) return -EINVAL;
    const program = this.#classifier(descriptor);
    if (typeof program === 'number') return program;
    let replaced: LoadedProgram | null = null;
    if ((flags & BPF_F_REPLACE) !== 0) {
      const found = this.#classifier(placement.replace ?? 0);
      if (typeof found === 'number') return found;
      replaced = found;
    }
    return this.insert(program, null, replaced, placement);
  }

  /** Detaches the program at a descriptor, or with descriptor 0 the one that the placement names. */
  detach(descriptor: number, placement: TcxPlacement = {}): number {
    const flags = placement.flags ?? 0;
    if ((flags & ~ATTACH_FLAGS) !== 0) return -EINVAL;
    let program: LoadedProgram | null = null;
    if (descriptor !== 0) {
      const found = this.#classifier(descriptor);
      if (typeof found === 'number') return found;
      program = found;
    }
    return this.remove(program, null, placement);
  }

  /** A link that attaches the program at a descriptor. */
  createLink(descriptor: number, placement: TcxPlacement = {}): TcxLink | number {
    const program = this.#classifier(descriptor);
    return typeof program === 'number' ? program : this.link(program, placement);
  }

  link(program: LoadedProgram, placement: TcxPlacement = {}): TcxLink | number {
    const link = new TcxLink(this.#objects.takeLinkId(), program, this);
    const result = this.insert(program, link, null, placement);
    if (result < 0) return result;
    this.#objects.addLink(link);
    return link;
  }

  query(capacity: number): TcxQuery {
    return this.#list?.query(capacity) ?? { result: 0, count: 0, revision: 1, members: [] };
  }

  insert(
    program: LoadedProgram,
    link: TcxLink | null,
    replaced: LoadedProgram | null,
    placement: TcxPlacement,
  ): number {
    const list = this.#list ?? new MprogList<LoadedProgram, TcxLink>();
    const result = list.attach(program, link, replaced, this.#placement(placement, program));
    if (result < 0) return result;
    this.#list = list;
    this.#changed();
    return 0;
  }

  remove(program: LoadedProgram | null, link: TcxLink | null, placement: TcxPlacement): number {
    if (this.#list === null) return -ENOENT;
    const result = this.#list.detach(program, link, this.#placement(placement, program));
    if (result < 0) return result;
    this.#dropEmptyList();
    this.#changed();
    return 0;
  }

  /** A clsact or ingress qdisc has come to this side of the device, or has gone. */
  setQdisc(present: boolean): void {
    this.#hasQdisc = present;
    if (present) this.#list ??= new MprogList();
    else this.#dropEmptyList();
  }

  /** The device has gone: links stay, without it. */
  release(): void {
    for (const { link } of this.#list?.members ?? []) link?.release();
    this.#list = null;
  }

  #dropEmptyList(): void {
    if (!this.#hasQdisc && this.#list?.members.length === 0) this.#list = null;
  }

  #classifier(descriptor: number): LoadedProgram | number {
    const program = this.#objects.programAt(descriptor);
    return program instanceof LoadedProgram && program.type !== 'sched_cls' ? -EINVAL : program;
  }

  #placement(placement: TcxPlacement, program: LoadedProgram | null) {
    const flags = placement.flags ?? 0;
    const relative = this.#lookup(flags, placement.relative ?? 0, program);
    return { flags, relative, expectedRevision: placement.expectedRevision ?? 0 };
  }

  #lookup(flags: number, relative: number, program: LoadedProgram | null): Lookup<LoadedProgram, TcxLink> {
    const objects = this.#objects;
    const byId = (flags & BPF_F_ID) !== 0;
    return () => {
      if ((flags & BPF_F_LINK) !== 0) {
        // Descriptor 0 means none, and a link there must be.
        if (!byId && relative === 0) return -EINVAL;
        const link = byId ? objects.linkWithId(relative) : objects.linkAt(relative);
        if (typeof link === 'number') return link;
        if (program !== null && link.program.type !== program.type) return -EINVAL;
        return { program: link.program, link: link as TcxLink };
      }
      if (!byId && relative === 0) return { program: null, link: null };
      const named = byId ? objects.programWithId(relative) : objects.programAt(relative);
      if (typeof named === 'number') return named;
      if (program !== null && named.type !== program.type) return -EINVAL;
      return { program: named, link: null };
    };
  }
}

export class TcxLink extends BpfLink {
  #hook: TcxHook | null;

  constructor(id: number, program: LoadedProgram, hook: TcxHook) {
    super(id, program);
    this.#hook = hook;
  }

  /** Where the program is attached; null once it is not. */
  get hook(): TcxHook | null {
    return this.#hook;
  }

  override update(program: LoadedProgram, old: LoadedProgram | null): number {
    if (this.#hook === null) return -ENOLINK;
    if (old !== null && old !== this.program) return -EPERM;
    if (program === this.program) return 0;
    const placement = { flags: BPF_F_REPLACE | BPF_F_ID, relative: this.program.id };
    const result = this.#hook.insert(program, this, this.program, placement);
    if (result < 0) return result;
    this.program = program;
    return 0;
  }

  override detach(): void {
    this.#hook?.remove(this.program, this, {});
    this.#hook = null;
  }

  /** The device has gone. */
  release(): void {
    this.#hook = null;
  }
}
