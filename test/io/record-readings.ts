/** Writes test/data/readings.json: what the tcpdump and tshark that are installed read in each capture. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { captureFiles, DATA, type RecordedReading } from './captures.js';
import { type Row, readWithTcpdump, readWithTshark } from './peers.js';

function record(file: string): RecordedReading {
  const tcpdump = readWithTcpdump(DATA + file);
  const tshark = readWithTshark(DATA + file);
  const by = tshark.error === '' ? 'tshark' : 'tcpdump';
  const rows = by === 'tshark' ? tshark.rows : tcpdump.rows;
  const tcpdumpDiffers: [number, Row][] = [];
  tcpdump.rows.forEach((row, packet) => {
    if (!isDeepStrictEqual(row, rows[packet])) tcpdumpDiffers.push([packet, row]);
  });
  return { file, by, rows, tcpdumpCount: tcpdump.rows.length, tcpdumpDiffers, tcpdumpError: tcpdump.error };
}

function version(tool: string): string {
  const run = spawnSync(tool, ['--version']);
  return (
    (run.stdout.toString() + run.stderr.toString()).split('\n').find((line) => /version|TShark/.test(line)) ??
    ''
  );
}

const generatedBy = `node dist/test/io/record-readings.js, with ${version('tcpdump')} and ${version('tshark')}`;
const lines = captureFiles().map((file) => JSON.stringify(record(file)));
writeFileSync(
  `${DATA}readings.json`,
  `{"generatedBy":${JSON.stringify(generatedBy)},\n"readings":[\n${lines.join(',\n')}\n]}\n`,
);
