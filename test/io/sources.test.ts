/** Every source through the shared suite. */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { openCapture, readCapture } from '../../src/io/capture-file.js';
import { GeneratorSource } from '../../src/io/generator.js';
import { MemoryCapture, MemorySource } from '../../src/io/memory.js';
import { StreamInput } from '../../src/io/stream-input.js';
import { openWithPcapParser } from './pcap-parser-source.js';
import {
  complete,
  NANOSECOND_SAMPLES,
  pcapngOf,
  pcapOf,
  SAMPLES,
  type Sample,
  temporaryDirectory,
} from './samples.js';
import { testSource } from './source-suite.js';

const directory = temporaryDirectory();

function file(name: string, bytes: Uint8Array): string {
  writeFileSync(`${directory}/${name}`, bytes);
  return `${directory}/${name}`;
}

/** A stream that gives `size` bytes at a time. */
function trickle(bytes: Uint8Array, size: number): StreamInput {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  return new StreamInput('trickle', Readable.from(pieces, { objectMode: false }));
}

for (const littleEndian of [true, false]) {
  const order = littleEndian ? 'little-endian' : 'big-endian';
  const micro = file(`micro-${order}.pcap`, pcapOf(SAMPLES, { littleEndian }));
  const nano = file(`nano-${order}.pcap`, pcapOf(NANOSECOND_SAMPLES, { littleEndian, nanoseconds: true }));
  const pcapng = file(`${order}.pcapng`, pcapngOf(NANOSECOND_SAMPLES, littleEndian));
  testSource(`pcap, microseconds, ${order}`, () => openCapture(micro), SAMPLES);
  testSource(`pcap, nanoseconds, ${order}`, () => openCapture(nano), NANOSECOND_SAMPLES);
  testSource(`pcapng, ${order}`, () => openCapture(pcapng), NANOSECOND_SAMPLES);
  testSource(`pcap-parser, ${order}`, () => openWithPcapParser(micro), SAMPLES);
  for (const chunkSize of [24, 100, 1600]) {
    testSource(`pcap, ${order}, chunks of ${chunkSize}`, () => openCapture(micro, { chunkSize }), SAMPLES);
    testSource(
      `pcapng, ${order}, chunks of ${chunkSize}`,
      () => openCapture(pcapng, { chunkSize }),
      NANOSECOND_SAMPLES,
    );
  }
}

const pcapBytes = pcapOf(SAMPLES);
const pcapngBytes = pcapngOf(NANOSECOND_SAMPLES);
const zipped = file('zipped.pcap.gz', gzipSync(pcapBytes));
const zippedNg = file('zipped.pcapng.gz', gzipSync(pcapngBytes));
const members = file(
  'members.gz',
  Buffer.concat([gzipSync(pcapBytes.subarray(0, 50)), gzipSync(pcapBytes.subarray(50))]),
);
testSource('pcap in gzip', () => openCapture(zipped), SAMPLES);
testSource('pcapng in gzip', () => openCapture(zippedNg), NANOSECOND_SAMPLES);
testSource('pcap in two gzip members', () => openCapture(members), SAMPLES);
for (const size of [1, 7, 4096]) {
  testSource(`pcap, ${size} bytes at a time`, () => readCapture(trickle(pcapBytes, size)), SAMPLES);
  testSource(
    `pcapng, ${size} bytes at a time`,
    () => readCapture(trickle(pcapngBytes, size)),
    NANOSECOND_SAMPLES,
  );
  testSource(`gzip, ${size} bytes at a time`, () => readCapture(trickle(gzipSync(pcapBytes), size)), SAMPLES);
}

let fifos = 0;
testSource(
  'pcap through a FIFO',
  async () => {
    const path = `${directory}/fifo-${fifos++}`;
    execFileSync('mkfifo', [path]);
    spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', `${directory}/micro-little-endian.pcap`, path], {
      stdio: 'ignore',
    });
    return openCapture(path);
  },
  SAMPLES,
);

testSource(
  'memory',
  async () => {
    const capture = new MemoryCapture();
    capture.addInterface({ name: 'memory0' });
    for (const { hex, original, seconds, nanoseconds } of NANOSECOND_SAMPLES.map(complete)) {
      capture.write(0, seconds, nanoseconds, Buffer.from(hex, 'hex'), 0, hex.length / 2, original);
    }
    return new MemorySource(capture);
  },
  NANOSECOND_SAMPLES,
);

/** Two rounds of four flows (TCP and UDP on IPv4 and IPv6); tshark finds all their checksums right. */
const GENERATED: readonly Sample[] = [
  {
    hex: '02000000000202000000000108004500003c00004000400625580a0000010a8000e4bd090035e4c93d09000000005002ffffbb5800000000000000000000000000000000000000000000',
    seconds: 1700000000,
    nanoseconds: 0,
  },
  {
    hex: '02000000000202000000000186dd6000000000190640fd000000000000000000000000000002fd0000010000000000000000000000fade65192bfafade65000000005002ffffe3ed00000000000000',
    seconds: 1700000000,
    nanoseconds: 400000000,
  },
  {
    hex: '02000000000202000000000108004500003c00004000401126000a0000030a80002fe2ea0035002807cd0000000000000000000000000000000000000000000000000000000000000000',
    seconds: 1700000000,
    nanoseconds: 800000000,
  },
  {
    hex: '02000000000202000000000186dd6000000000191140fd000000000000000000000000000004fd000001000000000000000000000062df4701bb001924510000000000000000000000000000000000',
    seconds: 1700000001,
    nanoseconds: 200000000,
  },
  {
    hex: '02000000000202000000000108004500003c00014000400625570a0000010a8000e4bd090035e4c93d1e000000015018ffffb12200000101010101010101010101010101010101010101',
    seconds: 1700000001,
    nanoseconds: 600000000,
  },
  {
    hex: '02000000000202000000000186dd6000000000190640fd000000000000000000000000000002fd0000010000000000000000000000fade65192bfafade6b000000015018ffffe0ce00000101010101',
    seconds: 1700000002,
    nanoseconds: 0,
  },
  {
    hex: '02000000000202000000000108004500003c00014000401125ff0a0000030a80002fe2ea00350028f7bc0101010101010101010101010101010101010101010101010101010101010101',
    seconds: 1700000002,
    nanoseconds: 400000000,
  },
  {
    hex: '02000000000202000000000186dd6000000000191140fd000000000000000000000000000004fd000001000000000000000000000062df4701bb00191b490101010101010101010101010101010101',
    seconds: 1700000002,
    nanoseconds: 800000000,
  },
];

testSource(
  'generator',
  async () =>
    new GeneratorSource({
      packets: 8,
      flows: 4,
      protocol: 'mixed',
      family: 'mixed',
      frameLengths: [74, 79],
      seed: 7,
      intervalNanoseconds: 400e6,
    }),
  GENERATED,
);
