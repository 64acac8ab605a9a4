import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onlyKnownFailures } from './known-failures.js';
import { printReport } from './print.js';
import { totalOf } from './report.js';
import { runVectors, vectorFiles } from './run.js';
import { EVERYTHING } from './run-file.js';

const VECTORS = fileURLToPath(new URL('../../../test/data/vectors', import.meta.url));

test('the repository carries every recorded set, in 10 MB or less', () => {
  const files = vectorFiles(VECTORS);
  assert.equal(files.length, 32);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(bytes <= 10_000_000, `${bytes} bytes`);
});

test('every step of every program gives exactly what was recorded', async () => {
  const report = await runVectors({
    vectors: VECTORS,
    selection: EVERYTHING,
    maxFailures: 100,
    workers: Math.min(availableParallelism(), 4),
  });
  const { steps, notEmulated } = totalOf(report);
  assert.ok(steps > 300_000, `${steps} steps`);
  assert.equal(notEmulated, 0);
  assert.deepEqual(report.notices, []);
  assert.ok(onlyKnownFailures(report), printReport(report, 3));
});
