/**
 * The same network of two routers and a server in Linux and in the engine, the same frames: every device's tap must see
 * the same frames in the same order. What is left out of the comparison is in results.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CASES } from './cases.js';
import { runOnKernel, whyNoLab } from './kernel-lab.js';
import { ModelLab } from './model-lab.js';
import { linesOf } from './results.js';

const reason = whyNoLab();

describe('forwarding, answers and errors as Linux has them', { skip: reason ?? false }, () => {
  const kernel = reason === null ? runOnKernel(CASES) : [];
  const model = new ModelLab();
  CASES.forEach((one, i) => {
    test(one.name, () => {
      const expected = linesOf(kernel[i]);
      const answers = expected.client.filter((line) => line.startsWith('cl in'));
      assert.equal(answers.length, one.answers);
      assert.deepEqual(linesOf(model.run(one)), expected);
    });
  });
});
