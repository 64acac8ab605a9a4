/**
 * pcap-parser of npm behind the same interface: a second reader to check and measure ours with. It knows
 * microsecond pcap only, makes objects per packet, and takes a cut file for a whole one.
 */
import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { CaptureError } from '../../src/io/capture-error.js';
import { openError } from '../../src/io/file-input.js';
import { MemoryCapture, MemorySource } from '../../src/io/memory.js';
import type { PacketBatch } from '../../src/io/packet-batch.js';
import { type CaptureInterface, END, NOTHING_YET, type PacketSource } from '../../src/io/packet-source.js';

/** The part of pcap-parser (which has no types of its own) that is used. */
interface PcapParser extends EventEmitter {
  readonly stream: Readable;
}

interface PcapParserModule {
  readonly default: { parse(path: string): PcapParser };
}

interface GlobalHeader {
  readonly snapshotLength: number;
  readonly linkLayerType: number;
}

interface ParsedPacket {
  readonly header: {
    readonly timestampSeconds: number;
    readonly timestampMicroseconds: number;
    readonly capturedLength: number;
    readonly originalLength: number;
  };
  readonly data: Uint8Array;
}

/** Packets are kept until read; the file's stream is stopped while more than this many wait. */
const WAITING_PACKETS = 4096;

/** Opens a pcap file. Throws CaptureError when pcap-parser is not installed; what is wrong with the file, `read` throws. */
export async function openWithPcapParser(path: string): Promise<PacketSource> {
  let module: PcapParserModule;
  const name: string = 'pcap-parser';
  try {
    module = await import(name);
  } catch (error) {
    throw new CaptureError(
      path,
      -1,
      'the npm package pcap-parser is not installed',
      'npm install pcap-parser',
      error,
    );
  }
  const source = new PcapParserSource(path, module.default.parse(path));
  await source.wait();
  return source;
}

class PcapParserSource implements PacketSource {
  readonly name: string;
  readonly size = -1;
  readonly position = -1;
  readonly #parser: PcapParser;
  /** Packets that the parser gives go to one capture while those of the other are with the reader. */
  #arriving = new MemoryCapture();
  #given = new MemoryCapture();
  #giving: MemorySource | null = null;
  #error: Error | null = null;
  #ended = false;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(path: string, parser: PcapParser) {
    this.name = path;
    this.#parser = parser;
    parser.on('globalHeader', (header: GlobalHeader) => {
      for (const capture of [this.#arriving, this.#given]) {
        capture.addInterface({ linkType: header.linkLayerType, snapLength: header.snapshotLength });
      }
    });
    parser.on('packet', (packet: ParsedPacket) => this.#arrive(packet));
    parser.on('error', (error: Error) => {
      this.#error = error;
      this.#wake?.();
    });
    parser.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#arriving.interfaces;
  }

  #arrive({ header, data }: ParsedPacket): void {
    const carry = Math.floor(header.timestampMicroseconds / 1e6);
    this.#arriving.write(
      0,
      header.timestampSeconds + carry,
      (header.timestampMicroseconds - carry * 1e6) * 1000,
      data,
      0,
      header.capturedLength,
      header.originalLength,
    );
    if (this.#arriving.count >= WAITING_PACKETS) this.#parser.stream.pause();
    this.#wake?.();
  }

  read(batch: PacketBatch): number {
    batch.count = 0;
    if (this.#closed) return END;
    const given = this.#giving?.read(batch) ?? END;
    if (given !== END) return given;
    if (this.#arriving.count > 0) {
      [this.#arriving, this.#given] = [this.#given, this.#arriving];
      this.#arriving.clear();
      this.#giving = new MemorySource(this.#given);
      this.#parser.stream.resume();
      return this.#giving.read(batch);
    }
    if (this.#error !== null) throw this.#fault(this.#error);
    return this.#ended ? END : NOTHING_YET;
  }

  #fault(error: Error): CaptureError {
    if ('syscall' in error) return openError(this.name, error);
    return new CaptureError(this.name, 0, error.message, 'pcap-parser reads microsecond pcap only', error);
  }

  async wait(): Promise<void> {
    while (this.#arriving.count === 0 && this.#error === null && !this.#ended && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = null;
  }

  close(): void {
    this.#closed = true;
    this.#parser.stream.destroy();
    this.#wake?.();
  }
}
