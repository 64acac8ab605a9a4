/** The rules of the house, see CONTRIBUTING.md. Each failure says where, and what to do instead. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { filesUnder, readText } from './support/repository.js';

const MAXIMUM_LINES = 500;

/**
 * Which rooms a room may import from, itself apart. Within `engine` the two inner rooms come first; a room not
 * listed is a mistake in the layout.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/engine/wire': [],
  'src/engine/maps': ['src/engine/wire'],
  'src/engine': ['src/engine/wire', 'src/engine/maps'],
  'src/programs': ['src/engine'],
  'src/hosts': ['src/engine'],
  'src/topologies': ['src/engine', 'src/programs', 'src/hosts'],
  'src/io': ['src/engine'],
  'src/live': ['src/engine', 'src/programs', 'src/topologies', 'src/io'],
  'src/cli': ['src'],
  'src/index.ts': ['src'],
  examples: ['src/index.ts'],
  bench: ['src', 'test/support'],
  build: [],
  test: ['src', 'bench', 'build', 'examples'],
};

/** Where a packet passes by: what is slow there is slow for every packet. */
const HOT_ROOMS = ['src/engine/wire/', 'src/engine/hooks/', 'src/engine/stack/', 'src/programs/steps/'];

interface Source {
  readonly file: string;
  readonly lines: readonly string[];
  /** The same lines without comments. */
  readonly code: readonly string[];
}

const sources: readonly Source[] = ['src', 'examples', 'test', 'bench', 'build']
  .flatMap((directory) => filesUnder(directory, ['.ts']))
  .map((file) => {
    const text = readText(file);
    return { file, lines: text.split('\n'), code: withoutComments(text).split('\n') };
  });

const isUnder = (file: string, room: string) =>
  file === room || file.startsWith(room.endsWith('/') ? room : `${room}/`);

/** Keeps the line breaks, so that line numbers stay. A `//` behind a quote or colon is part of a string. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
}

/** `file:line: text` for each line of `files` that matches. */
function findings(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ file, code }) =>
    code.flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

function assertNone(found: readonly string[], remedy: string): void {
  assert.equal(found.length, 0, `${remedy}\n${found.map((line) => `    ${line}`).join('\n')}\n`);
}

function roomOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((room) => isUnder(file, room))
    .sort((a, b) => b.length - a.length)[0];
}

/** Files that `source` imports, without those of packages. */
function importsOf({ file, code }: Source): { line: number; target: string }[] {
  return code.flatMap((line, i) => {
    const specifier = /(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']*)'/.exec(line)?.[1];
    if (specifier === undefined) return [];
    return [{ line: i + 1, target: path.join(path.dirname(file), specifier).replace(/\.js$/, '.ts') }];
  });
}

test('imports go one way', () => {
  const found = sources.flatMap((source) => {
    const room = roomOf(source.file);
    if (room === undefined) return [`${source.file}: in no room that ARCHITECTURE.md knows`];
    return importsOf(source)
      .filter(({ target }) => {
        const other = roomOf(target);
        return other !== room && !MAY_IMPORT[room].some((allowed) => isUnder(target, allowed));
      })
      .map(({ line, target }) => `${source.file}:${line}: ${room} imports ${target}`);
  });
  assertNone(found, 'Move what both need to the inner room, or hand it in (ARCHITECTURE.md, "Rooms"):');
});

test(`no file over ${MAXIMUM_LINES} lines`, () => {
  const found = sources
    .filter(({ lines }) => lines.length > MAXIMUM_LINES + 1)
    .map(({ file, lines }) => `${file}: ${lines.length - 1} lines`);
  assertNone(found, 'Split it by what its parts are about:');
});

test('no console.log in src outside cli', () => {
  const files = sources.filter(({ file }) => isUnder(file, 'src') && !isUnder(file, 'src/cli'));
  assertNone(findings(files, /\bconsole\./), 'Answer it to the caller, or log by pino:');
});

test('no 64-bit BigInt where packets pass', () => {
  const files = sources.filter(({ file }) => HOT_ROOMS.some((room) => isUnder(file, room)));
  assertNone(
    findings(
      files,
      /\bBigInt\b|\bBig(?:Ui|I)nt64Array\b|\b[gs]etBig(?:Ui|I)nt64\b|(?<![\w$.])\d[\d_]*n\b|\b0x[\da-fA-F_]+n\b/,
    ),
    'A BigInt is allocated on the heap; use two 32-bit words (programs/tables/u64.ts):',
  );
});

test('no view, string key or closure per packet in the innermost rooms', () => {
  const files = sources.filter(
    ({ file }) => isUnder(file, 'src/engine/wire') || isUnder(file, 'src/programs/steps'),
  );
  assertNone(
    findings(
      files,
      /\bnew DataView\b|\.subarray\(|\.slice\(|\.toString\(|\.(?:map|forEach|filter|reduce)\(\(/,
    ),
    'These allocate; work on (bytes, at) with engine/wire:',
  );
});

test('only engine/wire and programs/tables compute offsets', () => {
  const files = sources.filter(
    ({ file }) =>
      (isUnder(file, 'src/programs') || isUnder(file, 'src/engine') || isUnder(file, 'src/topologies')) &&
      !isUnder(file, 'src/engine/wire') &&
      !isUnder(file, 'src/engine/maps') &&
      !isUnder(file, 'src/programs/tables'),
  );
  // bytes[at + 12], packet.bytes[start + 0x17], u16(bytes, at + 12): a number added to an offset into a frame.
  const offset = String.raw`\+ *(?:\d{1,4}|0x[\da-fA-F]+)\b`;
  const pattern = new RegExp(
    String.raw`\bbytes\[[^\]]*${offset} *\]|\b(?:put)?[ui]?(?:16|32)(?:le)?\([^,()]*\bbytes, *[^,()]*${offset} *[,)]`,
  );
  assertNone(
    findings(files, pattern),
    'Name it where the layout is, in engine/wire or programs/tables, and call that:',
  );
});

test('no path of one machine', () => {
  const pattern = /(?:^|[\s'"`(=])\/(?:wor[k]|hom[e]|roo[t]|User[s])\//;
  const found = filesUnder('.', ['.ts', '.json', '.md', '.yaml', '.yml', '.sh', '.ci/run']).flatMap((file) =>
    readText(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
  assertNone(found, 'Others have it elsewhere; use a path from the repository or an argument:');
});

test('nothing left to do later', () => {
  const found = sources.flatMap(({ file, lines }) =>
    lines.flatMap((line, i) =>
      /\b(?:TOD[O]|FIXM[E]|XX[X])\b/.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [],
    ),
  );
  assertNone(found, 'Do it now, or open an issue and take the comment out:');
});

test('each skipped test has a reason', () => {
  const files = sources.filter(({ file }) => isUnder(file, 'test'));
  assertNone(
    findings(
      files,
      /\bskip: *true\b|\btodo: *true\b|\b(?:test|it|describe|suite)\.(?:skip|todo|only)\(|\.skip\(\)/,
    ),
    "Say why: { skip: 'needs CAP_NET_ADMIN' }, or t.skip('…'):",
  );
});
