/** Frames taken apart as gopacket 1.1.19 took them apart (test/data/README.md), whole ones, cut ones and broken ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dissect, type LayerName } from '../../../src/cli/monitor/dissect.js';
import { hexLines } from '../../../src/cli/monitor/hex-lines.js';
import { layerLines } from '../../../src/cli/monitor/layer-text.js';
import { readText } from '../../support/repository.js';

interface Recorded {
  readonly first: string;
  readonly hex: string;
  readonly layers: readonly string[];
  readonly error: string;
  readonly truncated: boolean;
}

const FIRST: Readonly<Record<string, LayerName>> = { ethernet: 'Ethernet', ipv4: 'IPv4', ipv6: 'IPv6' };
/** Of ports that are in none of our lists. */
const PORT_NAME = /(Port=\d+)\([^)]*\)/g;

const recorded = readText('test/data/dissections.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

/** The library keeps one object per kind of layer: of two of a kind it shows the inner one twice. */
function asShown(lines: readonly string[]): string[] {
  const last = new Map(lines.map((line) => [line.split('\t')[0], line]));
  return lines.map((line) => last.get(line.split('\t')[0])!);
}

test('layers, errors and truncation as recorded', () => {
  assert.ok(recorded.length > 200);
  for (const { first, hex, layers, error, truncated } of recorded) {
    const frame = Buffer.from(hex, 'hex');
    // The frame lies amid other bytes, which must not be read.
    const bytes = new Uint8Array(frame.length + 64).fill(0xee);
    bytes.set(frame, 32);
    const dissection = dissect(bytes, 32, frame.length, FIRST[first]);
    assert.equal(dissection.error ?? '', error, hex);
    assert.equal(dissection.truncated, truncated, hex);
    const names = (lines: readonly string[]): string[] => lines.map((line) => line.split('\t')[0]);
    const lines = layerLines(dissection, false);
    assert.deepEqual(names(lines), names(layers), hex);
    if (error !== '') continue;
    assert.deepEqual(
      asShown(lines).map((line) => line.replace(PORT_NAME, '$1')),
      layers.map((line) => line.replace(PORT_NAME, '$1')),
      hex,
    );
  }
});

test('names of ports, by protocol', () => {
  const line = (protocol: string, ports: string): string => {
    const header = { '11': `${ports}00080000`, '06': `${ports}00000001000000005002faf000000000` }[protocol]!;
    const length = (20 + header.length / 2).toString(16).padStart(4, '0');
    const packet = Buffer.from(`4500${length}0000000040${protocol}00000a0000010a000002${header}`, 'hex');
    return layerLines(dissect(packet, 0, packet.length, 'IPv4'), true)[1];
  };
  assert.match(line('06', '02020050'), /SrcPort=514\(shell\) DstPort=80\(http\) .* Multipath=false\}$/);
  assert.match(line('11', '02020035'), /SrcPort=514\(syslog\) DstPort=53\(domain\) Length=8/);
  assert.match(line('11', 'cb8dffff'), /SrcPort=52109 DstPort=65535 /);
});

test('bytes as hexdump shows them', () => {
  const bytes = Buffer.from('..Hello, world! \x00\xff~', 'latin1');
  assert.equal(
    hexLines(bytes, 2, 17),
    '00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21 20 00 ff  |Hello, world! ..|\n' +
      '00000010  7e                                                |~|\n',
  );
});
