/**
 * Counts frames by path: who talked to whom going in, who coming out, and how it ended. Flows, services and fates of
 * the summary are sums over these rows, so that a frame costs one lookup. A key is the tuple going in, then the
 * tuple coming out, with the outcome in the bits of their kind words that tuples leave free.
 */
import { HashMap } from '../../engine/maps/hash-map.js';
import { BPF_ANY } from '../../engine/maps/map.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { addU64, readU64 } from '../../programs/tables/u64.js';
import {
  KIND_BITS,
  LONG_TUPLE,
  PROTOCOL_MASK,
  SHORT_TUPLE,
  type Talk,
  type TupleReader,
  talkOf,
} from './frame-tuple.js';
import type { WalkLog } from './walk-log.js';

/** In the kind word going in: drop reason (9 bits), fate (2 bits), answered; in that coming out: device row. */
const REASON_SHIFT = KIND_BITS;
const REASON_MASK = 0x1ff;
const FATE_SHIFT = REASON_SHIFT + 9;
const FATE_MASK = 3;
const ANSWERED_BIT = 1 << (FATE_SHIFT + 2);
const DEVICE_SHIFT = KIND_BITS;
const KIND_MASK = (1 << KIND_BITS) - 1;

/** Rows that are kept of either family; frames of paths beyond are counted together. */
export const DEFAULT_ROWS = 1 << 18;

/** Words of the value: frames and bytes, 64 bits each. */
const FRAMES = 0;
const BYTES = 2;

export interface Path {
  readonly before: Talk;
  readonly after: Talk;
  /** Equal for all paths of one flow. */
  readonly flow: string;
  readonly fate: number;
  readonly reason: number;
  readonly answered: boolean;
  /** Row of the device where the walks ended. */
  readonly device: number;
  readonly frames: number;
  readonly bytes: number;
}

function table(name: string, tupleWords: number, maxEntries: number): HashMap {
  return new HashMap({ name, type: 'hash', keySize: 2 * tupleWords * 4, valueSize: 16, maxEntries });
}

export class PathTable {
  /** Frames whose path found no room. */
  untracked = 0;
  readonly #short: HashMap;
  readonly #long: HashMap;
  readonly #tuples: TupleReader;
  readonly #key = new Int32Array(2 * LONG_TUPLE);
  /** The tuples of the frame that was counted last, going in and coming out. */
  readonly #before = new Int32Array(LONG_TUPLE);
  readonly #after = new Int32Array(LONG_TUPLE);
  #beforeLength = SHORT_TUPLE;
  #afterLength = SHORT_TUPLE;

  constructor(tuples: TupleReader, rows = DEFAULT_ROWS) {
    this.#short = table('paths', SHORT_TUPLE, rows);
    this.#long = table('long paths', LONG_TUPLE, rows);
    this.#tuples = tuples;
  }

  /**
   * Counts the frame of a row of the log, which came out as what is in the arena from `start` to `end`. Tells whether
   * it was answered: it ended where it came from, as another kind of packet than before.
   */
  count(log: WalkLog, row: number, start: number, end: number): boolean {
    const key = this.#key;
    const before = this.#before;
    const length = log.beforeLength[row];
    const after = this.#tuples.read(start, end, this.#after, 0);
    for (let i = 0; i < length; i++) before[i] = log.before[row * LONG_TUPLE + i];
    this.#beforeLength = length;
    this.#afterLength = after;
    const isLong = length + after !== 2 * SHORT_TUPLE;
    const half = isLong ? LONG_TUPLE : SHORT_TUPLE;
    if (isLong) {
      spread(before, length, key, 0);
      spread(this.#after, after, key, LONG_TUPLE);
    } else {
      for (let i = 0; i < SHORT_TUPLE; i++) {
        key[i] = before[i];
        key[SHORT_TUPLE + i] = this.#after[i];
      }
    }
    const answered = log.home[row] !== 0 && isOtherKind(key, half);
    key[half - 1] |=
      (log.reason[row] << REASON_SHIFT) | (log.fate[row] << FATE_SHIFT) | (answered ? ANSWERED_BIT : 0);
    key[2 * half - 1] |= log.device[row] << DEVICE_SHIFT;
    const map = isLong ? this.#long : this.#short;
    let at = map.lookup(key, 0);
    if (at < 0) at = map.insert(key, 0, BPF_ANY);
    if (at < 0) this.untracked++;
    else {
      addU64(map.words, (at >> 2) + FRAMES, 1);
      addU64(map.words, (at >> 2) + BYTES, end - start);
    }
    return answered;
  }

  /** Who talked in the frame that was counted last, going in and coming out. */
  get last(): { readonly before: Talk; readonly after: Talk } {
    return {
      before: talkOf(this.#before, 0, this.#beforeLength),
      after: talkOf(this.#after, 0, this.#afterLength),
    };
  }

  /** All rows: those of IPv4 first, each in the order in which they were first seen. */
  *paths(): Generator<Path> {
    yield* rowsOf(this.#short, SHORT_TUPLE);
    yield* rowsOf(this.#long, LONG_TUPLE);
  }
}

/** Marks a tuple of IPv4 in the long form, in the topmost bit of its kind word. */
const NARROW_BIT = 1 << 31;

/** Writes a tuple of either length in the long form. */
function spread(from: Int32Array, length: number, to: Int32Array, at: number): void {
  const addressWords = (length - 2) >> 1;
  for (let i = 0; i < 4; i++) {
    to[at + i] = i < addressWords ? from[i] : 0;
    to[at + 4 + i] = i < addressWords ? from[addressWords + i] : 0;
  }
  to[at + LONG_TUPLE - 2] = from[length - 2];
  to[at + LONG_TUPLE - 1] = from[length - 1] | (length === SHORT_TUPLE ? NARROW_BIT : 0);
}

/** The packet that came out has another protocol, or ICMP type or ARP operation, than the one that went in. */
function isOtherKind(key: Int32Array, half: number): boolean {
  if (((key[half - 1] ^ key[2 * half - 1]) & KIND_MASK) !== 0) return true;
  const protocol = key[half - 1] & PROTOCOL_MASK;
  if (protocol !== ipv4.PROTOCOL_ICMP && protocol !== ipv6.NEXT_ICMPV6) return false;
  return ((key[half - 2] ^ key[2 * half - 2]) & 0xff) !== 0;
}

function* rowsOf(map: HashMap, half: number): Generator<Path> {
  const { words } = map;
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    const at = map.keyAt(cursor) >> 2;
    const value = map.valueAt(cursor) >> 2;
    const going = words[at + half - 1];
    const coming = words[at + 2 * half - 1];
    yield {
      before: talkAt(words, at, half),
      after: talkAt(words, at + half, half),
      flow: `${words.slice(at, at + half - 1).join()},${going & (KIND_MASK | NARROW_BIT)}`,
      fate: (going >> FATE_SHIFT) & FATE_MASK,
      reason: (going >> REASON_SHIFT) & REASON_MASK,
      answered: (going & ANSWERED_BIT) !== 0,
      device: (coming & ~NARROW_BIT) >>> DEVICE_SHIFT,
      frames: readU64(words, value + FRAMES),
      bytes: readU64(words, value + BYTES),
    };
  }
}

function talkAt(words: Int32Array, at: number, length: number): Talk {
  if (length === SHORT_TUPLE || (words[at + length - 1] & NARROW_BIT) === 0) return talkOf(words, at, length);
  const narrow = Int32Array.of(words[at], words[at + 4], words[at + length - 2], words[at + length - 1]);
  return talkOf(narrow, 0, SHORT_TUPLE);
}
