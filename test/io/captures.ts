/** The captures of test/data, and what our reader finds in a capture. */
import { readdirSync } from 'node:fs';
import { CaptureError } from '../../src/io/capture-error.js';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch, type PacketSource } from '../../src/io/packet-source.js';
import type { Reading, Row } from './peers.js';

export const DATA = new URL('../../../test/data/', import.meta.url).pathname;
export const FOLDERS = ['lab', 'pcapng', 'tcpdump'];

/** One line of test/data/readings.json. */
export interface RecordedReading {
  readonly file: string;
  /** Who read `rows`: tshark, or tcpdump where tshark does not know the link type. */
  readonly by: 'tshark' | 'tcpdump';
  readonly rows: readonly Row[];
  /** How many packets tcpdump read, where it reads them differently, and why it stopped if it did. */
  readonly tcpdumpCount: number;
  readonly tcpdumpDiffers: readonly (readonly [packet: number, row: Row])[];
  readonly tcpdumpError: string;
}

/** Paths relative to `DATA`, in order. */
export function captureFiles(): string[] {
  return FOLDERS.flatMap((folder) => readdirSync(DATA + folder).map((name) => `${folder}/${name}`)).sort();
}

/** Everything that a source gives, and the message of the CaptureError that it ends with. */
export async function readAll(source: PacketSource, batch = new PacketBatch()): Promise<Reading> {
  const rows: Row[] = [];
  let error = '';
  try {
    await forEachBatch(source, batch, ({ count, capturedLength, originalLength, seconds, nanoseconds }) => {
      for (let i = 0; i < count; i++) {
        rows.push([capturedLength[i], originalLength[i], seconds[i], nanoseconds[i]]);
      }
    });
  } catch (caught) {
    if (!(caught instanceof CaptureError)) throw caught;
    error = caught.message;
  } finally {
    source.close();
  }
  return { rows, error };
}

export async function readWithOurs(path: string, batch?: PacketBatch): Promise<Reading> {
  try {
    return await readAll(await openCapture(path), batch);
  } catch (caught) {
    if (!(caught instanceof CaptureError)) throw caught;
    return { rows: [], error: caught.message };
  }
}
