/** What the readers of capture files share: packets are taken from a window that moves over the file. */
import type { ByteWindow } from './byte-window.js';
import type { PacketBatch } from './packet-batch.js';
import { type CaptureInterface, END, NOTHING_YET, type PacketSource } from './packet-source.js';

export abstract class WindowSource implements PacketSource {
  abstract readonly interfaces: readonly CaptureInterface[];
  protected readonly window: ByteWindow;
  #closed = false;

  constructor(window: ByteWindow) {
    this.window = window;
  }

  get name(): string {
    return this.window.input.name;
  }

  get position(): number {
    return this.window.input.position;
  }

  get size(): number {
    return this.window.input.size;
  }

  read(batch: PacketBatch): number {
    batch.count = 0;
    if (this.#closed) return END;
    for (;;) {
      const need = this.scan(batch);
      if (batch.count > 0) return batch.count;
      const state = this.window.fill(need);
      if (state === NOTHING_YET) return NOTHING_YET;
      if (state === END) {
        this.checkEnd();
        return END;
      }
    }
  }

  /**
   * Puts the whole packets of the window into the batch, as many as fit, and moves the window's start behind
   * them. Answers how many bytes from the start on are needed to go on. Throws CaptureError for a fault, but
   * only while the batch is empty; after packets it stops in front of the fault and meets it in the next call.
   */
  protected abstract scan(batch: PacketBatch): number;

  /** Called when no more bytes will come and `scan` wants more: throws unless the capture may end here. */
  protected abstract checkEnd(): void;

  wait(): Promise<void> {
    return this.window.input.wait();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.window.input.close();
  }
}
