/**
 * `node dist/bench/compare-readers.js [--json] [--runs N]`: our pcap reader and tcpdump, tshark and pcap-parser on
 * the same frames in the same minutes. The others run as processes; the time that they take on an empty capture is
 * taken off theirs, not off ours.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Benchmark, MINIMUM_RUNS, measure, type Result } from './harness.js';
import { fileBytes, inDirectory, readCaptureBenchmarks, writeCapture } from './read-capture.js';

const FLOWS = 1024;
const FRAME_LENGTHS = [64, 1500];

/** The others are slower; a smaller file says as much about them. */
const FILE_BYTES = 60e6;
const PCAP_PARSER_FILE_BYTES = 6e6;

/** A command that reads a capture and throws its packets away. */
interface Peer {
  readonly name: string;
  readonly command: (file: string) => readonly [program: string, ...args: string[]];
  readonly fileBytes: number;
}

const PCAP_PARSER_PROGRAM = fileURLToPath(new URL('read-with-pcap-parser.js', import.meta.url));

const PEERS: readonly Peer[] = [
  { name: 'tcpdump', command: (file) => ['tcpdump', '-r', file, '-w', '/dev/null'], fileBytes: FILE_BYTES },
  { name: 'tshark', command: (file) => ['tshark', '-r', file, '-w', '/dev/null'], fileBytes: FILE_BYTES },
  {
    name: 'pcap-parser',
    command: (file) => [process.execPath, PCAP_PARSER_PROGRAM, file],
    fileBytes: PCAP_PARSER_FILE_BYTES,
  },
];

function run([program, ...args]: readonly [string, ...string[]]): void {
  const { error, status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

function peerBenchmark(peer: Peer, frameLength: number): Benchmark {
  return inDirectory(`${peer.name}-${frameLength}`, (directory) => {
    const file = path.join(directory, 'capture');
    const empty = path.join(directory, 'empty');
    const packets = Math.floor(peer.fileBytes / fileBytes('pcap', frameLength));
    writeCapture(file, 'pcap', frameLength, packets);
    writeCapture(empty, 'pcap', frameLength, 0);
    return {
      flows: FLOWS,
      phase: 'established',
      packets,
      bytes: packets * fileBytes('pcap', frameLength),
      run: () => run(peer.command(file)),
      overheadNs: () => {
        const start = performance.now();
        run(peer.command(empty));
        return (performance.now() - start) * 1e6;
      },
      verify: () => {},
    };
  });
}

function isInstalled({ command }: Peer): boolean {
  const [program] = command('');
  return spawnSync(program, ['--version']).error === undefined;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      runs: { type: 'string', default: String(MINIMUM_RUNS) },
    },
  });
  const runs = Math.max(MINIMUM_RUNS, Number(values.runs));
  const results: Result[] = [];
  for (const frameLength of FRAME_LENGTHS) {
    const ours = readCaptureBenchmarks.find(({ name }) => name === `read-pcap-${frameLength}`)!;
    const peers = PEERS.filter(isInstalled).map((peer) => peerBenchmark(peer, frameLength));
    let reference = 0;
    for (const benchmark of [ours, ...peers]) {
      const [result] = measure(benchmark, runs);
      results.push(result);
      reference ||= result.nsPerPacket;
      if (!values.json) process.stdout.write(`${line(result, reference)}\n`);
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
}

function line(result: Result, reference: number): string {
  const columns = [
    result.name.padEnd(18),
    `${result.nsPerPacket.toFixed(1)} ns/packet`.padStart(20),
    `${(result.packetsPerSecond / 1e6).toFixed(2)} Mpackets/s`.padStart(20),
    `${result.gigabytesPerSecond!.toFixed(2)} GB/s`.padStart(14),
    `${(result.nsPerPacket / reference).toFixed(1)} times ours`.padStart(20),
  ];
  return columns.join('');
}

main();
