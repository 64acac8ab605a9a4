/**
 * Reading captures from the page cache, into batches: the first and the last byte of each packet are looked at.
 * And writing them, to the bit bucket. compare-readers.ts sets other readers beside ours.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ByteWindow } from '../src/io/byte-window.js';
import { DEFAULT_CHUNK_SIZE } from '../src/io/capture-file.js';
import { FileInput } from '../src/io/file-input.js';
import { GeneratorSource } from '../src/io/generator.js';
import { PacketBatch } from '../src/io/packet-batch.js';
import type { PacketSink, PacketSource } from '../src/io/packet-source.js';
import { PCAP_FILE_HEADER_LENGTH, PcapReader } from '../src/io/pcap-reader.js';
import { PcapWriter } from '../src/io/pcap-writer.js';
import { PcapngReader } from '../src/io/pcapng-reader.js';
import { PcapngWriter } from '../src/io/pcapng-writer.js';
import type { Benchmark, Case } from './harness.js';

const FLOWS = 1024;
const FILE_BYTES = 300e6;
/** Packets that fit in the generator's memory at either length. */
const WRITTEN_AT_ONCE = 128;
const ROUNDS = 4000;
export type Format = 'pcap' | 'pcapng';

interface Expected {
  readonly packets: number;
  /** Of the first and last byte of every packet, modulo 2^32. */
  readonly sum: number;
}

/** Counts the packets and adds up the first and last byte of each. */
function readAll(source: PacketSource): Expected {
  const batch = new PacketBatch();
  let packets = 0;
  let sum = 0;
  for (let count = source.read(batch); count > 0; count = source.read(batch)) {
    const { bytes, offset, capturedLength } = batch;
    for (let i = 0; i < count; i++) {
      const first = offset[i];
      sum = (sum + bytes[first] + bytes[first + capturedLength[i] - 1]) | 0;
    }
    packets += count;
  }
  source.close();
  return { packets, sum };
}

function open(file: string, format: Format): PacketSource {
  const window = new ByteWindow(new FileInput(file), DEFAULT_CHUNK_SIZE);
  window.fill(PCAP_FILE_HEADER_LENGTH);
  return format === 'pcap' ? new PcapReader(window) : new PcapngReader(window);
}

/** Writes a capture; answers what the generator made, by which the readers are judged. */
export function writeCapture(file: string, format: Format, frameLength: number, packets: number): Expected {
  const sink = format === 'pcap' ? new PcapWriter(file, { nanoseconds: false }) : new PcapngWriter(file);
  sink.addInterface({ name: 'generator' });
  const source = new GeneratorSource({ packets, flows: FLOWS, frameLengths: [frameLength] });
  const batch = new PacketBatch();
  let sum = 0;
  for (let count = source.read(batch); count > 0; count = source.read(batch)) {
    writeBatch(sink, batch);
    for (let i = 0; i < count; i++) {
      sum = (sum + batch.bytes[batch.offset[i]] + batch.bytes[batch.offset[i] + frameLength - 1]) | 0;
    }
  }
  sink.close();
  return { packets, sum };
}

function writeBatch(sink: PacketSink, batch: PacketBatch): void {
  const { bytes, count, offset, capturedLength, originalLength, seconds, nanoseconds } = batch;
  for (let i = 0; i < count; i++) {
    sink.write(0, seconds[i], nanoseconds[i], bytes, offset[i], capturedLength[i], originalLength[i]);
  }
}

/** `make` gets a directory that is removed when its cases are done. */
export function inDirectory(name: string, make: (directory: string) => Case): Benchmark {
  return {
    name,
    *prepare() {
      const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-read-'));
      try {
        yield make(directory);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

/** Bytes that a packet takes in the file. */
export function fileBytes(format: Format, frameLength: number): number {
  return format === 'pcap' ? 16 + frameLength : 32 + ((frameLength + 3) & ~3);
}

function readOurs(format: Format, frameLength: number): Benchmark {
  return inDirectory(`read-${format}-${frameLength}`, (directory) => {
    const file = path.join(directory, 'capture');
    const packets = Math.floor(FILE_BYTES / fileBytes(format, frameLength));
    const expected = writeCapture(file, format, frameLength, packets);
    let found: Expected;
    return {
      flows: FLOWS,
      phase: 'established',
      packets,
      bytes: packets * fileBytes(format, frameLength),
      run: () => {
        found = readAll(open(file, format));
      },
      verify: () => assert.deepEqual(found, expected),
    };
  });
}

function writeOurs(frameLength: number): Benchmark {
  return {
    name: `write-pcapng-${frameLength}`,
    *prepare() {
      const batch = new PacketBatch();
      new GeneratorSource({ packets: WRITTEN_AT_ONCE, flows: FLOWS, frameLengths: [frameLength] }).read(
        batch,
      );
      const packets = ROUNDS * batch.count;
      let sink: PcapngWriter;
      yield {
        flows: FLOWS,
        phase: 'established',
        packets,
        bytes: packets * fileBytes('pcapng', frameLength),
        run: () => {
          sink = new PcapngWriter('/dev/null');
          sink.addInterface({});
          for (let i = 0; i < ROUNDS; i++) writeBatch(sink, batch);
          sink.close();
        },
        verify: () => assert.equal(sink.bytesWritten > packets * fileBytes('pcapng', frameLength), true),
      };
    },
  };
}

export const readCaptureBenchmarks: readonly Benchmark[] = [64, 1500].flatMap((frameLength) => [
  readOurs('pcap', frameLength),
  readOurs('pcapng', frameLength),
  writeOurs(frameLength),
]);
