/**
 * Thins vector files to a byte budget by whole scenarios, so that what is left covers as many kinds of scenario, entry
 * programs, verdicts, drop reasons, events and map changes as fit:
 *
 *   node dist/test/conformance/thin.js --from DIR --to DIR [--budget BYTES] [--quality N]
 */
import { createWriteStream, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress } from 'node:zlib';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { eventName } from './causes.js';
import { fileSet, parseScenario, readLines } from './read-scenarios.js';
import { vectorFiles } from './run.js';
import type { Scenario, Step } from './vector-format.js';

/** Files below this size are kept whole. */
const SMALL_FILE = 120_000;

/** A kind of scenario that no set shows yet counts as much as this many other things. */
const KIND_WEIGHT = 30;

interface Candidate {
  readonly line: Buffer;
  /** The scenario's name without its number. */
  readonly kind: string;
  /** What the scenario shows, by name. */
  readonly tokens: ReadonlySet<string>;
}

/** What a step shows. */
function* stepTokens({ entry, frame, expect, pre, tunnel, fib }: Step): Generator<string> {
  yield `${entry} ${expect.verdict} ${expect.dropReason}`;
  yield `${entry} type ${frame.slice(24, 28)} protocol ${frame.slice(46, 48)}`;
  for (const event of expect.events ?? []) {
    const reason = event.hex.startsWith('04') ? event.hex.slice(52, 54) : '';
    yield `${entry} ${eventName(event)} ${reason}`;
  }
  for (const { kind } of expect.redirects ?? []) yield `${entry} ${kind}`;
  for (const { fn } of expect.calls ?? []) yield `${entry} ${fn}`;
  for (const [map, { set = [], deleted = [] }] of Object.entries(expect.maps ?? {})) {
    if (set.length > 0) yield `${entry} ${map} set ${set.length}`;
    if (deleted.length > 0) yield `${entry} ${map} deleted`;
  }
  for (const metric of Object.keys(expect.metrics ?? {})) yield `${entry} ${metric}`;
  for (const map of Object.keys(pre ?? {})) yield `agent ${map}`;
  if (tunnel) yield `${entry} tunnel ${tunnel.ret} ${tunnel.v6}`;
  if (fib) yield `${entry} fib ${fib.ret} ${fib.nh?.length}`;
}

function tokensOf(scenario: Scenario): Set<string> {
  const tokens = new Set<string>();
  for (const step of scenario.steps) for (const token of stepTokens(step)) tokens.add(token);
  return tokens;
}

/**
 * Takes candidates until their bytes reach `budget`, each time the one that shows most per byte; what was shown n
 * times before counts 1 / (n + 1)^4. `kindsShown` counts scenario kinds over all files. Answers the chosen ones in
 * the order of the file.
 */
function choose(
  candidates: readonly Candidate[],
  budget: number,
  kindsShown: Map<string, number>,
): Candidate[] {
  const shown = new Map<string, number>();
  const left = new Set(candidates);
  const chosen = new Set<Candidate>();
  for (let bytes = 0; ; ) {
    let best: Candidate | null = null;
    let bestGain = 0;
    for (const candidate of left) {
      if (bytes + candidate.line.length > budget) continue;
      let gain = KIND_WEIGHT / ((kindsShown.get(candidate.kind) ?? 0) + 1) ** 4;
      for (const token of candidate.tokens) gain += 1 / ((shown.get(token) ?? 0) + 1) ** 4;
      gain /= candidate.line.length;
      if (gain > bestGain) [best, bestGain] = [candidate, gain];
    }
    if (best === null) break;
    for (const token of best.tokens) shown.set(token, (shown.get(token) ?? 0) + 1);
    kindsShown.set(best.kind, (kindsShown.get(best.kind) ?? 0) + 1);
    bytes += best.line.length;
    left.delete(best);
    chosen.add(best);
  }
  return candidates.filter((candidate) => chosen.has(candidate));
}

async function thinFile(
  from: string,
  to: string,
  share: number,
  quality: number,
  kindsShown: Map<string, number>,
): Promise<void> {
  const candidates: Candidate[] = [];
  for await (const line of readLines(from)) {
    const scenario = parseScenario(line, `${from}:${candidates.length + 1}`);
    const kind = scenario.name.replace(/-\d+$/, '');
    candidates.push({ line: Buffer.from(line), kind, tokens: tokensOf(scenario) });
  }
  const size = candidates.reduce((sum, { line }) => sum + line.length, 0);
  const chosen = choose(candidates, size * share, kindsShown);
  const lines = chosen.flatMap(({ line }) => [line, Buffer.from('\n')]);
  const compress = createBrotliCompress({
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: lines.reduce((sum, line) => sum + line.length, 0),
    },
  });
  await pipeline(Readable.from(lines), compress, createWriteStream(to));
  const things = (list: readonly Candidate[]): number =>
    new Set(list.flatMap(({ tokens }) => [...tokens])).size;
  process.stdout.write(
    `${fileSet(from)}: ${chosen.length} of ${candidates.length} scenarios, ` +
      `${things(chosen)} of ${things(candidates)} things shown, ${statSync(to).size} bytes\n`,
  );
}

const args = yargs(hideBin(process.argv))
  .options({
    from: { type: 'string', demandOption: true, describe: 'folder of vector files' },
    to: { type: 'string', demandOption: true, describe: 'folder to write the thinned files to' },
    budget: { type: 'number', default: 8_000_000, describe: 'compressed bytes in all, about' },
    quality: { type: 'number', default: 11, describe: 'of brotli' },
  })
  .strict()
  .version(false)
  .parseSync();

mkdirSync(args.to, { recursive: true });
const files = vectorFiles(args.from);
const sizeOf = (path: string): number => statSync(path).size;
const small = files.filter((file) => sizeOf(file) < SMALL_FILE);
const total = (list: readonly string[]): number => list.reduce((sum, file) => sum + sizeOf(file), 0);
const share = Math.min(1, (args.budget - total(small)) / (total(files) - total(small)));
const kindsShown = new Map<string, number>();
for (const file of files) {
  const fileShare = small.includes(file) ? 1 : share;
  await thinFile(file, join(args.to, `${fileSet(file)}.jsonl.br`), fileShare, args.quality, kindsShown);
}
