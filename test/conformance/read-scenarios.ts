/** Reads vector files (`.jsonl.br`, `.jsonl`) scenario by scenario; only one line is in memory at a time. */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { createBrotliDecompress } from 'node:zlib';
import { type Scenario, VectorError } from './vector-format.js';

const NEWLINE = 10;

/** The file's name without its endings: the name of its feature set. */
export function fileSet(path: string): string {
  return basename(path).replace(/\.jsonl(\.br)?$/, '');
}

/** The lines of a file as bytes, without their newline; empty lines are left out. */
export async function* readLines(path: string): AsyncGenerator<Buffer> {
  const source = createReadStream(path, { highWaterMark: 1 << 18 });
  let text: Readable = source;
  if (path.endsWith('.br')) {
    const decompressor = createBrotliDecompress({ chunkSize: 1 << 20 });
    source.on('error', (error) => decompressor.destroy(error));
    text = source.pipe(decompressor);
  }
  let pieces: Buffer[] = [];
  try {
    for await (const chunk of text as AsyncIterable<Buffer>) {
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
        pieces.push(chunk.subarray(from, to));
        from = to + 1;
        const line = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
        pieces = [];
        if (line.length > 0) yield line;
      }
      if (from < chunk.length) pieces.push(chunk.subarray(from));
    }
  } catch (error) {
    throw new VectorError(`${path}: cannot be read: ${(error as Error).message}`);
  } finally {
    source.destroy();
    text.destroy();
  }
  if (pieces.length > 0) yield Buffer.concat(pieces);
}

/** The scenarios of a file. With `shards` > 1 only every `shards`-th line is parsed, from line `shard` on. */
export async function* readScenarios(path: string, shard = 0, shards = 1): AsyncGenerator<Scenario> {
  let number = 0;
  for await (const line of readLines(path)) {
    number++;
    if ((number - 1) % shards === shard) yield parseScenario(line, `${path}:${number}`);
  }
}

/** Parses one line; `place` names it in errors. */
export function parseScenario(line: Buffer, place: string): Scenario {
  let scenario: Scenario;
  try {
    scenario = JSON.parse(line.toString('utf8'));
  } catch (error) {
    throw new VectorError(`${place}: not a line of JSON: ${(error as Error).message}`);
  }
  const fault = scenarioFault(scenario);
  if (fault !== null) throw new VectorError(`${place}: not a vector scenario: ${fault}`);
  return scenario;
}

function scenarioFault(scenario: Scenario): string | null {
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
  if (!isObject(scenario)) return 'not an object';
  if (typeof scenario.name !== 'string') return 'no "name"';
  if (typeof scenario.featureSet !== 'string') return 'no "featureSet"';
  if (!isObject(scenario.features)) return 'no "features"';
  if (!isObject(scenario.instances)) return 'no "instances"';
  if (!isObject(scenario.maps)) return 'no "maps"';
  if (!Array.isArray(scenario.steps)) return 'no "steps"';
  for (const [index, step] of scenario.steps.entries()) {
    if (!isObject(step) || !isObject(step.ctx) || !isObject(step.expect) || typeof step.frame !== 'string') {
      return `step ${index} has no "ctx", "expect" or "frame"`;
    }
    if (!(step.on in scenario.instances))
      return `step ${index} runs on instance "${step.on}", which is not there`;
  }
  return null;
}
