/**
 * Linux as the judge of conntrack and masquerading: recorded (Linux 6.18, test/data/netfilter/kernel.json), and where
 * there is root the kernel of this machine. `RECORD=1` writes the recording anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { repositoryRoot } from '../../support/repository.js';
import { KERNEL_CASES } from './kernel-cases.js';
import { runOnKernel, whyNoLab } from './kernel-lab.js';
import { ModelLab } from './model-lab.js';
import type { CaseResult } from './results.js';

const RECORDING = path.join(repositoryRoot, 'test/data/netfilter/kernel.json');
/** Seconds that a listing of the kernel may come later than what it lists. */
const LATE = 3;

function compare(expected: CaseResult): void {
  const kernelCase = KERNEL_CASES.find(({ name }) => name === expected.name)!;
  const result = new ModelLab().run(kernelCase);
  assert.deepEqual(result.outputs, expected.outputs, 'frames that come out');
  const [ours, theirs] = [result.connections, expected.connections].map((lines) =>
    lines.map(split).sort(byText),
  );
  assert.deepEqual(
    ours.map(([text]) => text),
    theirs.map(([text]) => text),
  );
  ours.forEach(([text, seconds], i) => {
    const early = seconds - theirs[i][1];
    assert.ok(early >= 0 && early <= LATE, `${text}: ${seconds} s, Linux ${theirs[i][1]}`);
  });
}

/** A line without its seconds, and these. */
function split(line: string): [string, number] {
  const parts = /^(\S+ +\d+ \S+ +\d+ )(\d+)(.*)$/.exec(line)!;
  return [parts[1] + parts[3], Number(parts[2])];
}

const byText = ([a]: [string, number], [b]: [string, number]): number => (a < b ? -1 : 1);

describe('as Linux was recorded', () => {
  const recorded = JSON.parse(readFileSync(RECORDING, 'utf8')) as readonly CaseResult[];
  for (const result of recorded) test(result.name, () => compare(result));
});

test('as Linux does here', { skip: whyNoLab() ?? false }, async (t) => {
  const results = runOnKernel();
  if (process.env.RECORD === '1') writeFileSync(RECORDING, `${JSON.stringify(results, null, 1)}\n`);
  for (const result of results) await t.test(result.name, () => compare(result));
});
