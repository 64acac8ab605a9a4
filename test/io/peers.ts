/** What tcpdump and tshark read in a capture: the judges of our readers. */
import { spawnSync } from 'node:child_process';

/** Captured length, original length, seconds, nanoseconds. A packet without a timestamp has time 0. */
export type Row = readonly [captured: number, original: number, seconds: number, nanoseconds: number];

export interface Reading {
  readonly rows: readonly Row[];
  /** What the tool complained of, on one line; empty when it read the whole file. */
  readonly error: string;
}

/** Why the tool cannot be used here, or false: the `skip` of a test. */
export function missing(tool: 'tcpdump' | 'tshark' | 'capinfos'): string | false {
  return spawnSync(tool, ['--version']).error === undefined ? false : `skipped: ${tool} is not installed`;
}

/** tcpdump copies the capture to a pcap with nanoseconds; frames are cut to the snap length of the file. */
export function readWithTcpdump(path: string): Reading {
  const run = spawnSync('tcpdump', ['-n', '-r', path, '--time-stamp-precision=nano', '-w', '-'], {
    maxBuffer: 1 << 28,
  });
  const rows: Row[] = [];
  const out = new DataView(run.stdout.buffer, run.stdout.byteOffset, run.stdout.byteLength);
  for (let at = 24; at < out.byteLength; at += 16 + out.getUint32(at + 8, true)) {
    rows.push([
      out.getUint32(at + 8, true),
      out.getUint32(at + 12, true),
      out.getUint32(at, true),
      out.getUint32(at + 4, true),
    ]);
  }
  return { rows, error: complaint(run.stderr.toString(), /^(reading from|tcpdump: warning)/) };
}

/** tshark shows other records (custom blocks) as frames too; only packets have an encapsulation. */
export function readWithTshark(path: string): Reading {
  const fields = ['frame.encap_type', 'frame.cap_len', 'frame.len', 'frame.time_epoch'];
  const run = spawnSync(
    'tshark',
    ['-n', '-r', path, '-T', 'fields', ...fields.flatMap((name) => ['-e', name])],
    {
      maxBuffer: 1 << 28,
    },
  );
  const rows: Row[] = [];
  for (const line of run.stdout.toString().split('\n')) {
    const [encapsulation, captured, original, time] = line.split('\t');
    if (!encapsulation) continue;
    const [seconds, nanoseconds] = (time || '0.0').split('.');
    rows.push([Number(captured), Number(original), Number(seconds), Number(nanoseconds)]);
  }
  return { rows, error: complaint(run.stderr.toString(), /^Running as user/) };
}

function complaint(text: string, harmless: RegExp): string {
  return text
    .split('\n')
    .filter((line) => line !== '' && !harmless.test(line))
    .join(' ')
    .replace(/^(tcpdump|tshark): /, '')
    .replace(/"[^"]*\//g, '"');
}
