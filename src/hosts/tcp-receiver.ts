/** The receiving half of a TCP connection: puts the peer's data into order. */
import * as tcp from '../engine/wire/tcp.js';
import type { TcpSegment } from './tcp-segment.js';

/** Segments ahead of their turn that are kept. */
const AHEAD_LIMIT = 256;

export class TcpReceiver {
  /** The next sequence number that is expected. */
  next = 0;
  /** The peer has sent all it has. */
  ended = false;
  readonly #chunks: Uint8Array[] = [];
  /** By sequence number. */
  readonly #ahead = new Map<number, TcpSegment>();

  /** The data that came in order since the last call. */
  read(): Uint8Array {
    const chunks = this.#chunks.splice(0);
    const data = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      data.set(chunk, at);
      at += chunk.length;
    }
    return data;
  }

  /** Takes a segment with data or FIN. Answers whether something new is there to be read. */
  take(segment: TcpSegment): boolean {
    if (((segment.sequence - this.next) | 0) > 0) {
      if (this.#ahead.size < AHEAD_LIMIT) this.#ahead.set(segment.sequence, segment);
      return false;
    }
    let isNew = this.#append(segment);
    for (let found = this.#nextAhead(); found !== null; found = this.#nextAhead()) {
      if (this.#append(found)) isNew = true;
    }
    return isNew;
  }

  #nextAhead(): TcpSegment | null {
    for (const [sequence, segment] of this.#ahead) {
      if (((sequence - this.next) | 0) > 0) continue;
      this.#ahead.delete(sequence);
      return segment;
    }
    return null;
  }

  #append({ sequence, data, flags }: TcpSegment): boolean {
    if (this.ended) return false;
    const known = (this.next - sequence) | 0;
    const fresh = data.subarray(Math.min(known, data.length));
    if (fresh.length > 0) this.#chunks.push(fresh);
    this.next = (this.next + fresh.length) | 0;
    const isEnd = (flags & tcp.FIN) !== 0 && known <= data.length;
    if (isEnd) {
      this.next = (this.next + 1) | 0;
      this.ended = true;
    }
    return isEnd || fresh.length > 0;
  }
}
