/** docs/topologies.md: its examples are sound, and it names every key of the configuration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { SETTERS } from '../../src/topologies/config-keys.js';
import { readTopology } from '../../src/topologies/load.js';
import { readText } from '../support/repository.js';

const document = readText('docs/topologies.md');
const blocks = [...document.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1]);

test('every block, put over the first one, is a topology without faults', () => {
  const base = parse(blocks[0]);
  assert.equal(blocks.length, 8);
  for (const block of blocks) {
    const own = parse(block);
    const whole = stringify({ ...base, ...own, cilium: { ...base.cilium, ...own.cilium } });
    assert.deepEqual(readTopology(whole, block).warnings, []);
  }
});

test('every key is in the table', () => {
  const missing = [...SETTERS.keys()].filter((key) => !document.includes(`\`${key}\``));
  assert.deepEqual(missing, []);
});
