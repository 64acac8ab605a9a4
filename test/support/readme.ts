/**
 * Commands in documents, run and compared with what the document shows. A document has fenced `console` blocks with
 * lines `$ command`, each followed by its output (standard output and error as a terminal shows them). A line `…` in
 * the output stands for any number of lines. Comments right before a block apply to it:
 *
 *     <!-- varies: REGEX -->      what matches is the same on both sides; several are allowed
 *     <!-- exits: 2 -->           the expected exit status, 0 otherwise
 *     <!-- not run: REASON -->    the block is not run
 *     <!-- needs: TOOL -->        the block is not run where the tool is not installed
 *
 * `npm ci &&` in front of a command, or `npm ci` alone, counts as done.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from './repository.js';

export interface Example {
  /** Line of the command in the document, from 1 on. */
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
  readonly varies: readonly RegExp[];
  readonly exitStatus: number;
  /** Why it is not run; empty when it is. */
  readonly notRun: string;
}

const ANY_LINES = '…';
const TIME_LIMIT_MS = 120_000;

/** All examples of a document. Throws an Error that names the line for a directive that is not known. */
export function examplesOf(markdown: string): Example[] {
  const examples: Example[] = [];
  const lines = markdown.split('\n');
  let directives: Directives = noDirectives();
  for (let i = 0; i < lines.length; i++) {
    const comment = /^<!-- ([a-z ]+): (.*) -->$/.exec(lines[i]);
    if (comment !== null) {
      directives = withDirective(directives, comment[1], comment[2], i + 1);
    } else if (lines[i] === '```console') {
      const end = lines.indexOf('```', i);
      if (end < 0) throw new Error(`line ${i + 1}: the console block does not end`);
      examples.push(...commandsOf(lines.slice(i + 1, end), i + 2, directives));
      i = end;
      directives = noDirectives();
    } else if (lines[i] !== '') {
      directives = noDirectives();
    }
  }
  return examples;
}

type Directives = Pick<Example, 'varies' | 'exitStatus' | 'notRun'>;

function noDirectives(): Directives {
  return { varies: [], exitStatus: 0, notRun: '' };
}

function withDirective(directives: Directives, name: string, value: string, line: number): Directives {
  if (name === 'varies') return { ...directives, varies: [...directives.varies, new RegExp(value, 'g')] };
  if (name === 'exits') return { ...directives, exitStatus: Number(value) };
  if (name === 'not run') return { ...directives, notRun: value };
  if (name === 'needs') {
    const installed = spawnSync(value, ['--version']).error === undefined;
    return installed ? directives : { ...directives, notRun: `skipped: ${value} is not installed` };
  }
  throw new Error(`line ${line}: no such directive: ${name}`);
}

function commandsOf(block: readonly string[], firstLine: number, directives: Directives): Example[] {
  const starts = block.flatMap((line, i) => (line.startsWith('$ ') ? [i] : []));
  if (starts[0] !== 0) throw new Error(`line ${firstLine}: a console block starts with "$ command"`);
  return starts.map((start, i) => ({
    line: firstLine + start,
    command: block[start].slice(2).replace(/^npm ci( && |$)/, ''),
    expected: withoutBlankEnd(block.slice(start + 1, starts[i + 1])),
    ...directives,
  }));
}

function withoutBlankEnd(lines: readonly string[]): string[] {
  let end = lines.length;
  while (end > 0 && lines[end - 1].trim() === '') end--;
  return lines.slice(0, end).map((line) => line.trimEnd());
}

export interface Outcome {
  readonly exitStatus: number | null;
  readonly lines: readonly string[];
}

/** A directory to run examples in: it shows the repository's files, and what a command writes there is thrown away. */
export class Workshop {
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-docs-'));
  readonly #work = path.join(this.#directory, 'work');

  constructor() {
    const bin = path.join(this.#directory, 'bin');
    mkdirSync(bin);
    mkdirSync(this.#work);
    const main = path.join(repositoryRoot, 'dist/src/cli/main.js');
    writeFileSync(path.join(bin, 'packetwalk'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    chmodSync(path.join(bin, 'packetwalk'), 0o755);
    for (const name of readdirSync(repositoryRoot)) {
      if (name !== '.git') symlinkSync(path.join(repositoryRoot, name), path.join(this.#work, name));
    }
  }

  run(command: string): Outcome {
    const result = spawnSync('sh', ['-c', `exec 2>&1\n${command}`], {
      cwd: this.#work,
      encoding: 'utf8',
      timeout: TIME_LIMIT_MS,
      maxBuffer: 1 << 26,
      env: {
        ...process.env,
        PATH: `${path.join(this.#directory, 'bin')}${path.delimiter}${process.env.PATH ?? ''}`,
        npm_config_loglevel: 'silent',
        NO_COLOR: '1',
        NODE_TEST_CONTEXT: undefined,
      },
    });
    if (result.error !== undefined) throw new Error(`${command}: ${result.error.message}`);
    return { exitStatus: result.status, lines: withoutBlankEnd(result.stdout.split('\n')) };
  }

  close(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** Empty when the outcome is what the example shows, else what differs, for a person. */
export function differenceFrom(example: Example, outcome: Outcome): string {
  const problems: string[] = [];
  if (outcome.exitStatus !== example.exitStatus) {
    problems.push(`exit status ${outcome.exitStatus}, expected ${example.exitStatus}`);
  }
  const shown = example.expected.map((line) => normalise(line, example.varies));
  const actual = outcome.lines.map((line) => normalise(line, example.varies));
  if (!matches(shown, actual)) {
    problems.push(
      [
        'the document shows',
        ...indented(example.expected),
        'the command prints',
        ...indented(outcome.lines),
      ].join('\n'),
    );
  }
  return problems.join('\n');
}

/** What varies becomes `~`; runs of spaces in such a line become one, since columns follow the width of values. */
function normalise(line: string, varies: readonly RegExp[]): string {
  const replaced = varies.reduce((text, pattern) => text.replace(pattern, '~'), line);
  return replaced === line ? line : replaced.replace(/ {2,}/g, ' ');
}

function matches(shown: readonly string[], actual: readonly string[]): boolean {
  if (shown.length === 0) return actual.length === 0;
  if (shown[0].trim() !== ANY_LINES)
    return shown[0] === actual[0] && matches(shown.slice(1), actual.slice(1));
  return actual.some((_, i) => matches(shown.slice(1), actual.slice(i))) || matches(shown.slice(1), []);
}

function indented(lines: readonly string[]): string[] {
  return lines.length === 0 ? ['    (nothing)'] : lines.map((line) => `    ${line}`);
}
