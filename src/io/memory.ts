/** Packets in memory: a sink that keeps what it is given, and a source that gives it out again. */
import { copyFrame } from './copy-frame.js';
import { LINKTYPE_ETHERNET } from './link-type.js';
import { PacketBatch } from './packet-batch.js';
import { packetOptionsBound, writePacketOptions } from './packet-options.js';
import {
  type CaptureInterface,
  END,
  type InterfaceDescription,
  type PacketOptions,
  type PacketSink,
  type PacketSource,
} from './packet-source.js';

const FIRST_BYTES = 1 << 16;
const FIRST_PACKETS = 1024;

/** Grows by doubling; the packets it holds are the rows `0 .. count` of `packets`. */
export class MemoryCapture implements PacketSink {
  readonly interfaces: CaptureInterface[] = [];
  /** All packets as one batch; replaced by a larger one when it is full. */
  packets = new PacketBatch(FIRST_PACKETS);
  #end = 0;

  constructor() {
    this.packets.bytes = new Uint8Array(FIRST_BYTES);
    this.packets.hasOptions = true;
  }

  get count(): number {
    return this.packets.count;
  }

  addInterface(description: InterfaceDescription): number {
    return (
      this.interfaces.push({
        linkType: description.linkType ?? LINKTYPE_ETHERNET,
        snapLength: description.snapLength ?? 0,
        unitsPerSecond: 1e9,
        timestampOffsetSeconds: 0,
        frameCheckLength: 0,
        name: description.name ?? '',
        description: description.description ?? '',
        operatingSystem: description.operatingSystem ?? '',
      }) - 1
    );
  }

  write(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
    options?: PacketOptions,
  ): void {
    if (this.packets.count === this.packets.capacity) this.#growColumns();
    const optionsBound = options === undefined ? 0 : packetOptionsBound(options);
    this.#growBytes(this.#end + length + optionsBound);
    const { packets } = this;
    const row = packets.count++;
    const frame = this.#end;
    copyFrame(packets.bytes, frame, bytes, at, length);
    packets.offset[row] = frame;
    packets.capturedLength[row] = length;
    packets.originalLength[row] = originalLength;
    packets.seconds[row] = seconds;
    packets.nanoseconds[row] = nanoseconds;
    packets.interfaceIndex[row] = interfaceId;
    this.#end = frame + length;
    packets.optionsStart[row] = this.#end;
    if (options !== undefined) this.#end = writePacketOptions(packets.bytes, this.#end, options);
    packets.optionsEnd[row] = this.#end;
  }

  #growColumns(): void {
    const { packets } = this;
    const larger = new PacketBatch(2 * packets.capacity);
    copyRows(larger, packets, 0, packets.count);
    this.packets = larger;
  }

  #growBytes(length: number): void {
    if (length <= this.packets.bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.packets.bytes.length));
    larger.set(this.packets.bytes.subarray(0, this.#end));
    this.packets.bytes = larger;
  }

  /** Forgets the packets; the interfaces stay. */
  clear(): void {
    this.packets.count = 0;
    this.#end = 0;
  }

  flush(): void {}

  close(): void {}
}

/** Gives out what a capture in memory holds, also what is added meanwhile, without copying frames. */
export class MemorySource implements PacketSource {
  readonly name = 'memory';
  readonly size = -1;
  readonly #capture: MemoryCapture;
  #row = 0;
  #closed = false;

  constructor(capture: MemoryCapture) {
    this.#capture = capture;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#capture.interfaces;
  }

  get position(): number {
    return -1;
  }

  read(batch: PacketBatch): number {
    const { packets } = this.#capture;
    const end = Math.min(packets.count, this.#row + batch.capacity);
    batch.count = 0;
    if (this.#closed || this.#row >= end) return END;
    copyRows(batch, packets, this.#row, end);
    this.#row = end;
    return batch.count;
  }

  async wait(): Promise<void> {}

  close(): void {
    this.#closed = true;
  }
}

/** Makes `to` hold the packets of rows `start .. end` of `from`, in the same memory. */
function copyRows(to: PacketBatch, from: PacketBatch, start: number, end: number): void {
  to.bytes = from.bytes;
  to.count = end - start;
  to.hasOptions = from.hasOptions;
  to.optionsLittleEndian = from.optionsLittleEndian;
  to.offset.set(from.offset.subarray(start, end));
  to.capturedLength.set(from.capturedLength.subarray(start, end));
  to.originalLength.set(from.originalLength.subarray(start, end));
  to.seconds.set(from.seconds.subarray(start, end));
  to.nanoseconds.set(from.nanoseconds.subarray(start, end));
  to.interfaceIndex.set(from.interfaceIndex.subarray(start, end));
  to.optionsStart.set(from.optionsStart.subarray(start, end));
  to.optionsEnd.set(from.optionsEnd.subarray(start, end));
}
