/** `node dist/bench/read-with-pcap-parser.js FILE`: what compare-readers.ts times of the npm package pcap-parser. */
import { createRequire } from 'node:module';

interface PcapParser {
  on(event: 'packet', listener: (packet: { data: Uint8Array }) => void): void;
  on(event: 'end', listener: () => void): void;
}

const { parse }: { parse: (file: string) => PcapParser } = createRequire(import.meta.url)('pcap-parser');
const parser = parse(process.argv[2]);
let packets = 0;
let sum = 0;
parser.on('packet', ({ data }) => {
  packets++;
  sum = (sum + data[0] + data[data.length - 1]) | 0;
});
parser.on('end', () => process.stdout.write(`${packets} packets, sum ${sum}\n`));
