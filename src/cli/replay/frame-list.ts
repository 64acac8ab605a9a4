/** One line for each frame that was asked for: what it is, and what became of it. */
import { Names } from '../../topologies/names.js';
import type { Replay } from '../../topologies/replay.js';
import type { FrameListener } from './feed.js';
import { WAS_ANSWERED, WAS_DELIVERED, WAS_DROPPED, WAS_TRANSMITTED } from './selection.js';
import { changeText, talkText } from './talk-text.js';
import type { Tally } from './tally.js';

const NUMBER_WIDTH = 6;
const TIME_WIDTH = 12;
const TALK_WIDTH = 48;

export class FrameList implements FrameListener {
  readonly #replay: Replay;
  readonly #tally: Tally;
  readonly #names: Names;
  readonly #write: (text: string) => void;
  #lines = '';
  #first: readonly [number, number] | null = null;

  constructor(replay: Replay, tally: Tally, write: (text: string) => void) {
    this.#replay = replay;
    this.#tally = tally;
    this.#names = new Names(replay.built);
    this.#write = write;
  }

  frame(number: number, seconds: number, nanoseconds: number, outcome: number): void {
    const { lastHasPath, paths } = this.#tally;
    const talk = lastHasPath ? talkText(paths.last.before) : 'a frame that no slot holds';
    const columns = [
      String(number).padStart(NUMBER_WIDTH),
      this.#time(seconds, nanoseconds).padStart(TIME_WIDTH),
      talk.padEnd(TALK_WIDTH),
      this.#outcome(outcome),
    ];
    this.#lines += `${columns.join('  ')}\n`;
  }

  flush(): void {
    if (this.#lines !== '') this.#write(this.#lines);
    this.#lines = '';
  }

  /** Seconds from the first listed frame on. */
  #time(seconds: number, nanoseconds: number): string {
    this.#first ??= [seconds, nanoseconds];
    const [firstSeconds, firstNanoseconds] = this.#first;
    return (seconds - firstSeconds + (nanoseconds - firstNanoseconds) / 1e9).toFixed(6);
  }

  #outcome(outcome: number): string {
    const { device } = this.#replay.built.walker;
    if (outcome === WAS_DROPPED) return `dropped: ${this.#names.reason(this.#replay.reason)}`;
    const { before, after } = this.#tally.paths.last;
    if (outcome === WAS_ANSWERED) return `answered: ${talkText(after)}`;
    const change = changeText(before, after);
    if (outcome === WAS_DELIVERED) return `delivered to ${device.namespace.name}${change}`;
    if (outcome === WAS_TRANSMITTED) return `sent out of ${device.namespace.name}/${device.name}${change}`;
    return `taken by the stack of ${device.namespace.name}${change}`;
  }
}
