/** The list of benchmarks; whoever writes one adds its line here. */
import type { Benchmark } from './harness.js';
import { largeBenchmarks } from './large.js';
import { mapBenchmarks } from './maps.js';
import { nodeWalkBenchmarks } from './node-walks.js';
import { readCaptureBenchmarks } from './read-capture.js';
import { replayBenchmarks } from './replay.js';
import { walkBenchmarks } from './walks.js';
import { wireBenchmarks } from './wire.js';

export const benchmarks: readonly Benchmark[] = [
  ...walkBenchmarks,
  ...nodeWalkBenchmarks,
  ...wireBenchmarks,
  ...mapBenchmarks,
  ...readCaptureBenchmarks,
  ...replayBenchmarks,
  ...largeBenchmarks,
];
