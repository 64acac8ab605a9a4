/** Topologies and captures for the tests of this room. */
import { Clock } from '../../src/engine/clock.js';
import type { MapSpec } from '../../src/engine/maps/map.js';
import { SeededRandom } from '../../src/engine/random.js';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch } from '../../src/io/packet-source.js';
import { buildTopology } from '../../src/topologies/build.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { loadTopology } from '../../src/topologies/load.js';
import type { TopologySpec } from '../../src/topologies/spec.js';

export interface CapturedFrame {
  readonly bytes: Uint8Array;
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** All frames of a capture under test/data. */
export async function readFrames(name: string): Promise<CapturedFrame[]> {
  const source = await openCapture(new URL(`../../../test/data/${name}`, import.meta.url).pathname);
  const frames: CapturedFrame[] = [];
  await forEachBatch(source, new PacketBatch(), (batch) => {
    for (let i = 0; i < batch.count; i++) {
      frames.push({
        bytes: batch.bytes.slice(batch.offset[i], batch.offset[i] + batch.capturedLength[i]),
        seconds: batch.seconds[i],
        nanoseconds: batch.nanoseconds[i],
      });
    }
  });
  source.close();
  return frames;
}

function small(spec: MapSpec): MapSpec {
  return { ...spec, maxEntries: Math.min(spec.maxEntries, 4096) };
}

/** Builds with small maps, clock at 1,000 s, seed 1. */
export function build(spec: TopologySpec): BuiltTopology {
  const clock = new Clock();
  clock.set(1000e9);
  return buildTopology(spec, { clock, random: new SeededRandom(1), mapSpec: small });
}

export function buildReady(name: string): BuiltTopology {
  return build(loadTopology(name).spec);
}
