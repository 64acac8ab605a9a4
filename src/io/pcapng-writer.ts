/** Writes pcapng captures, little-endian, one section, nanoseconds (draft-ietf-opsawg-pcapng). */
import { put16le, put32le } from '../engine/wire/bytes.js';
import { LINKTYPE_ETHERNET } from './link-type.js';
import { OutputFile } from './output-file.js';
import {
  OPTION_COMMENT,
  OPTION_END,
  OPTION_HEADER_LENGTH,
  packetOptionsBound,
  paddedLength,
  put64le,
  writeOptionHeader,
  writePacketOptions,
  writeText,
} from './packet-options.js';
import type { InterfaceDescription, PacketOptions, PacketSink } from './packet-source.js';
import * as block from './pcapng-blocks.js';
import { TimestampEncoder } from './timestamp.js';

const NANOSECONDS = 9;

/** Text of the file's header; what is not given is left out. */
export interface PcapngWriterOptions {
  readonly hardware?: string;
  readonly operatingSystem?: string;
  readonly application?: string;
  readonly comment?: string;
}

/** What an interface statistics block says at the end. */
interface InterfaceCounts {
  packets: number;
  firstHigh: number;
  firstLow: number;
  lastHigh: number;
  lastLow: number;
}

export class PcapngWriter implements PacketSink {
  readonly #file: OutputFile;
  readonly #interfaces: InterfaceCounts[] = [];
  readonly #clock = new TimestampEncoder();

