/** What an interface has dropped of what its own side sent: for a TAP, frames for which its queue had no room. */
import { closeSync, openSync, readSync } from 'node:fs';

const FILE = '/proc/thread-self/net/dev';
/** Behind the name and its colon: eight columns of what was received, then bytes, packets, errors, drops. */
const DROPS_COLUMN = 11;
const LINE_LENGTH = 256;

export class OutputDrops {
  readonly #name: string;
  readonly #fd: number;
  #text = Buffer.alloc(4096);

  /** The calling thread is in the interface's namespace now; later readings may be from anywhere. */
  constructor(name: string) {
    this.#name = name;
    this.#fd = openSync(FILE, 'r');
  }

  /** Since the interface was made; 0 for one that is gone. */
  read(): number {
    let length = readSync(this.#fd, this.#text, 0, this.#text.length, 0);
    while (length > this.#text.length - LINE_LENGTH) {
      this.#text = Buffer.alloc(2 * this.#text.length);
      length = readSync(this.#fd, this.#text, 0, this.#text.length, 0);
    }
    for (const line of this.#text.toString('latin1', 0, length).split('\n')) {
      const colon = line.lastIndexOf(':');
      if (colon < 0 || line.slice(0, colon).trim() !== this.#name) continue;
      const columns = line
        .slice(colon + 1)
        .trim()
        .split(/ +/);
      return Number(columns[DROPS_COLUMN]);
    }
    return 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
