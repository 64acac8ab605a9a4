/** Sample packets, captures that are put together by hand from them, and what a source gives back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch, type PacketOptions, type PacketSource } from '../../src/io/packet-source.js';

export interface Sample {
  readonly hex: string;
  /** Default: the length of the bytes. */
  readonly original?: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Row of the source's interfaces; default 0. */
  readonly interface?: number;
  readonly options?: PacketOptions;
}

/** Odd and even lengths, an empty frame, one that was cut, times at the edges of 31 and 32 bits; in microseconds. */
export const SAMPLES: readonly Sample[] = [
  { hex: '020000000002020000000001080045', seconds: 1_700_000_000, nanoseconds: 1000 },
  { hex: 'ff', seconds: 1_700_000_000, nanoseconds: 999_999_000 },
  { hex: '', seconds: 1_700_000_001, nanoseconds: 0 },
  { hex: '00112233445566778899', original: 1514, seconds: 0, nanoseconds: 0 },
  { hex: 'abcd', original: 0xffffffff, seconds: 2_147_483_648, nanoseconds: 5_000 },
  { hex: '80'.repeat(1500), seconds: 4_294_967_295, nanoseconds: 999_999_000 },
];

/** What `SAMPLES` become when a source or sink keeps nanoseconds. */
export const NANOSECOND_SAMPLES: readonly Sample[] = SAMPLES.map((sample, i) => ({
  ...sample,
  nanoseconds: sample.nanoseconds + i,
}));

/** Everything a source gives, in the form of samples. Closes the source. */
export async function collect(source: PacketSource, batch = new PacketBatch()): Promise<Required<Sample>[]> {
  const samples: Required<Sample>[] = [];
  await forEachBatch(source, batch, () => {
    for (let i = 0; i < batch.count; i++) samples.push(sampleOf(batch, i));
  });
  source.close();
  return samples;
}

export function sampleOf(batch: PacketBatch, i: number): Required<Sample> {
  const end = batch.offset[i] + batch.capturedLength[i];
  return {
    hex: Buffer.from(batch.bytes.subarray(batch.offset[i], end)).toString('hex'),
    original: batch.originalLength[i],
    seconds: batch.seconds[i],
    nanoseconds: batch.nanoseconds[i],
    interface: batch.interfaceIndex[i],
    options: batch.options(i) ?? {},
  };
}

/** A sample with all that was left out. */
export function complete(sample: Sample): Required<Sample> {
  return { original: sample.hex.length / 2, interface: 0, options: {}, ...sample };
}

/** Fields of a capture, in order: a number is 32 bits, `[16, n]`, `[64, n]` other sizes, a string bytes in hex. */
export type Field = number | readonly [16, number] | readonly [64, bigint] | string;

export function pack(littleEndian: boolean, ...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      if (typeof field === 'string') return Buffer.from(field, 'hex');
      const size = typeof field === 'number' ? 32 : field[0];
      const bytes = Buffer.alloc(size / 8);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      if (typeof field === 'number') view.setUint32(0, field, littleEndian);
      else if (field[0] === 16) view.setUint16(0, field[1], littleEndian);
      else view.setBigUint64(0, BigInt.asUintN(64, field[1]), littleEndian);
      return bytes;
    }),
  );
}

export interface PcapShape {
  readonly littleEndian?: boolean;
  readonly nanoseconds?: boolean;
  readonly magic?: number;
  readonly version?: readonly [major: number, minor: number];
  readonly snapLength?: number;
  readonly linkField?: number;
}

/** The 24-byte file header, and then `records`. */
export function pcap(shape: PcapShape, ...records: readonly Uint8Array[]): Buffer {
  const {
    littleEndian = true,
    nanoseconds = false,
    version = [2, 4],
    snapLength = 262144,
    linkField = 1,
  } = shape;
  const magic = shape.magic ?? (nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
  const header = pack(littleEndian, magic, [16, version[0]], [16, version[1]], 0, 0, snapLength, linkField);
  return Buffer.concat([header, ...records]);
}

export function pcapOf(samples: readonly Sample[], shape: PcapShape = {}): Buffer {
  const { littleEndian = true, nanoseconds = false } = shape;
  const records = samples
    .map(complete)
    .map((sample) =>
      pack(
        littleEndian,
        sample.seconds,
        nanoseconds ? sample.nanoseconds : sample.nanoseconds / 1000,
        sample.hex.length / 2,
        sample.original,
        sample.hex,
      ),
    );
  return pcap(shape, ...records);
}

/** A pcapng block: type and body (padded), both lengths added. */
export function block(littleEndian: boolean, type: number, ...body: readonly Field[]): Buffer {
  const bytes = pack(littleEndian, ...body);
  const padding = '00'.repeat((4 - (bytes.length % 4)) % 4);
  const total = bytes.length + padding.length / 2 + 12;
  return Buffer.concat([pack(littleEndian, type, total), bytes, pack(littleEndian, padding, total)]);
}

export function sectionHeader(littleEndian: boolean): Buffer {
  return block(littleEndian, 0x0a0d0d0a, 0x1a2b3c4d, [16, 1], [16, 0], [64, -1n]);
}

/** Ethernet with nanoseconds, unless `fields` (link type, snap length, options) say otherwise. */
export function interfaceBlock(littleEndian: boolean, ...fields: readonly Field[]): Buffer {
  const standard: Field[] = [[16, 1], [16, 0], 0, [16, 9], [16, 1], '09000000', 0];
  return block(littleEndian, 1, ...(fields.length === 0 ? standard : fields));
}

/** An enhanced packet block with a timestamp in nanoseconds. */
export function packetBlock(littleEndian: boolean, sample: Sample, ...options: readonly Field[]): Buffer {
  const { hex, original, seconds, nanoseconds, interface: id } = complete(sample);
  const timestamp = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const times: Field[] = [Number(timestamp >> 32n), Number(timestamp & 0xffffffffn)];
  const padding = '00'.repeat((4 - ((hex.length / 2) % 4)) % 4);
  return block(littleEndian, 6, id, ...times, hex.length / 2, original, hex + padding, ...options);
}

export function pcapngOf(samples: readonly Sample[], littleEndian = true): Buffer {
  const interfaces = Math.max(0, ...samples.map((sample) => sample.interface ?? 0)) + 1;
  return Buffer.concat([
    sectionHeader(littleEndian),
    ...Array.from({ length: interfaces }, () => interfaceBlock(littleEndian)),
    ...samples.map((sample) => packetBlock(littleEndian, sample)),
  ]);
}

/** A directory that is removed after the tests of the file that asks for it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'packetwalk-io-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
