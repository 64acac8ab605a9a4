import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Scenario, Step } from './vector-format.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
after(() => rmSync(folder, { recursive: true }));

/** An IPv4 frame of 14 bytes: dropped with 134 before anything else is looked at. */
const step: Step = {
  on: 'ep1',
  entry: 'cil_from_container',
  now_ns: 1_000_000_000_000,
  ctx: { ifindex: 21, ingress_ifindex: 21 },
  frame: '0a00000001fe0a00000001010800',
  expect: {
    verdict: 2,
    frame: '=',
    dropReason: 134,
    // Drop event: type, reason, source, hash, lengths, version, labels, destination, line to ext_err, ifindex, flags.
    events: [
      {
        hex: [
          '01 86 6500 00000000 0e000000 0e00 0200 e9030000 00000000 00000000 00000000 15000000 00000000',
          '0a00000001fe0a00000001010800',
        ]
          .join('')
          .replaceAll(' ', ''),
      },
    ],
    metrics: { '134:2': [1, 14] },
  },
};

const scenario: Scenario = {
  name: 'short',
  featureSet: 'NEW',
  features: { ENABLE_IPV4: '1', ENABLE_IPV4_FRAGMENTS: '1', MONITOR_AGGREGATION: '3', SKIP_DEBUG: '1' },
  instances: {
    ep1: {
      object: 'lxc',
      config: { endpoint_id: '6500', interface_ifindex: '15000000', security_label: 'e9030000' },
    },
    host: { object: 'host', config: {} },
  },
  maps: {},
  steps: [step, { ...step, on: 'host', entry: 'cil_entry_of_the_future' }],
};

function write(name: string, ...scenarios: Scenario[]): string {
  const path = join(folder, name);
  writeFileSync(path, scenarios.map((one) => `${JSON.stringify(one)}\n`).join(''));
  return path;
}

function conformance(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('all steps pass: exit code 0, counts by set and entry; entries not emulated are left out', () => {
  const { status, stdout } = conformance('--vectors', write('pass.jsonl', scenario), '--json');
  assert.deepEqual(JSON.parse(stdout), {
    steps: 1,
    passed: 1,
    sets: { NEW: { cil_from_container: { steps: 1, passed: 1 } } },
    failures: [],
  });
  assert.equal(status, 0);
});

test('a step fails: exit code 1, each field that differs is one failure, capped', () => {
  const wrong: Step = { ...step, expect: { ...step.expect, verdict: 0, metrics: {} } };
  const path = write('fail.jsonl', { ...scenario, name: 'wrong', steps: [step, wrong] });
  const { status, stdout } = conformance('--vectors', path, '--json', '--max-failures', '3');
  const place = { set: 'NEW', scenario: 'wrong', step: 1, entry: 'cil_from_container' };
  assert.deepEqual(JSON.parse(stdout), {
    steps: 2,
    passed: 1,
    sets: { NEW: { cil_from_container: { steps: 2, passed: 1 } } },
    failures: [
      { ...place, field: 'verdict', expected: 0, actual: 2 },
      { ...place, field: 'ctx.cb', expected: [0, 0, 0, 0, 0], actual: [1001, 0, 134, 0, 2] },
      { ...place, field: 'metrics', expected: {}, actual: { '134:2': [1, 14] } },
    ],
  });
  assert.equal(status, 1);
  const text = conformance('--vectors', path, '--show', '1');
  assert.match(text.stdout, /NEW {2}cil_from_container {6}2 {7}1 {2}50\.00 %/);
  assert.match(text.stdout, /1 {2}cil_from_container {2}verdict: 0 expected, 2 found {2}\[NEW\/wrong#1\]/);
  assert.match(text.stdout, /1 of 2 steps passed \(50\.00 %\)/);
});

test('bad usage and unusable files: exit code 2 and one line that says why', () => {
  const path = write('use.jsonl', scenario);
  const refused = (args: string[], message: RegExp): void => {
    const { status, stdout, stderr } = conformance(...args);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
    assert.equal(stdout, '');
    assert.equal(status, 2);
  };
  refused(['--vectors', join(folder, 'none')], /conformance: .*none: cannot be read: ENOENT/);
  refused(['--vectors', path, '--set', 'A'], /no set named A; there are NEW, use/);
  refused(['--vectors', path, '--entry', 'cil_none'], /no step was selected/);
  refused(['--vectors', path, '--scenarios', 'x'], /Unknown argument: scenarios/);
  refused(['--vectors', path, '--max-failures', 'x'], /--max-failures must be a whole number/);
  const unknownMap: Step = { ...step, pre: { cilium_none: { set: [['00', '00']] } } };
  refused(
    ['--vectors', write('map.jsonl', { ...scenario, steps: [unknownMap] })],
    /map\.jsonl:1: scenario short, step 0: map "cilium_none" is not there/,
  );
});
