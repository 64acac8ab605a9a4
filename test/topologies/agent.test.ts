import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { put32le } from '../../src/engine/wire/bytes.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { Replay } from '../../src/topologies/replay.js';
import { buildReady, readFrames } from './support.js';

const frames = await readFrames('lab/life-of-a-packet-pod1.pcap');

/** Walks the capture, then its first frame once more after each pause, in seconds. */
function replayWithPauses(built: BuiltTopology, pauses: readonly number[]): void {
  const run = new Replay(built, { captureDevice: null, oneWay: false });
  const walk = (index: number, seconds: number): void => {
    const { bytes, nanoseconds } = frames[index];
    run.frame(bytes, 0, bytes.length, bytes.length, seconds, nanoseconds);
  };
  frames.forEach(({ seconds }, i) => {
    walk(i, seconds);
  });
  let seconds = frames[frames.length - 1].seconds;
  for (const pause of pauses) {
    seconds += pause;
    walk(0, seconds);
  }
}

function connections(built: BuiltTopology): number {
  const { conntrackTcp, conntrackAny } = built.nodes[0].datapath.ipv4;
  return conntrackTcp.size + conntrackAny.size;
}

describe('the agent', () => {
  test('collects what a long pause let expire, at the first frame behind it', () => {
    const built = buildReady('life-of-a-packet');
    replayWithPauses(built, [290]);
    assert.equal(connections(built), 11);
    assert.equal(built.agent.collected[0].runs, 0);

    const other = buildReady('life-of-a-packet');
    replayWithPauses(other, [310]);
    assert.deepEqual(other.agent.collected[0], { runs: 1, connections: 11, mappings: 0 });
    assert.equal(connections(other), 0);
  });

  test('leaves everything alone when it is not to collect', () => {
    const built = buildReady('life-of-a-packet');
    built.agent.collects = false;
    replayWithPauses(built, [310, 10_000]);
    assert.deepEqual(built.agent.collected[0], { runs: 0, connections: 0, mappings: 0 });
    assert.equal(connections(built), 11);
  });

  test('a signal of a full map brings the run forward, once a second at most', () => {
    const built = buildReady('life-of-a-packet');
    replayWithPauses(built, []);
    const { clock, agent } = built;
    const { signals } = built.nodes[0].datapath;
    const signal = (kind: number): void => {
      const at = signals.reserve(8);
      put32le(signals.bytes, at, kind);
      put32le(signals.bytes, at + 4, 0);
    };
    const poll = (nowSeconds: number): number => {
      clock.set(nowSeconds * 1e9);
      agent.poll();
      return agent.collected[0].runs;
    };
    const now = clock.nowSeconds;
    signal(2);
    assert.equal(poll(now + 1), 0, 'a demand for authentication is none for collection');
    signal(1);
    assert.equal(poll(now + 1), 0);
    assert.equal(poll(now + 2), 1);
    assert.equal(poll(now + 3), 1);
    signal(0);
    signal(0);
    assert.equal(poll(now + 100), 2);
    assert.deepEqual(agent.collected[0], { runs: 2, connections: 11, mappings: 0 });
  });
});
