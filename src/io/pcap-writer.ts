/** Writes pcap captures, little-endian, with nanoseconds or microseconds (draft-ietf-opsawg-pcap). */
import { put16le, put32le } from '../engine/wire/bytes.js';
import { CaptureError } from './capture-error.js';
import { LINKTYPE_ETHERNET, linkTypeName } from './link-type.js';
import { OutputFile } from './output-file.js';
import type { InterfaceDescription, PacketSink } from './packet-source.js';
import {
  MAGIC_MICROSECONDS,
  MAGIC_NANOSECONDS,
  PCAP_FILE_HEADER_LENGTH,
  PCAP_RECORD_HEADER_LENGTH,
} from './pcap-reader.js';

/** What tcpdump writes for "no limit". */
const NO_SNAP_LENGTH = 262_144;
const LATEST_SECOND = 0xffffffff;

export interface PcapWriterOptions {
  /** Default true; false writes microseconds (rounded down), which also the oldest tools read. */
  readonly nanoseconds?: boolean;
}

/**
 * A pcap file has one link type for all; further interfaces are taken when theirs is the same. Options are not
 * kept. Times that 32 bits of seconds cannot hold (before 1970, after 2106) become the nearest that they can.
 */
export class PcapWriter implements PacketSink {
  readonly #file: OutputFile;
  readonly #magic: number;
  readonly #nanosecondsPerUnit: number;
  #linkType = -1;
  #interfaces = 0;

  /** `path` as for OutputFile. */
  constructor(path: string, options: PcapWriterOptions = {}) {
    this.#file = new OutputFile(path);
    this.#magic = options.nanoseconds === false ? MAGIC_MICROSECONDS : MAGIC_NANOSECONDS;
    this.#nanosecondsPerUnit = options.nanoseconds === false ? 1000 : 1;
  }

  /** Throws CaptureError for a second link type. */
  addInterface(description: InterfaceDescription): number {
    const linkType = description.linkType ?? LINKTYPE_ETHERNET;
    if (this.#linkType < 0) {
      this.#linkType = linkType;
      this.#writeFileHeader(linkType, description.snapLength || NO_SNAP_LENGTH);
    } else if (linkType !== this.#linkType) {
      throw new CaptureError(
        this.#file.name,
        -1,
        `a pcap file cannot hold link types ${linkTypeName(this.#linkType)} and ${linkTypeName(linkType)}`,
        'write pcapng',
      );
    }
    return this.#interfaces++;
  }

  #writeFileHeader(linkType: number, snapLength: number): void {
    const file = this.#file;
    file.makeRoom(PCAP_FILE_HEADER_LENGTH);
    const { bytes, at } = file;
    put32le(bytes, at, this.#magic);
    put16le(bytes, at + 4, 2);
    put16le(bytes, at + 6, 4);
    put32le(bytes, at + 8, 0);
    put32le(bytes, at + 12, 0);
    put32le(bytes, at + 16, snapLength);
    put32le(bytes, at + 20, linkType);
    file.at = at + PCAP_FILE_HEADER_LENGTH;
  }

  write(
    _interfaceId: number,
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
  ): void {
    const file = this.#file;
    file.makeRoom(PCAP_RECORD_HEADER_LENGTH + length);
    const record = file.at;
    put32le(file.bytes, record, Math.min(Math.max(seconds, 0), LATEST_SECOND));
    put32le(file.bytes, record + 4, Math.floor(nanoseconds / this.#nanosecondsPerUnit));
    put32le(file.bytes, record + 8, length);
    put32le(file.bytes, record + 12, originalLength);
    file.at = record + PCAP_RECORD_HEADER_LENGTH;
    file.append(bytes, at, length);
  }

  flush(): void {
    this.#file.flush();
  }

  close(): void {
    if (this.#file.closed) return;
    if (this.#linkType < 0) this.addInterface({});
    this.#file.close();
  }
}
