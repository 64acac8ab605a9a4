/**
 * Linux as the judge of conntrack and masquerading: recorded (Linux 6.18, test/data/netfilter), and where there is root
 * the kernel of this machine. `RECORD=1` writes the recordings anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { Namespace } from '../../../src/engine/namespace.js';
import type { TcpTrackingSettings } from '../../../src/engine/netfilter/tcp-window.js';
import { repositoryRoot } from '../../support/repository.js';
import { KERNEL_CASES, type KernelCase, MASQUERADE_RULES } from './kernel-cases.js';
import { runOnKernel, whyNoLab } from './kernel-lab.js';
import { ModelLab } from './model-lab.js';
import { type CaseResult, checkResult } from './results.js';
import { WINDOW_CASES } from './window-cases.js';

interface Group {
  readonly what: string;
  /** Under test/data/netfilter. */
  readonly recording: string;
  readonly cases: readonly KernelCase[];
  readonly sysctls: readonly string[];
  readonly settings: Partial<TcpTrackingSettings>;
}

const GROUPS: readonly Group[] = [
  {
    what: 'conntrack and masquerading',
    recording: 'kernel.json',
    cases: [...KERNEL_CASES, ...WINDOW_CASES],
    sysctls: [],
    settings: {},
  },
  {
    what: 'liberal windows',
    recording: 'kernel-liberal.json',
    cases: WINDOW_CASES,
    sysctls: ['be_liberal=1', 'ignore_invalid_rst=1', 'max_retrans=2'],
    settings: { beLiberal: true, ignoreInvalidReset: true, maximumRetransmissions: 2 },
  },
  {
    what: 'nothing picked up in the middle',
    recording: 'kernel-strict.json',
    // The router's own TCP would answer what comes back.
    cases: WINDOW_CASES.filter(({ name }) => name.includes('in the middle')).map(({ name, steps }) => ({
      name,
      steps: steps.filter((step) => typeof step === 'object' && step.at === 'a'),
    })),
    sysctls: ['loose=0'],
    settings: { loose: false },
  },
];

for (const { what, recording, cases, sysctls, settings } of GROUPS) {
  const file = path.join(repositoryRoot, 'test/data/netfilter', recording);
  const compare = (expected: CaseResult): void => {
    const configure = ({ tcpTracking }: Namespace): void => {
      Object.assign(tcpTracking, settings);
    };
    const one = cases.find(({ name }) => name === expected.name)!;
    checkResult(new ModelLab({ configure }).run(one), expected);
  };

  test(`${what}: as Linux does here`, { skip: whyNoLab() ?? false }, async (t) => {
    const setUp = sysctls.map((one) => `sysctl -qw net.netfilter.nf_conntrack_tcp_${one}`).join('\n');
    const results = runOnKernel(cases, MASQUERADE_RULES, setUp);
    if (process.env.RECORD === '1') writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
    for (const result of results) await t.test(result.name, () => compare(result));
  });

  describe(`${what}: as Linux was recorded`, () => {
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as readonly CaseResult[];
    test('all of it', () => assert.equal(recorded.length, cases.length));
    for (const result of recorded) test(result.name, () => compare(result));
  });
}
