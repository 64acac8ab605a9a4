/** A line on the terminal that says how far a long run is: standard error, a few times a second, gone at the end. */
import type { PacketSource } from '../../io/packet-source.js';
import { onLogLine, put } from '../log.js';
import { bytesText, countText, rateText } from '../numbers.js';

const FIRST_AFTER_MS = 500;
const INTERVAL_MS = 200;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\x1b[K';

export class Progress {
  readonly #source: PacketSource;
  readonly #started = performance.now();
  readonly #isShown: boolean;
  #next = this.#started + FIRST_AFTER_MS;
  #isOnScreen = false;

  constructor(source: PacketSource, isShown = process.stderr.isTTY === true) {
    this.#source = source;
    this.#isShown = isShown;
    if (isShown) onLogLine(() => this.clear());
  }

  /** To be called now and then with the number of frames so far. */
  update(frames: number): void {
    if (!this.#isShown) return;
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL_MS;
    this.#isOnScreen = true;
    put(CLEAR_LINE + this.text(frames, (now - this.#started) / 1000));
  }

  text(frames: number, seconds: number): string {
    const { position, size } = this.#source;
    const done = `${countText(frames)} frames, ${rateText(frames / seconds)}/s`;
    if (size <= 0) return position > 0 ? `${done}, ${bytesText(position)}` : done;
    const part = Math.min(1, position / size);
    const filled = Math.round(part * BAR_WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
    return `${bar} ${Math.floor(part * 100)} %  ${done}, ${bytesText(position)} of ${bytesText(size)}`;
  }

  clear(): void {
    if (!this.#isOnScreen) return;
    this.#isOnScreen = false;
    put(CLEAR_LINE);
  }
}
