/**
 * Linux as the judge of conntrack and masquerading: recorded (Linux 6.18, test/data/netfilter/kernel.json), and where
 * there is root the kernel of this machine. `RECORD=1` writes the recording anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { repositoryRoot } from '../../support/repository.js';
import { KERNEL_CASES, MASQUERADE_RULES } from './kernel-cases.js';
import { runOnKernel, whyNoLab } from './kernel-lab.js';
import { ModelLab } from './model-lab.js';
import { type CaseResult, checkResult } from './results.js';

const RECORDING = path.join(repositoryRoot, 'test/data/netfilter/kernel.json');

function compare(expected: CaseResult): void {
  const kernelCase = KERNEL_CASES.find(({ name }) => name === expected.name)!;
  checkResult(new ModelLab().run(kernelCase), expected);
}

describe('as Linux was recorded', () => {
  const recorded = JSON.parse(readFileSync(RECORDING, 'utf8')) as readonly CaseResult[];
  for (const result of recorded) test(result.name, () => compare(result));
});

test('as Linux does here', { skip: whyNoLab() ?? false }, async (t) => {
  const results = runOnKernel(KERNEL_CASES, MASQUERADE_RULES);
  if (process.env.RECORD === '1') writeFileSync(RECORDING, `${JSON.stringify(results, null, 1)}\n`);
  for (const result of results) await t.test(result.name, () => compare(result));
});
