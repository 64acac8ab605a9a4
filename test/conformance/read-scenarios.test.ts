import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { readLines, readScenarios } from './read-scenarios.js';
import { SAMPLE } from './sample-scenario.js';
import { VectorError } from './vector-format.js';

const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('lines longer than any chunk, an empty line, no newline at the end', async () => {
  const long = 'x'.repeat(3_000_000);
  const path = file('lines.jsonl.br', brotliCompressSync(`a\n${long}\n\n${long}b`));
  const lines = (await all(readLines(path))).map(String);
  assert.deepEqual(
    lines.map((line) => [line.length, line.at(-1)]),
    [
      [1, 'a'],
      [3_000_000, 'x'],
      [3_000_001, 'b'],
    ],
  );
});

test('shards share the scenarios of a file', async () => {
  const names = ['one', 'two', 'three'];
  const path = file('S.jsonl', names.map((name) => `${JSON.stringify({ ...SAMPLE, name })}\n`).join(''));
  const shard = async (index: number): Promise<string[]> =>
    (await all(readScenarios(path, index, 2))).map(({ name }) => name);
  assert.deepEqual(await shard(0), ['one', 'three']);
  assert.deepEqual(await shard(1), ['two']);
});

test('bad files are refused with their place', async () => {
  const good = JSON.stringify(SAMPLE);
  const refused = async (name: string, content: string | Buffer, message: RegExp): Promise<void> => {
    const path = file(name, content);
    await assert.rejects(all(readScenarios(path)), (error: Error) => {
      assert.ok(error instanceof VectorError);
      assert.match(error.message, message);
      return true;
    });
  };
  await refused('json.jsonl', `${good}\n{"name":`, /json\.jsonl:2: not a line of JSON/);
  await refused('shape.jsonl', '[1]\n', /shape\.jsonl:1: not a vector scenario: no "name"/);
  await refused(
    'steps.jsonl',
    '{"name":"x","featureSet":"S","features":{},"instances":{},"maps":{}}',
    /no "steps"/,
  );
  await refused(
    'instance.jsonl',
    JSON.stringify({ ...SAMPLE, instances: {} }),
    /step 0 runs on instance "ep1", which is not there/,
  );
  await refused('brotli.jsonl.br', 'this is not brotli', /brotli\.jsonl\.br: cannot be read/);
  const cut = brotliCompressSync(`${good}\n`.repeat(50));
  await refused('cut.jsonl.br', cut.subarray(0, cut.length - 20), /cut\.jsonl\.br: cannot be read/);
  await assert.rejects(all(readScenarios(join(folder, 'none.jsonl.br'))), /none\.jsonl\.br: cannot be read/);
});
