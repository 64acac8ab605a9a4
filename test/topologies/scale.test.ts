/** Work is counted, not timed: how often each block of our code runs while a topology is checked and built. */
import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { test } from 'node:test';
import { largeTopology, type Size } from '../../bench/large-topologies.js';
import { build } from './support.js';

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
// What runs once in a process is not counted: counters start anew each time they are read.
await work({ nodes: 2, pods: 10, services: 10, backends: 2, policies: 2 });

async function work(size: Size): Promise<number> {
  const spec = largeTopology(size);
  await session.post('Profiler.takePreciseCoverage');
  build(spec);
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const own = result.filter(({ url }) => url.includes('/dist/src/'));
  const ranges = own.flatMap(({ functions }) => functions.flatMap((each) => each.ranges));
  return ranges.reduce((total, { count }) => total + count, 0);
}

/** How many times as much work `twice` is. */
async function growth(once: Size, twice: Size): Promise<number> {
  const before = await work(once);
  return (await work(twice)) / before;
}

const NODE: Size = { nodes: 1, pods: 100, services: 400, backends: 3, policies: 20 };
const CLUSTER: Size = { nodes: 8, pods: 20, services: 0 };

test('twice the pods', async () => {
  const grown = await growth(NODE, { ...NODE, pods: 200 });
  assert.ok(grown < 1.6, `${grown}`);
});

test('twice the services', async () => {
  const grown = await growth(NODE, { ...NODE, services: 800 });
  assert.ok(grown < 2, `${grown}`);
});

test('twice the policies', async () => {
  const grown = await growth(NODE, { ...NODE, policies: 40 });
  assert.ok(grown < 1.5, `${grown}`);
});

test('twice the pods, services and policies', async () => {
  const grown = await growth(NODE, { ...NODE, pods: 200, services: 800, policies: 40 });
  assert.ok(grown < 2.2, `${grown}`);
});

test('twice the nodes: each has the pods of all in its maps, and no more than that', async () => {
  const grown = await growth(CLUSTER, { ...CLUSTER, nodes: 16 });
  assert.ok(grown < 4, `${grown}`);
});
