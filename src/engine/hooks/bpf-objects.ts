/**
 * What bpf(2) hands out on a machine: loaded programs and links with their ids, and the file descriptors of whoever
 * attaches them. Ids are given in rising order and not used again.
 */
import { EBADF, EINVAL, ENOENT } from './errno.js';
import { BPF_F_REPLACE } from './mprog.js';
import type { HookProgram } from './program.js';

export type ProgramType = 'sched_cls' | 'xdp';

/** Longest name that the kernel keeps of a program (BPF_OBJ_NAME_LEN less the end). */
const NAME_LENGTH = 15;

/** What tools show of a program that does not matter to packets. */
export interface ProgramDetails {
  /** Hash of its instructions, 16 hex digits. */
  readonly tag: string;
  /** Monotonic time of loading. */
  readonly loadedNs: number;
  /** Id of its type information; 0 for none. */
  readonly btfId: number;
}

const NO_DETAILS: ProgramDetails = { tag: '0'.repeat(16), loadedNs: 0, btfId: 0 };

/** A program in the kernel. */
export class LoadedProgram {
  readonly id: number;
  readonly type: ProgramType;
  readonly program: HookProgram;
  readonly details: ProgramDetails;

  constructor(id: number, type: ProgramType, program: HookProgram, details: ProgramDetails) {
    this.id = id;
    this.type = type;
    this.program = program;
    this.details = details;
  }

  /** The name as tools print it that have no type information of the program. */
  get shortName(): string {
    return this.program.name.slice(0, NAME_LENGTH);
  }
}

/** What keeps a program attached, as long as it has a descriptor or pin. */
export abstract class BpfLink {
  readonly id: number;
  program: LoadedProgram;

  constructor(id: number, program: LoadedProgram) {
    this.id = id;
    this.program = program;
  }

  /** Puts another program in place of this one, if `old` is null or the one attached. 0 or a negative error number. */
  abstract update(program: LoadedProgram, old: LoadedProgram | null): number;

  /** Takes the program off the hook; the link stays, without device. */
  abstract detach(): void;
}

/** An open file that is no BPF object. */
export const OTHER_FILE = Symbol('file');

type OpenFile = LoadedProgram | BpfLink | typeof OTHER_FILE;

const FIRST_DESCRIPTOR = 3;

export class BpfObjects {
  readonly #programs = new Map<number, LoadedProgram>();
  readonly #reserved = new Set<number>();
  readonly #links = new Map<number, BpfLink>();
  readonly #files = new Map<number, OpenFile>([0, 1, 2].map((descriptor) => [descriptor, OTHER_FILE]));
  readonly #pins = new Map<string, LoadedProgram | BpfLink>();
  #nextProgram = 1;
  #nextLink = 1;
  #nextDescriptor = FIRST_DESCRIPTOR;

  /** Keeps the id for a program that will be loaded with it. */
  reserve(id: number): void {
    this.#reserved.add(id);
  }

  /** `id` is for a program that has its number already; another is given the next one that is free. */
  load(
    type: ProgramType,
    program: HookProgram,
    details: Partial<ProgramDetails> = {},
    id: number | null = null,
  ): LoadedProgram {
    if (id !== null && this.#programs.has(id)) throw new Error(`program id ${id} is taken`);
    while (this.#reserved.has(this.#nextProgram)) this.#nextProgram++;
    const number = id ?? this.#nextProgram++;
    const loaded = new LoadedProgram(number, type, program, { ...NO_DETAILS, ...details });
    this.#programs.set(number, loaded);
    return loaded;
  }

  /** The program as loaded before, or loaded now. */
  loaded(type: ProgramType, program: HookProgram): LoadedProgram {
    for (const loaded of this.#programs.values()) {
      if (loaded.program === program && loaded.type === type) return loaded;
    }
    return this.load(type, program);
  }

  /** In the order of their ids. */
  get programs(): readonly LoadedProgram[] {
    return [...this.#programs.values()].sort((a, b) => a.id - b.id);
  }

  get links(): readonly BpfLink[] {
    return [...this.#links.values()];
  }

  /** Keeps a program or link under a path of the BPF file system. */
  pin(path: string, object: LoadedProgram | BpfLink): void {
    this.#pins.set(path, object);
  }

  pinned(path: string): LoadedProgram | BpfLink | null {
    return this.#pins.get(path) ?? null;
  }

  /** Objects by the paths that they are pinned under. */
  get pins(): ReadonlyMap<string, LoadedProgram | BpfLink> {
    return this.#pins;
  }

  takeLinkId(): number {
    return this.#nextLink++;
  }

  addLink(link: BpfLink): void {
    this.#links.set(link.id, link);
  }

  /** A descriptor of an object, or of another file. */
  open(file: OpenFile): number {
    this.#files.set(this.#nextDescriptor, file);
    return this.#nextDescriptor++;
  }

  /** Closes a descriptor; a link that nobody holds any more is taken off. */
  close(descriptor: number): void {
    const file = this.#files.get(descriptor);
    if (file === undefined) return;
    this.#files.delete(descriptor);
    if (!(file instanceof BpfLink)) return;
    if ([...this.#files.values(), ...this.#pins.values()].includes(file)) return;
    file.detach();
    this.#links.delete(file.id);
  }

  /**
   * BPF_LINK_UPDATE by descriptors: gives a link another program; `old` is looked at with BPF_F_REPLACE and must be 0
   * without. 0 or a negative error number.
   */
  updateLink(descriptor: number, replacement: number, flags = 0, old = 0): number {
    if ((flags & ~BPF_F_REPLACE) !== 0) return -EINVAL;
    const link = this.linkAt(descriptor);
    if (typeof link === 'number') return link;
    const program = this.programAt(replacement);
    if (typeof program === 'number') return program;
    if ((flags & BPF_F_REPLACE) === 0) return old === 0 ? link.update(program, null) : -EINVAL;
    const expected = this.programAt(old);
    return typeof expected === 'number' ? expected : link.update(program, expected);
  }

  programAt(descriptor: number): LoadedProgram | number {
    const file = this.#files.get(descriptor);
    if (file === undefined) return -EBADF;
    return file instanceof LoadedProgram ? file : -EINVAL;
  }

  linkAt(descriptor: number): BpfLink | number {
    const file = this.#files.get(descriptor);
    if (file === undefined) return -EBADF;
    return file instanceof BpfLink ? file : -EINVAL;
  }

  programWithId(id: number): LoadedProgram | number {
    return this.#programs.get(id) ?? -ENOENT;
  }

  linkWithId(id: number): BpfLink | number {
    return this.#links.get(id) ?? -ENOENT;
  }
}
