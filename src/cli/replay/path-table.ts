/**
 * Counts frames by path: who talked to whom going in, who coming out, and how it ended. Flows, services and fates of
 * the summary are sums over these rows, so that a frame costs one lookup. A key is the tuple going in, then the
 * tuple coming out, with the outcome in the bits of their kind words that tuples leave free.
 */
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { addU64, readU64 } from '../../programs/tables/u64.js';
import {
  KIND_BITS,
  LONG_TUPLE,
  PROTOCOL_MASK,
  readFrameTuple,
  SHORT_TUPLE,
  type Talk,
  talkOf,
} from './frame-tuple.js';
import { PathRows } from './path-rows.js';

/** In the kind word going in: drop reason (9 bits), fate (2 bits), answered; in that coming out: device row. */
const REASON_SHIFT = KIND_BITS;
const REASON_MASK = 0x1ff;
const FATE_SHIFT = REASON_SHIFT + 9;
const FATE_MASK = 3;
const ANSWERED_BIT = 1 << (FATE_SHIFT + 2);
const DEVICE_SHIFT = KIND_BITS;
const KIND_MASK = (1 << KIND_BITS) - 1;

/** Rows that are kept; frames of paths beyond are counted together. */
const SHORT_ROWS = 1 << 19;
const LONG_ROWS = 1 << 17;

/** Counters of a row. */
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

export class PathTable {
  /** Frames whose path found no room. */
  untracked = 0;
  readonly #short = new PathRows(SHORT_TUPLE, SHORT_ROWS);
  readonly #long = new PathRows(LONG_TUPLE, LONG_ROWS);
  /** The frame at hand: its tuple going in (of `#length` words), coming out, and both as a key. */
  readonly #before = new Int32Array(LONG_TUPLE);
  readonly #after = new Int32Array(LONG_TUPLE);
  readonly #key = new Int32Array(2 * LONG_TUPLE);
  #length = SHORT_TUPLE;
  #afterLength = SHORT_TUPLE;

  /** Takes down who talks in the frame `bytes[start .. end)` that is about to be walked. */
  enter(bytes: Uint8Array, start: number, end: number): void {
    this.#length = readFrameTuple(bytes, start, end, this.#before, 0);
  }

  /**
   * Counts the frame that entered last by what became of it. `home`: it ended where it came from; it was then
   * answered if it is another kind of packet than before. Tells whether it was answered.
   */
  leave(
    bytes: Uint8Array,
    start: number,
    end: number,
    fate: number,
    reason: number,
    device: number,
    home: boolean,
  ): boolean {
    const key = this.#key;
    const length = this.#length;
    const after = readFrameTuple(bytes, start, end, this.#after, 0);
    this.#afterLength = after;
    const isLong = length + after !== 2 * SHORT_TUPLE;
    const half = isLong ? LONG_TUPLE : SHORT_TUPLE;
    if (isLong) {
      spread(this.#before, length, key, 0);
      spread(this.#after, after, key, LONG_TUPLE);
    } else {
      for (let i = 0; i < SHORT_TUPLE; i++) {
        key[i] = this.#before[i];
        key[SHORT_TUPLE + i] = this.#after[i];
      }
    }
    const answered = home && isOtherKind(key, half);
    key[half - 1] |= (reason << REASON_SHIFT) | (fate << FATE_SHIFT) | (answered ? ANSWERED_BIT : 0);
    key[2 * half - 1] |= device << DEVICE_SHIFT;
    const rows = isLong ? this.#long : this.#short;
    const at = rows.find(key);
    if (at < 0) this.untracked++;
    else {
      addU64(rows.words, at + 2 * half + FRAMES, 1);
      addU64(rows.words, at + 2 * half + BYTES, end - start);
    }
    return answered;
  }

  /** Who talked in the frame that was counted last, going in and coming out. */
  get last(): { readonly before: Talk; readonly after: Talk } {
    return {
      before: talkOf(this.#before, 0, this.#length),
      after: talkOf(this.#after, 0, this.#afterLength),
    };
  }

  /** All rows: those of IPv4 first, each in the order in which they were first seen. */
  *paths(): Generator<Path> {
    yield* pathsOf(this.#short);
    yield* pathsOf(this.#long);
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

function* pathsOf({ words, count, half, rowWords }: PathRows): Generator<Path> {
  for (let row = 0; row < count; row++) {
    const at = row * rowWords;
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
      frames: readU64(words, at + 2 * half + FRAMES),
      bytes: readU64(words, at + 2 * half + BYTES),
    };
  }
}

function talkAt(words: Int32Array, at: number, length: number): Talk {
  if (length === SHORT_TUPLE || (words[at + length - 1] & NARROW_BIT) === 0) return talkOf(words, at, length);
  const narrow = Int32Array.of(words[at], words[at + 4], words[at + length - 2], words[at + length - 1]);
  return talkOf(narrow, 0, SHORT_TUPLE);
}
