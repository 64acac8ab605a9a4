/** Every frame of every capture that the repository carries is accounted for once, in each view of the summary. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { AsEthernet } from '../../src/cli/replay/as-ethernet.js';
import { Feed } from '../../src/cli/replay/feed.js';
import { MapSizes, type ReplaySummary, summarize } from '../../src/cli/replay/summary.js';
import { Clock } from '../../src/engine/clock.js';
import { SeededRandom } from '../../src/engine/random.js';
import { CaptureError } from '../../src/io/capture-error.js';
import { openCapture } from '../../src/io/capture-file.js';
import type { PacketSource } from '../../src/io/packet-source.js';
import { buildTopology } from '../../src/topologies/build.js';
import { loadTopology } from '../../src/topologies/load.js';
import { Replay } from '../../src/topologies/replay.js';
import { filesIn, repositoryRoot } from '../support/repository.js';

const built = buildTopology(loadTopology('life-of-a-packet').spec, {
  clock: new Clock(),
  random: new SeededRandom(1),
});

async function open(file: string): Promise<PacketSource | null> {
  try {
    return new AsEthernet(await openCapture(path.join(repositoryRoot, file)));
  } catch (error) {
    if (error instanceof CaptureError) return null;
    throw error;
  }
}

async function replay(source: PacketSource): Promise<ReplaySummary> {
  const run = new Replay(built, { captureDevice: null, oneWay: false });
  const mapSizes = new MapSizes(run);
  const options = { limit: Number.POSITIVE_INFINITY, speed: 0, only: -1 };
  const feed = new Feed(source, run, {
    ...options,
    recorder: null,
    monitor: null,
    listener: null,
    progress: null,
    pathRows: 4096,
  });
  await feed.run();
  source.close();
  return summarize(feed, run, { capture: source.name, inferred: false, mapSizes, programs: [], top: 1e9 });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

test('frames in are frames out', async () => {
  const files = ['lab', 'pcapng', 'tcpdump'].flatMap((folder) => filesIn(`test/data/${folder}`));
  assert.ok(files.length > 100);
  for (const file of files) {
    const source = await open(file);
    if (source === null) continue;
    const { frames, totals, fates, flows, outputs } = await replay(source);
    const walked = frames.fromPods + frames.fromOutside + frames.fromNodeStack;
    assert.equal(walked + frames.answersSeen + frames.leftOut + frames.otherLinkType, frames.read, file);
    assert.equal(sum(Object.values(totals)), walked, file);
    assert.equal(sum(Object.values(fates.delivered)), totals.delivered, file);
    assert.equal(sum(Object.values(fates.transmitted)), totals.transmitted, file);
    assert.equal(sum(Object.values(fates.stack)), totals.stack, file);
    assert.equal(sum(fates.dropped.map((drop) => drop.frames)), totals.dropped, file);
    assert.equal(sum(flows.top.map((flow) => flow.frames)), walked, file);
    assert.equal(sum(flows.top.flatMap((flow) => flow.paths.map((part) => part.frames))), walked, file);
    const compared = outputs.matched + outputs.matchedButLinkHeader + outputs.different + outputs.missing;
    assert.equal(compared, outputs.expected, file);
  }
});
