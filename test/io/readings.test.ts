/** Our readers against what tcpdump, tshark and pcap-parser read in each capture of test/data. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { captureFiles, DATA, type RecordedReading, readAll, readWithOurs } from './captures.js';
import { openWithPcapParser } from './pcap-parser-source.js';
import { missing, type Row, readWithTcpdump, readWithTshark } from './peers.js';

const recorded: { readings: RecordedReading[] } = JSON.parse(readFileSync(`${DATA}readings.json`, 'utf8'));

/** Where we read otherwise than tshark, and why. */
const EXCEPTIONS: Readonly<Record<string, readonly Row[]>> = {
  // tshark takes the first 4 bytes (the SunATM pseudo-header) off the lengths; tcpdump reads as we do.
  'tcpdump/atm-heapoverflow.pcap': [[4, 262144, 84, 999999000]],
  'tcpdump/atm-oam-heapoverflow.pcap': [[4, 262144, 808464432, 999999000]],
  // The second packet says 3,841,916,976 microseconds, which overflow in both tools; we carry whole seconds.
  'tcpdump/rx_serviceid_oobr.pcap': [
    [71, 262144, 117442577, 131350000],
    [0, 0, 3841, 916976000],
    [71, 262144, 2145916800, 0],
  ],
};

test('there is a reading for each capture', () => {
  assert.deepEqual(
    recorded.readings.map(({ file }) => file),
    captureFiles(),
  );
});

/**
 * tcpdump refuses pcapng files with differing interfaces, which we read as tshark does; and it cuts frames to
 * the snap length in the file's header when the writer did not keep to it, where we give all bytes there are.
 */
describe('ours reads as tshark, tcpdump and pcap-parser did', () => {
  for (const { file, rows, tcpdumpCount, tcpdumpDiffers, tcpdumpError } of recorded.readings) {
    test(file, async () => {
      const source = await openCapture(DATA + file);
      const ours = await readAll(source);
      assert.equal(ours.error, '');
      assert.deepEqual(ours.rows, EXCEPTIONS[file] ?? rows);
      assert.deepEqual((await readWithOurs(DATA + file, new PacketBatch(1))).rows, ours.rows);
      if (tcpdumpError === '') assert.equal(ours.rows.length, tcpdumpCount);
      if (!(file in EXCEPTIONS)) {
        for (const [packet, [captured, ...others]] of tcpdumpDiffers) {
          assert.equal(captured, source.interfaces[0].snapLength);
          assert.deepEqual(others, ours.rows[packet].slice(1));
        }
      }
      if (!file.startsWith('pcapng/')) {
        assert.deepEqual(
          await frames(await openWithPcapParser(DATA + file)),
          await frames(await openCapture(DATA + file)),
        );
      }
    });
  }
});

async function frames(source: Awaited<ReturnType<typeof openCapture>>): Promise<string[]> {
  const batch = new PacketBatch(64);
  const result: string[] = [];
  for (let count = source.read(batch); count >= 0; count = source.read(batch)) {
    if (count === 0) await source.wait();
    for (let i = 0; i < count; i++) {
      const frame = batch.bytes.subarray(batch.offset[i], batch.offset[i] + batch.capturedLength[i]);
      result.push(
        `${batch.seconds[i]}.${batch.nanoseconds[i]} ${batch.originalLength[i]} ${Buffer.from(frame).toString('hex')}`,
      );
    }
  }
  source.close();
  return result;
}

describe('ours reads as the tools that are installed', () => {
  const files = [
    'lab/life-of-a-packet-pod1.pcap',
    'tcpdump/ipoib.pcap',
    'tcpdump/time_2039.pcap',
    'tcpdump/dsa.pcap',
  ];
  for (const file of files) {
    test(`tcpdump: ${file}`, { skip: missing('tcpdump') }, async () => {
      assert.deepEqual(await readWithOurs(DATA + file), readWithTcpdump(DATA + file));
    });
  }
  const captures = [
    'pcapng/be-difficult-test202.pcapng',
    'pcapng/le-basic-test008.pcapng',
    'tcpdump/loopback.pcap',
  ];
  for (const file of captures) {
    test(`tshark: ${file}`, { skip: missing('tshark') }, async () => {
      assert.deepEqual(await readWithOurs(DATA + file), readWithTshark(DATA + file));
    });
  }
});
