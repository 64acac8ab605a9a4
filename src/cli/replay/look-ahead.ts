/** A source whose first packets can be looked at before they are read: kept in memory, then given out again. */
import { CaptureError } from '../../io/capture-error.js';
import { MemoryCapture, MemorySource } from '../../io/memory.js';
import { PacketBatch } from '../../io/packet-batch.js';
import { type CaptureInterface, END, NOTHING_YET, type PacketSource } from '../../io/packet-source.js';

/** How long a source that has given something may keep us waiting for more. */
const PATIENCE_MS = 2000;

export class LookAhead implements PacketSource {
  readonly #source: PacketSource;
  readonly #kept = new MemoryCapture();
  readonly #replayed = new MemorySource(this.#kept);

  constructor(source: PacketSource) {
    this.#source = source;
  }

  /**
   * Shows packets to `take` until it has seen enough (false), there are no more, or none come for a while. A fault
   * of the capture ends the look, and is met again by `read`.
   */
  async look(take: (batch: PacketBatch, i: number) => boolean): Promise<void> {
    const batch = new PacketBatch();
    try {
      for (;;) {
        const count = this.#source.read(batch);
        if (count === END) return;
        if (count === NOTHING_YET) {
          if (!(await this.#comesMore())) return;
          continue;
        }
        this.#keep(batch);
        for (let i = 0; i < count; i++) if (!take(batch, i)) return;
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
    }
  }

  /** False when the source is silent although it has given something. */
  async #comesMore(): Promise<boolean> {
    const arrival = this.#source.wait().then(() => true);
    if (this.#kept.count === 0) return arrival;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, false);
    });
    const more = await Promise.race([arrival, silence]);
    clearTimeout(timer);
    return more;
  }

  #keep(batch: PacketBatch): void {
    for (let i = 0; i < batch.count; i++) {
      this.#kept.write(
        batch.interfaceIndex[i],
        batch.seconds[i],
        batch.nanoseconds[i],
        batch.bytes,
        batch.offset[i],
        batch.capturedLength[i],
        batch.originalLength[i],
      );
    }
  }

  get name(): string {
    return this.#source.name;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#source.interfaces;
  }

  get position(): number {
    return this.#source.position;
  }

  get size(): number {
    return this.#source.size;
  }

  read(batch: PacketBatch): number {
    const count = this.#replayed.read(batch);
    return count === END ? this.#source.read(batch) : count;
  }

  wait(): Promise<void> {
    return this.#source.wait();
  }

  close(): void {
    this.#source.close();
  }
}
