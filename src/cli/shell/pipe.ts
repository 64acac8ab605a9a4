/** What stands behind a pipe: grep, head, tail, sort, uniq and wc, as far as people use them on listings. */
import { UsageError } from '../exit-codes.js';
import { countOf, lastValue, readFlags, valuesOf, wholeNumber } from './flags.js';
import { egrep, grep } from './grep.js';

/** A filter of lines; they come and go without their ends. */
export interface Filter {
  line(line: string): readonly string[];
  end(): readonly string[];
  /** When all lines are through. */
  readonly exitCode: number;
}

type MakeFilter = (words: readonly string[]) => Filter;

const FILTERS: Readonly<Record<string, MakeFilter>> = { grep, egrep, head, tail, sort, uniq, wc, cat };

/** Lines through several filters, one behind the other. */
export class Pipe {
  readonly #filters: readonly Filter[];
  #rest = '';

  /** Throws UsageError for a command that is no filter here. */
  constructor(commands: readonly (readonly string[])[]) {
    this.#filters = commands.map(([name = '', ...words]) => {
      const make = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
      if (make !== undefined) return make(words);
      const known = Object.keys(FILTERS).join(', ');
      throw new UsageError(`| ${name}: not known behind a pipe; there are ${known}`);
    });
  }

  /** Text in, text out; an unfinished line waits for its end. */
  text(text: string): string {
    if (this.#filters.length === 0) return text;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    return join(this.#through(lines, 0));
  }

  end(): string {
    if (this.#filters.length === 0) return '';
    const last = this.#rest === '' ? [] : [this.#rest];
    this.#rest = '';
    let lines = this.#through(last, 0);
    this.#filters.forEach((filter, i) => {
      lines = [...lines, ...this.#through(filter.end(), i + 1)];
    });
    return join(lines);
  }

  /** Of the last command; `own` is that of the tool in front. */
  exitCode(own: number): number {
    return this.#filters.at(-1)?.exitCode ?? own;
  }

  #through(lines: readonly string[], from: number): readonly string[] {
    let out = lines;
    for (let i = from; i < this.#filters.length; i++)
      out = out.flatMap((line) => this.#filters[i].line(line));
    return out;
  }
}

function join(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** `-n 5`, `-5`; ten without. */
function lineCount(tool: string, words: readonly string[]): number {
  const short = words.map((word) => /^-(\d+)$/.exec(word)?.[1]).find((count) => count !== undefined);
  if (short !== undefined && words.length === 1) return Number(short);
  const given = readFlags(tool, words, [{ name: '--lines', short: '-n', takesValue: true }]);
  const value = valuesOf(given, '--lines').at(-1) ?? '10';
  return wholeNumber(tool, '-n', value.replace(/^-/, ''), 0, 1_000_000_000);
}

function head(words: readonly string[]): Filter {
  let left = lineCount('head', words);
  return { line: (line) => (left-- > 0 ? [line] : []), end: () => [], exitCode: 0 };
}

function tail(words: readonly string[]): Filter {
  const from = words.join(' ').match(/^-n ?\+(\d+)$/)?.[1];
  if (from !== undefined) {
    let skip = Math.max(0, Number(from) - 1);
    return { line: (line) => (skip-- > 0 ? [] : [line]), end: () => [], exitCode: 0 };
  }
  const count = lineCount('tail', words);
  const held: string[] = [];
  return {
    line: (line) => {
      held.push(line);
      if (held.length > count) held.shift();
      return [];
    },
    end: () => held,
    exitCode: 0,
  };
}

/** As in the C locale: by bytes. */
function sort(words: readonly string[]): Filter {
  const given = readFlags('sort', words, [
    { name: '--reverse', short: '-r' },
    { name: '--numeric-sort', short: '-n' },
    { name: '--unique', short: '-u' },
    { name: '--key', short: '-k', takesValue: true },
  ]);
  const key = lastValue(given, '--key');
  const column = key === null ? 0 : wholeNumber('sort', '-k', key.split(',')[0], 1, 1000);
  const isNumeric = countOf(given, '--numeric-sort') > 0;
  const keyOf = (line: string): string =>
    column === 0
      ? line
      : (line.match(/\s*\S+/g) ?? [])
          .slice(column - 1)
          .join('')
          .trimStart();
  const compare = (a: string, b: string): number => {
    const difference = isNumeric
      ? number(keyOf(a)) - number(keyOf(b))
      : Buffer.compare(Buffer.from(keyOf(a)), Buffer.from(keyOf(b)));
    return difference || Buffer.compare(Buffer.from(a), Buffer.from(b));
  };
  const held: string[] = [];
  return {
    line: (line) => {
      held.push(line);
      return [];
    },
    end: () => {
      held.sort(compare);
      if (countOf(given, '--reverse') > 0) held.reverse();
      return countOf(given, '--unique') > 0 ? [...new Set(held)] : held;
    },
    exitCode: 0,
  };
}

function number(text: string): number {
  return Number.parseFloat(text) || 0;
}

function uniq(words: readonly string[]): Filter {
  const counts = countOf(readFlags('uniq', words, [{ name: '--count', short: '-c' }]), '--count') > 0;
  let last: string | null = null;
  let times = 0;
  const told = (): string[] =>
    last === null ? [] : [counts ? `${String(times).padStart(7)} ${last}` : last];
  return {
    line: (line) => {
      if (line === last) {
        times++;
        return [];
      }
      const text = told();
      last = line;
      times = 1;
      return text;
    },
    end: told,
    exitCode: 0,
  };
}

function wc(words: readonly string[]): Filter {
  const given = readFlags('wc', words, [{ name: '--lines', short: '-l' }]);
  if (countOf(given, '--lines') === 0) throw new UsageError('wc: there is wc -l alone');
  let lines = 0;
  return {
    line: () => {
      lines++;
      return [];
    },
    end: () => [String(lines)],
    exitCode: 0,
  };
}

function cat(words: readonly string[]): Filter {
  if (words.length > 0) throw new UsageError(`cat: reads what comes through the pipe, no file ${words[0]}`);
  return { line: (line) => [line], end: () => [], exitCode: 0 };
}