  /** `path` as for OutputFile. */
  constructor(path: string, options: PcapngWriterOptions = {}) {
    this.#file = new OutputFile(path);
    const { hardware = '', operatingSystem = '', application = '', comment = '' } = options;
    const texts: [number, string][] = [
      [OPTION_COMMENT, comment],
      [block.SECTION_HARDWARE, hardware],
      [block.SECTION_OPERATING_SYSTEM, operatingSystem],
      [block.SECTION_APPLICATION, application],
    ];
    const { bytes, at } = this.#start(block.SECTION_FIXED_LENGTH + textsBound(texts));
    put32le(bytes, at + 8, block.BYTE_ORDER_MAGIC);
    put16le(bytes, at + 12, 1);
    put16le(bytes, at + 14, 0);
    // Section length -1: not known, read on until the next section header.
    put64le(bytes, at + 16, -1);
    this.#finish(
      block.SECTION_HEADER_BLOCK,
      endOptions(bytes, writeTexts(bytes, at + block.SECTION_FIXED_LENGTH, texts)),
    );
  }

  /** Length of the file so far, also of what is still in memory. */
  get bytesWritten(): number {
    return this.#file.length;
  }

  /** Interfaces can be added at any time before their first packet. */
  addInterface(description: InterfaceDescription): number {
    const texts: [number, string][] = [
      [block.INTERFACE_NAME, description.name ?? ''],
      [block.INTERFACE_DESCRIPTION, description.description ?? ''],
      [block.INTERFACE_OPERATING_SYSTEM, description.operatingSystem ?? ''],
    ];
    const { bytes, at } = this.#start(block.INTERFACE_FIXED_LENGTH + textsBound(texts) + 8);
    put16le(bytes, at + 8, description.linkType ?? LINKTYPE_ETHERNET);
    put16le(bytes, at + 10, 0);
    put32le(bytes, at + 12, description.snapLength ?? 0);
    const resolutionAt = writeTexts(bytes, at + block.INTERFACE_FIXED_LENGTH, texts);
    bytes[resolutionAt + OPTION_HEADER_LENGTH] = NANOSECONDS;
    const end = writeOptionHeader(bytes, resolutionAt, block.INTERFACE_RESOLUTION, 1);
    this.#finish(block.INTERFACE_DESCRIPTION_BLOCK, endOptions(bytes, end));
    return this.#interfaces.push({ packets: 0, firstHigh: 0, firstLow: 0, lastHigh: 0, lastLow: 0 }) - 1;
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
    const file = this.#file;
    const clock = this.#clock;
    clock.encode(seconds, nanoseconds);
    this.#count(this.#interfaces[interfaceId], clock);
    const optionsBound = options === undefined ? 0 : packetOptionsBound(options);
    file.makeRoom(
      block.PACKET_FIXED_LENGTH + paddedLength(length) + optionsBound + block.BLOCK_TRAILER_LENGTH,
    );
    const out = file.bytes;
    const start = file.at;
    put32le(out, start + 8, interfaceId);
    put32le(out, start + 12, clock.high);
    put32le(out, start + 16, clock.low);
    put32le(out, start + 20, length);
    put32le(out, start + 24, originalLength);
    file.at = start + block.PACKET_FIXED_LENGTH;
    file.append(bytes, at, length);
    let end = file.at;
    while ((end - start) % 4 !== 0) out[end++] = 0;
    file.at = start;
    if (options !== undefined) end = writePacketOptions(out, end, options);
    this.#finish(block.ENHANCED_PACKET_BLOCK, end);
  }

  #count(counts: InterfaceCounts, { high, low }: TimestampEncoder): void {
    if (counts.packets === 0) {
      counts.firstHigh = high;
      counts.firstLow = low;
    }
    counts.packets++;
    counts.lastHigh = high;
    counts.lastLow = low;
  }

  /** Room for a block of at most `length` bytes and its trailer. */
  #start(length: number): OutputFile {
    this.#file.makeRoom(length + block.BLOCK_TRAILER_LENGTH);
    return this.#file;
  }

  /** Completes the block between the file's `at` and `end` by its type, both its lengths, and moves `at`. */
  #finish(type: number, end: number): void {
    const { bytes, at } = this.#file;
    const total = end + block.BLOCK_TRAILER_LENGTH - at;
    put32le(bytes, at, type);
    put32le(bytes, at + 4, total);
    put32le(bytes, end, total);
    this.#file.at = at + total;
  }

  #writeStatistics(interfaceId: number, counts: InterfaceCounts): void {
    const { bytes, at } = this.#start(block.STATISTICS_FIXED_LENGTH + 64);
    put32le(bytes, at + 8, interfaceId);
    put32le(bytes, at + 12, counts.lastHigh);
    put32le(bytes, at + 16, counts.lastLow);
    let end = at + block.STATISTICS_FIXED_LENGTH;
    end = writeTimeOption(bytes, end, block.STATISTICS_START_TIME, counts.firstHigh, counts.firstLow);
    end = writeTimeOption(bytes, end, block.STATISTICS_END_TIME, counts.lastHigh, counts.lastLow);
    put64le(bytes, end + OPTION_HEADER_LENGTH, counts.packets);
    end = writeOptionHeader(bytes, end, block.STATISTICS_RECEIVED, 8);
    this.#finish(block.INTERFACE_STATISTICS_BLOCK, endOptions(bytes, end));
  }

  flush(): void {
    this.#file.flush();
  }

  /** Adds the statistics of each interface that had packets, and closes. */
  close(): void {
    if (this.#file.closed) return;
    try {
      this.#interfaces.forEach((counts, id) => {
        if (counts.packets > 0) this.#writeStatistics(id, counts);
      });
    } finally {
      this.#file.close();
    }
  }
}

function textsBound(texts: readonly (readonly [code: number, text: string])[]): number {
  let bound = OPTION_HEADER_LENGTH;
  for (const [, text] of texts) bound += OPTION_HEADER_LENGTH + paddedLength(3 * text.length);
  return bound;
}

/** Writes the texts that are not empty as options; answers the byte offset after them. */
function writeTexts(
  bytes: Uint8Array,
  at: number,
  texts: readonly (readonly [code: number, text: string])[],
): number {
  let end = at;
  for (const [code, text] of texts) {
    if (text === '') continue;
    end = writeOptionHeader(bytes, end, code, writeText(bytes, end + OPTION_HEADER_LENGTH, text));
  }
  return end;
}

function endOptions(bytes: Uint8Array, at: number): number {
  return writeOptionHeader(bytes, at, OPTION_END, 0);
}

function writeTimeOption(bytes: Uint8Array, at: number, code: number, high: number, low: number): number {
  put32le(bytes, at + OPTION_HEADER_LENGTH, high);
  put32le(bytes, at + OPTION_HEADER_LENGTH + 4, low);
  return writeOptionHeader(bytes, at, code, 8);
}
