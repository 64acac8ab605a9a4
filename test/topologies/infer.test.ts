import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CaptureFacts } from '../../src/topologies/capture-facts.js';
import { formatTopology } from '../../src/topologies/document.js';
import { TopologyError } from '../../src/topologies/faults.js';
import { type InferOptions, type InferredTopology, inferTopology } from '../../src/topologies/infer.js';
import { readTopology } from '../../src/topologies/load.js';
import { Replay } from '../../src/topologies/replay.js';
import { fromHex } from '../support/hex.js';
import { build, type CapturedFrame, readFrames } from './support.js';

function infer(frames: readonly Uint8Array[], options?: InferOptions): InferredTopology {
  const facts = new CaptureFacts();
  for (const bytes of frames) facts.add(bytes, 0, bytes.length);
  return inferTopology(facts, options);
}

/** Replays frames in what was inferred from them, by way of the YAML that would be saved. */
function replay(frames: readonly CapturedFrame[], inferred: InferredTopology): Replay {
  const built = build(readTopology(formatTopology(inferred.spec, 'Made up.'), 'saved.yaml').spec);
  const run = new Replay(built, {
    captureDevice: inferred.captureDevice === null ? null : built.device(inferred.captureDevice),
    oneWay: false,
    adoptLinks: inferred.adoptLinks,
  });
  for (const { bytes, seconds, nanoseconds } of frames) {
    run.frame(bytes, 0, bytes.length, bytes.length, seconds, nanoseconds);
  }
  return run;
}

describe('captures of the lab replay without a topology', () => {
  const cases: [string, string, [number, number]][] = [
    ['life-of-a-packet-pod1', 'pod 10.1.1.10; taken at node1/lxc1; 4 addresses outside', [46, 52]],
    ['digitalocean-pod', 'pod 10.244.0.213; taken at node1/lxc1; 1 address outside', [10, 10]],
    ['same-node-client', 'pod 10.3.0.115; taken at node1/lxc1; 1 address outside', [153, 153]],
  ];
  for (const [name, summary, [matched, walkedBack]] of cases) {
    test(name, async () => {
      const frames = await readFrames(`lab/${name}.pcap`);
      const inferred = infer(frames.map(({ bytes }) => bytes));
      assert.equal(inferred.summary, summary);
      const { counters } = replay(frames, inferred);
      assert.deepEqual([counters.matched, counters.walkedBack], [matched, walkedBack]);
    });
  }

  test('the gateway is whom the device answered for', async () => {
    const frames = await readFrames('lab/life-of-a-packet-pod1.pcap');
    const { spec } = infer(frames.map(({ bytes }) => bytes));
    assert.equal(spec.nodes[0].ciliumInternalIP, '10.1.1.1');
    assert.deepEqual(spec.nodes[0].pods, [
      {
        name: 'pod1',
        ips: ['10.1.1.10'],
        mac: '0a:00:0a:01:01:0a',
        device: { name: 'lxc1', mac: '0a:00:00:00:11:aa' },
      },
    ]);
  });

  test('at the outside device: a hint says which side the pods are on, TTLs that they are routed', async () => {
    const frames = await readFrames('lab/life-of-a-packet-bond0.pcap');
    const inferred = infer(
      frames.map(({ bytes }) => bytes),
      { podCidrs: ['10.1.1.0/24'] },
    );
    assert.equal(inferred.summary, 'pod 10.1.1.10; taken at node1/eth0; 1 address outside');
    assert.equal(inferred.spec.nodes[0].devices?.[0].mac, '92:d4:63:f9:dd:b1');
    assert.equal(replay(frames, inferred).counters.matched, 40);
  });
});

test('two stations on a link, neither behind a node: the one that asks is the pod', () => {
  const header = '0800 45000028000000004006';
  const syn = fromHex(
    `020000000001 020000000002 ${header} 64c1 0a000102 08080808 9c40 0050 00000000 00000000 5002 0000 0000 0000`,
  );
  const back = fromHex(
    `020000000002 020000000001 ${header} 64c1 08080808 0a000102 0050 9c40 00000000 00000001 5012 0000 0000 0000`,
  );
  const inferred = infer([back, syn]);
  assert.equal(inferred.summary, 'pod 10.0.1.2; taken at node1/lxc1; 1 address outside');
});

test('a capture without IP, an empty one, and a hint that fits nothing still make a topology', () => {
  for (const frames of [[], [fromHex(`ffffffffffff 020000000002 88b5 ${'00'.repeat(40)}`)]]) {
    const inferred = infer(frames);
    assert.equal(inferred.summary, 'no IP addresses in the capture: a node with one pod is made up');
    assert.deepEqual(readTopology(formatTopology(inferred.spec), 'x.yaml').warnings, []);
  }
  const { spec } = infer([], { podCidrs: ['fd00:1::/64'] });
  assert.deepEqual(spec.nodes[0].pods?.[0].ips, ['fd00:1::1']);
  assert.throws(() => infer([], { podCidrs: ['10.0.0.0/99'] }), TopologyError);
});

test('any frames make a sound topology, and each has its one fate there', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const mac = fc.constantFrom('020000000001', '020000000002', '020000000003', '000000000000', 'ffffffffffff');
  const type = fc.constantFrom('0800', '0806', '86dd', '8100', '88b5', '0024');
  const start = fc.constantFrom('45000028', '4500ffff', '4f000028', '60000000', '00010800', '');
  const frame = fc
    .tuple(mac, mac, type, start, fc.array(byte, { maxLength: 80 }))
    .map(([to, from, ethernetType, head, rest]) =>
      Uint8Array.from([...fromHex(to + from + ethernetType + head), ...rest]),
    );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.boolean(), (frames, hinted) => {
      const inferred = infer(frames, hinted ? { podCidrs: ['0.0.0.0/1'] } : {});
      const captured = frames.map((bytes) => ({ bytes, seconds: 1, nanoseconds: 0 }));
      const { counters, built } = replay(captured, inferred);
      const { walkedIn, walkedBack, outputsMatched, outputsUnmatched, leftOut } = counters;
      assert.equal(walkedIn + walkedBack + outputsMatched + outputsUnmatched + leftOut, frames.length);
      assert.equal(built.walker.counters.walked, walkedIn + walkedBack);
      assert.equal(
        built.walker.counters.fates.reduce((sum, count) => sum + count),
        walkedIn + walkedBack,
      );
    }),
    { numRuns: 150 },
  );
});
