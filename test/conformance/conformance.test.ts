import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { printReport } from './print.js';
import { fileSet } from './read-scenarios.js';
import { REQUIRED } from './required.js';
import { runVectors, vectorFiles } from './run.js';
import { EVERYTHING } from './run-file.js';

const VECTORS = fileURLToPath(new URL('../../../test/data/vectors', import.meta.url));

test('the repository carries every recorded set, in 10 MB or less', () => {
  const files = vectorFiles(VECTORS);
  const sets = new Set(files.map(fileSet));
  for (const set of Object.values(REQUIRED).flat()) assert.ok(sets.has(set), `no file of set ${set}`);
  assert.equal(files.length, 32);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(bytes <= 10_000_000, `${bytes} bytes`);
});

test('every step of the required programs gives exactly what was recorded', async () => {
  const report = await runVectors({
    vectors: VECTORS,
    selection: { ...EVERYTHING, entries: Object.keys(REQUIRED) },
    maxFailures: 100,
    workers: Math.min(availableParallelism(), 4),
  });
  const short: string[] = [];
  for (const [entry, sets] of Object.entries(REQUIRED)) {
    for (const set of sets) {
      const { steps, passed } = report.sets[set]?.[entry] ?? { steps: 0, passed: 0 };
      if (steps === 0 || passed < steps) short.push(`${set} ${entry}: ${passed} of ${steps} steps`);
    }
  }
  assert.deepEqual(report.notices, []);
  assert.deepEqual(short, [], printReport(report, 3));
});
