import type { FrameArena } from '../../engine/frame-arena.js';
import type { Libc } from './libc.js';

/** Where the memory of an arena is, asked once per arena, which is kept as long as its address is. */
export class ArenaAddress {
  readonly #libc: Libc;
  #arena: FrameArena | null = null;
  #address = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  of(arena: FrameArena): number {
    if (arena !== this.#arena) {
      this.#arena = arena;
      this.#address = this.#libc.addressOf(arena.bytes);
    }
    return this.#address;
  }

  /** Lets go of the arena. */
  release(): void {
    this.#arena = null;
  }
}
