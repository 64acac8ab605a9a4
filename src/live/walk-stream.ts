/**
 * Events and recorded frames on their way from a datapath thread to the thread that prints and writes them: records one
 * behind the other, little-endian, of 8 bytes' alignment each. A record is its length, its kind and the time of its walk
 * (float64, nanoseconds of the run's clock), then:
 *
 *   EVENT      row of the node, records lost before it (the last with none behind it has length 0), then the record
 *   INTERFACE  the number that records call it, its link type, then its name
 *   FRAME      interface, captured length, original length, flags, verdict's kind (-1: none), verdict, length of the
 *              comment, packet id (float64), then comment and frame
 */
import { copyFrame } from '../io/copy-frame.js';
import type { InterfaceDescription, PacketOptions, PacketSink } from '../io/packet-source.js';

export const EVENT = 1;
export const INTERFACE = 2;
export const FRAME = 3;

const HEADER = 16;
const EVENT_HEADER = HEADER + 16;
const INTERFACE_HEADER = HEADER + 16;
const FRAME_HEADER = HEADER + 40;
const INITIAL_BYTES = 1 << 16;
const NO_VERDICT = -1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes records; as a sink, those of frames. */
export class WalkStreamWriter implements PacketSink {
  /** Time of the walk at hand. */
  timeNs = 0;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #interfaces = 0;

  /** Bytes that `take` would answer. */
  get length(): number {
    return this.#at;
  }

  /** All records since the last call, in memory of their own. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** An event of a node, `length` bytes at `from[at]`; `lost` were lost before it. */
  event(node: number, lost: number, from: Uint8Array, at: number, length: number): void {
    const start = this.#start(EVENT, EVENT_HEADER + length);
    const view = this.#view;
    view.setUint32(start + HEADER, node, true);
    view.setUint32(start + HEADER + 4, lost, true);
    view.setUint32(start + HEADER + 8, length, true);
    copyFrame(this.#bytes, start + EVENT_HEADER, from, at, length);
  }

  addInterface({ name = '', linkType = 1 }: InterfaceDescription): number {
    const text = encoder.encode(name);
    const start = this.#start(INTERFACE, INTERFACE_HEADER + text.length);
    const view = this.#view;
    view.setUint32(start + HEADER, this.#interfaces, true);
    view.setUint32(start + HEADER + 4, linkType, true);
    view.setUint32(start + HEADER + 8, text.length, true);
    this.#bytes.set(text, start + INTERFACE_HEADER);
    return this.#interfaces++;
  }

  write(
    interfaceId: number,
    _seconds: number,
    _nanoseconds: number,
    from: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
    { comment = '', flags = 0, verdictKind = NO_VERDICT, verdict = 0, packetId = 0 }: PacketOptions = {},
  ): void {
    const text = encoder.encode(comment);
    const start = this.#start(FRAME, FRAME_HEADER + text.length + length);
    const view = this.#view;
    const words = [interfaceId, length, originalLength, flags, verdictKind, Number(verdict), text.length];
    for (let i = 0; i < words.length; i++) view.setInt32(start + HEADER + 4 * i, words[i], true);
    view.setFloat64(start + HEADER + 32, Number(packetId), true);
    this.#bytes.set(text, start + FRAME_HEADER);
    copyFrame(this.#bytes, start + FRAME_HEADER + text.length, from, at, length);
  }

  flush(): void {}
  close(): void {}

  #start(kind: number, length: number): number {
    const start = this.#at;
    const size = (length + 7) & ~7;
    if (start + size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, start + size));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#at = start + size;
    this.#view.setUint32(start, size, true);
    this.#view.setUint32(start + 4, kind, true);
    this.#view.setFloat64(start + 8, this.timeNs, true);
    return start;
  }
}

/** Where records go that are read. */
export interface WalkStreamTarget {
  event(node: number, lost: number, bytes: Uint8Array, at: number, length: number): void;
  addInterface(number: number, description: InterfaceDescription): void;
  frame(
    interfaceNumber: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
    options: PacketOptions,
  ): void;
}

/** Reads what a writer's `take` has answered. */
export class WalkStreamReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Time of the next record's walk; Infinity behind the last. */
  get timeNs(): number {
    return this.#at < this.#bytes.length
      ? this.#view.getFloat64(this.#at + 8, true)
      : Number.POSITIVE_INFINITY;
  }

  /** Gives the next record to `target`. */
  read(target: WalkStreamTarget): void {
    const start = this.#at;
    this.#at += this.#view.getUint32(start, true);
    switch (this.#view.getUint32(start + 4, true)) {
      case EVENT: {
        const [node, lost, length] = this.#words(start, 3);
        target.event(node, lost, this.#bytes, start + EVENT_HEADER, length);
        break;
      }
      case INTERFACE: {
        const [number, linkType, length] = this.#words(start, 3);
        target.addInterface(number, { linkType, name: this.#text(start + INTERFACE_HEADER, length) });
        break;
      }
      default:
        this.#frame(start, target);
    }
  }

  #frame(start: number, target: WalkStreamTarget): void {
    const [number, length, originalLength, flags, verdictKind, verdict, textLength] = this.#words(start, 7);
    const comment = this.#text(start + FRAME_HEADER, textLength);
    const packetId = this.#view.getFloat64(start + HEADER + 32, true);
    const options: PacketOptions = {
      flags,
      packetId,
      ...(comment === '' ? {} : { comment }),
      ...(verdictKind === NO_VERDICT ? {} : { verdictKind, verdict }),
    };
    const at = start + FRAME_HEADER + textLength;
    target.frame(number, this.#bytes, at, length, originalLength, options);
  }

  #words(start: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.#view.getInt32(start + HEADER + 4 * i, true));
  }

  #text(at: number, length: number): string {
    return decoder.decode(this.#bytes.subarray(at, at + length));
  }
}
