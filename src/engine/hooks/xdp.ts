/**
 * A device's XDP program: native (in the driver), generic (on the skb) or offloaded, attached over netlink or by a
 * link. Conflicts are answered as dev_xdp_attach does: 0 or a negative error number.
 */
import { BpfLink, type BpfObjects, type LoadedProgram } from './bpf-objects.js';
import { EBUSY, EEXIST, EINVAL, ENOLINK, EOPNOTSUPP, EPERM } from './errno.js';

export type XdpMode = 'native' | 'generic' | 'offload';
/** `default` is native where the driver can, else generic. */
export type XdpRequestMode = XdpMode | 'default';

interface Attached {
  readonly program: LoadedProgram;
  readonly link: XdpLink | null;
}

export class XdpHook {
  readonly #objects: BpfObjects;
  readonly #hasNative: boolean;
  readonly #changed: () => void;
  #native: Attached | null = null;
  #generic: Attached | null = null;

  /** `changed` is called whenever another program is to run. */
  constructor(objects: BpfObjects, hasNative: boolean, changed: () => void) {
    this.#objects = objects;
    this.#hasNative = hasNative;
    this.#changed = changed;
  }

  /** The program that runs, in the driver or on the skb. */
  get program(): LoadedProgram | null {
    return this.native ?? this.generic;
  }

  get native(): LoadedProgram | null {
    return this.#native?.program ?? null;
  }

  get generic(): LoadedProgram | null {
    return this.#generic?.program ?? null;
  }

  hasLink(link: BpfLink): boolean {
    return this.#native?.link === link || this.#generic?.link === link;
  }

  /** Whether the program of a mode is held by a link. */
  isLinked(requested: XdpRequestMode): boolean {
    const mode = this.#mode(requested);
    return mode !== 'offload' && (this.#get(mode)?.link ?? null) !== null;
  }

  /** Over netlink: `ip link set dev DEVICE xdp …`; `onlyFirst` is XDP_FLAGS_UPDATE_IF_NOEXIST. */
  attach(program: LoadedProgram, requested: XdpRequestMode = 'default', onlyFirst = false): number {
    const mode = this.#mode(requested);
    const refused = this.#refusal(mode, false, onlyFirst);
    if (refused < 0) return refused;
    this.#set(mode, { program, link: null });
    return 0;
  }

  /** Over netlink; nothing attached in that mode is no error. */
  detach(requested: XdpRequestMode = 'default'): number {
    const mode = this.#mode(requested);
    if (mode === 'offload') return -EINVAL;
    const attached = this.#get(mode);
    if (attached !== null && attached.link !== null) return -EBUSY;
    this.#set(mode, null);
    return 0;
  }

  /** A link that attaches the program. */
  createLink(program: LoadedProgram, requested: XdpRequestMode = 'default'): XdpLink | number {
    const mode = this.#mode(requested);
    const refused = this.#refusal(mode, true, false);
    if (refused < 0) return refused;
    const link = new XdpLink(this.#objects.takeLinkId(), program, this);
    this.#set(mode, { program, link });
    this.#objects.addLink(link);
    return link;
  }

  /** Puts a program in place of the one that runs, whoever holds that. */
  replace(program: LoadedProgram): void {
    const mode = this.#native === null ? 'generic' : 'native';
    const link = this.#get(mode)?.link ?? null;
    if (link === null) this.#set(mode, { program, link });
    else link.update(program, null);
  }

  /** Changes the program of a link of this device; null takes it off. */
  changeLink(link: XdpLink, program: LoadedProgram | null): void {
    const mode = this.#native?.link === link ? 'native' : 'generic';
    this.#set(mode, program === null ? null : { program, link });
  }

  #mode(requested: XdpRequestMode): XdpMode {
    if (requested !== 'default') return requested;
    return this.#hasNative ? 'native' : 'generic';
  }

  #get(mode: XdpMode): Attached | null {
    return mode === 'native' ? this.#native : this.#generic;
  }

  #set(mode: XdpMode, attached: Attached | null): void {
    if (mode === 'native') this.#native = attached;
    else this.#generic = attached;
    this.#changed();
  }

  #refusal(mode: XdpMode, byLink: boolean, onlyFirst: boolean): number {
    if (mode === 'offload') return -EINVAL;
    const current = this.#get(mode);
    if (current !== null && (current.link !== null || byLink || onlyFirst)) return -EBUSY;
    // Native and generic exclude each other.
    if (this.#get(mode === 'native' ? 'generic' : 'native') !== null) return -EEXIST;
    return mode === 'native' && !this.#hasNative ? -EOPNOTSUPP : 0;
  }
}

class XdpLink extends BpfLink {
  #hook: XdpHook | null;

  constructor(id: number, program: LoadedProgram, hook: XdpHook) {
    super(id, program);
    this.#hook = hook;
  }

  override update(program: LoadedProgram, old: LoadedProgram | null): number {
    if (this.#hook === null) return -ENOLINK;
    if (old !== null && old !== this.program) return -EPERM;
    if (program.type !== this.program.type) return -EINVAL;
    this.program = program;
    this.#hook.changeLink(this, program);
    return 0;
  }

  override detach(): void {
    this.#hook?.changeLink(this, null);
    this.#hook = null;
  }
}
