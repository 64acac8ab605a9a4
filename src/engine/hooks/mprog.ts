/**
 * A list of programs at one hook and its rules, as the kernel's multi-program attach interface has them
 * (bpf(2), BPF_F_BEFORE and the like; `bpf_mprog`). Nothing here knows what the programs are for.
 *
 * A request names a place: before or after a member, or before or after all (no member named); without either the new
 * program goes to the end. A request that names a place twice must mean one and the same place. Every change raises
 * the list's revision; a request may say which revision it was made for.
 */
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOSPC, ERANGE, ESTALE } from './errno.js';

export const BPF_F_REPLACE = 1 << 2;
export const BPF_F_BEFORE = 1 << 3;
export const BPF_F_AFTER = 1 << 4;
export const BPF_F_ID = 1 << 5;
export const BPF_F_LINK = 1 << 13;

/** Programs that a list holds at most. */
const MPROG_MAXIMUM = 63;

const FIRST_REVISION = 1;
/** Places start at -1, before the first member; errors are below. And no place named so far: */
const FIRST_PLACE = -1;
const NOWHERE = Number.MIN_SAFE_INTEGER;

/** A member: a program, attached by itself or through a link. */
export interface Member<P, L> {
  readonly program: P;
  readonly link: L | null;
}

/** The member that a request's place is relative to; both null when it names none. */
export interface Relative<P, L> {
  readonly program: P | null;
  readonly link: L | null;
}

/** Resolves what a request names, when the list asks for it; a negative error number when it is not there. */
export type Lookup<P, L> = () => Relative<P, L> | number;

export interface Placement<P, L> {
  /** BPF_F_ bits. */
  readonly flags: number;
  readonly relative: Lookup<P, L>;
  /** 0 for any. */
  readonly expectedRevision: number;
}

export interface MprogQuery<P, L> {
  /** 0, or -ENOSPC when there are more members than were asked for. */
  readonly result: number;
  /** Members in all. */
  readonly count: number;
  readonly revision: number;
  readonly members: readonly Member<P, L>[];
}

export class MprogList<P, L> {
  revision = FIRST_REVISION;
  #members: readonly Member<P, L>[] = [];

  /** In the order in which they run. */
  get members(): readonly Member<P, L>[] {
    return this.#members;
  }

  /** Adds a program, or with BPF_F_REPLACE puts it in the place of `replaced` (of the same link). */
  attach(program: P, link: L | null, replaced: P | null, placement: Placement<P, L>): number {
    const { flags } = placement;
    const total = this.#members.length;
    if (this.#isStale(placement)) return -ESTALE;
    if (this.#members.some((member) => member.program === program)) return -EEXIST;
    const relative = placement.relative();
    if (typeof relative === 'number') return relative;
    let place = NOWHERE;
    if ((flags & BPF_F_REPLACE) !== 0) {
      place = this.#exactPlace(replaced, link);
      if (place < 0) return place;
    } else if (total === MPROG_MAXIMUM) return -ERANGE;
    place = this.#place(place, flags, relative);
    if (isError(place)) return place;
    if (place === NOWHERE) {
      if (relative.program !== null || flags !== 0) return -EINVAL;
      place = total;
    }
    const member = { program, link };
    if ((flags & BPF_F_REPLACE) !== 0) this.#change(place, 1, member);
    else this.#change((flags & BPF_F_BEFORE) !== 0 ? place + 1 : place, 0, member);
    return 0;
  }

  /** Takes out a program or, with null, the one at the place that is named (without one, the last). */
  detach(program: P | null, link: L | null, placement: Placement<P, L>): number {
    const { flags } = placement;
    const total = this.#members.length;
    if ((flags & BPF_F_REPLACE) !== 0) return -EINVAL;
    if (this.#isStale(placement)) return -ESTALE;
    if (total === 0) return -ENOENT;
    const relative = placement.relative();
    if (typeof relative === 'number') return relative;
    let place = NOWHERE;
    if (program !== null) {
      place = this.#exactPlace(program, link);
      if (place < 0) return place;
    }
    place = this.#place(place, flags, relative);
    if (isError(place)) return place;
    if (place === NOWHERE) {
      if (relative.program !== null || flags !== 0) return -EINVAL;
      place = total;
    }
    if (place >= MPROG_MAXIMUM) return -ERANGE;
    const at = Math.min(Math.max(place, 0), total - 1);
    if (this.#members[at].link !== null && link === null) return -EBUSY;
    this.#change(at, 1);
    return 0;
  }

  /** The first `capacity` members. */
  query(capacity: number): MprogQuery<P, L> {
    const count = this.#members.length;
    const result = capacity > 0 && capacity < count ? -ENOSPC : 0;
    return { result, count, revision: this.revision, members: this.#members.slice(0, capacity) };
  }

  #isStale({ expectedRevision }: Placement<P, L>): boolean {
    return expectedRevision !== 0 && expectedRevision !== this.revision;
  }

  /** Narrows the place down by BEFORE and AFTER; NOWHERE when neither is asked for, or an error. */
  #place(known: number, flags: number, relative: Relative<P, L>): number {
    let place = known;
    for (const [flag, offset] of [
      [BPF_F_BEFORE, -1],
      [BPF_F_AFTER, 1],
    ]) {
      if ((flags & flag) === 0) continue;
      const named = this.#relativePlace(relative, offset);
      if (isError(named)) return named;
      if (place !== NOWHERE && named !== place) return -ERANGE;
      place = named;
    }
    return place;
  }

  #relativePlace(relative: Relative<P, L>, offset: number): number {
    if (relative.program === null) return offset < 0 ? FIRST_PLACE : this.#members.length;
    const at = this.#members.findIndex(
      ({ program, link }) =>
        program === relative.program && (relative.link === null || relative.link === link),
    );
    return at < 0 ? -ENOENT : at + offset;
  }

  #exactPlace(program: P | null, link: L | null): number {
    const at = this.#members.findIndex((member) => member.program === program);
    if (at < 0) return -ENOENT;
    return this.#members[at].link === link ? at : -EBUSY;
  }

  #change(at: number, removed: number, ...added: Member<P, L>[]): void {
    this.#members = this.#members.toSpliced(at, removed, ...added);
    this.revision++;
  }
}

function isError(place: number): boolean {
  return place < FIRST_PLACE && place !== NOWHERE;
}
