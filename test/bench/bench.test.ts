import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { type Case, measureCase, median, type Result } from '../../bench/harness.js';
import { readBaseline, table } from '../../bench/report.js';

const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-bench-'));

function writeJson(name: string, value: unknown): string {
  const file = path.join(directory, name);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

test('median', () => {
  assert.equal(median([1, 2, 30]), 2);
  assert.equal(median([1, 2, 4, 30]), 3);
});

describe('measureCase', () => {
  test('each run is reset, timed and verified', () => {
    const calls: string[] = [];
    const item: Case = {
      flows: 16,
      phase: 'new',
      packets: 100,
      bytes: 6400,
      reset: () => calls.push('reset'),
      run: () => {
        calls.push('run');
        const end = performance.now() + 1;
        while (performance.now() < end);
      },
      verify: () => calls.push('verify'),
    };
    const result = measureCase('sleep', item, 7);
    assert.equal(result.runs, 7);
    assert.equal(result.flows, 16);
    assert.equal(result.phase, 'new');
    assert.ok(result.min >= 10_000 && result.min <= result.nsPerPacket && result.nsPerPacket <= result.max);
    assert.ok(result.packetsPerSecond <= 100_000);
    assert.ok(calls.length >= 9 * 3);
    for (let i = 0; i < calls.length; i += 3) {
      assert.deepEqual(calls.slice(i, i + 3), ['reset', 'run', 'verify']);
    }
  });

  test('wrong packets are an error that names the case', () => {
    const item: Case = {
      flows: 1,
      phase: 'established',
      packets: 1,
      run: () => {},
      verify: () => {
        throw new Error('packet 3 has no checksum');
      },
    };
    assert.throws(
      () => measureCase('walk', item, 7),
      /^Error: walk, 1 flows, established: packet 3 has no checksum$/,
    );
  });
});

describe('table', () => {
  const result = (name: string, phase: 'established' | 'new', nsPerPacket: number): Result => ({
    name,
    flows: 1024,
    phase,
    nsPerPacket,
    packetsPerSecond: 1e9 / nsPerPacket,
    runs: 9,
    min: nsPerPacket - 10,
    max: nsPerPacket + 10,
  });

  test('sets figures against a baseline', () => {
    const baseline = readBaseline(
      writeJson('kernel.json', {
        walks: [
          { name: 'walk', flows: 1024, phase: 'established', nsPerPacket: 1000 },
          { name: 'walk', flows: 1024, phase: 'new', nsPerPacket: 2000 },
        ],
      }),
    );
    const results = [
      result('walk', 'established', 400),
      result('walk', 'new', 1700),
      result('other', 'new', 50),
    ];
    assert.deepEqual(table(results, baseline), [
      'name   flows  phase        ns/packet        (min … max)  Mpackets/s  baseline  ratio        target',
      'walk    1024  established      400.0    (390.0 … 410.0)        2.50      1000   0.40     met (0.4)',
      'walk    1024  new             1700.0  (1690.0 … 1710.0)        0.59      2000   0.85  missed (0.8)',
      'other   1024  new               50.0      (40.0 … 60.0)       20.00',
    ]);
  });

  test('an earlier run as a baseline', () => {
    const earlier = result('walk', 'new', 1000);
    const baseline = readBaseline(writeJson('earlier.json', [earlier]));
    assert.match(table([result('walk', 'new', 500)], baseline)[1], /1000 {3}0\.50 {2}met \(0\.8\)$/);
  });

  test('a baseline that is none', () => {
    const missing = path.join(directory, 'missing.json');
    assert.throws(() => readBaseline(missing), /baseline .*missing\.json: ENOENT/);
    assert.throws(() => readBaseline(writeJson('wrong.json', {})), /wrong\.json: neither an array/);
  });
});
