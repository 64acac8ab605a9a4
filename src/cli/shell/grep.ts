/** grep on lines that come through a pipe. */
import { UsageError } from '../exit-codes.js';
import { countOf, type Flag, lastValue, readFlags, wholeNumber } from './flags.js';
import type { Filter } from './pipe.js';

const GREP_FLAGS: readonly Flag[] = [
  { name: '--ignore-case', short: '-i' },
  { name: '--invert-match', short: '-v' },
  { name: '--count', short: '-c' },
  { name: '--line-number', short: '-n' },
  { name: '--only-matching', short: '-o' },
  { name: '--word-regexp', short: '-w' },
  { name: '--line-regexp', short: '-x' },
  { name: '--quiet', short: '-q' },
  { name: '--extended-regexp', short: '-E' },
  { name: '--fixed-strings', short: '-F' },
  { name: '--perl-regexp', short: '-P' },
  { name: '--regexp', short: '-e', takesValue: true },
  { name: '--after-context', short: '-A', takesValue: true },
  { name: '--before-context', short: '-B', takesValue: true },
  { name: '--context', short: '-C', takesValue: true },
  { name: '--color' },
];

/** As grep -E. */
export function egrep(words: readonly string[]): Filter {
  return grep(['-E', ...words]);
}

/** `grep [-i -v -c -n -o -w -x -q -E -F -e PATTERN -A N -B N -C N] PATTERN`. Throws UsageError. */
export function grep(words: readonly string[]): Filter {
  const isOption = (word: string, i: number): boolean =>
    /^-./.test(word) || /^(?:-[eABC]|--(?:regexp|(?:after-|before-|)context))$/.test(words[i - 1] ?? '');
  const given = readFlags('grep', words.filter(isOption), GREP_FLAGS);
  const others = words.filter((word, i) => !isOption(word, i));
  const patterns = given.filter(([flag]) => flag === '--regexp').map(([, value]) => value);
  if (patterns.length === 0 && others.length === 0) throw new UsageError('grep what? (grep PATTERN)');
  if (patterns.length === 0) patterns.push(others.shift()!);
  if (others.length > 0)
    throw new UsageError(`grep: reads what comes through the pipe, no file ${others[0]}`);
  const has = (name: string): boolean => countOf(given, name) > 0;
  const lines = (name: string): number => {
    const value = lastValue(given, name) ?? lastValue(given, '--context') ?? '0';
    return wholeNumber('grep', name, value, 0, 1_000_000);
  };
  const kind = has('--fixed-strings')
    ? 'fixed'
    : has('--extended-regexp') || has('--perl-regexp')
      ? 'extended'
      : 'basic';
  const matcher = new RegExp(
    patterns
      .map((pattern) => frame(toRegExp(pattern, kind), has('--word-regexp'), has('--line-regexp')))
      .join('|'),
    `g${has('--ignore-case') ? 'i' : ''}`,
  );
  return new Grep(matcher, {
    inverts: has('--invert-match'),
    counts: has('--count'),
    numbers: has('--line-number'),
    onlyMatching: has('--only-matching'),
    isQuiet: has('--quiet'),
    before: lines('--before-context'),
    after: lines('--after-context'),
  });
}

function frame(source: string, isWord: boolean, isLine: boolean): string {
  if (isLine) return `^(?:${source})$`;
  return isWord ? `(?<!\\w)(?:${source})(?!\\w)` : `(?:${source})`;
}

/** In a basic expression `+?|(){}` are themselves, and with a backslash what they are in an extended one. */
function toRegExp(pattern: string, kind: 'fixed' | 'basic' | 'extended'): string {
  if (kind === 'fixed') return pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const classes = pattern.replace(/\[:(\w+):\]/g, (text, name: string) => CHARACTER_CLASSES[name] ?? text);
  const source =
    kind === 'extended'
      ? classes
      : classes
          .replace(/\\?[+?|(){}]/g, (sign) => (sign.length === 2 ? sign[1] : `\\${sign}`))
          .replace(/^\*/, '\\*');
  try {
    new RegExp(source);
  } catch {
    throw new UsageError(`grep: ${pattern}: not a regular expression`);
  }
  return source;
}

const CHARACTER_CLASSES: Readonly<Record<string, string>> = {
  digit: '0-9',
  alpha: 'A-Za-z',
  alnum: 'A-Za-z0-9',
  space: '\\s',
  xdigit: '0-9A-Fa-f',
  upper: 'A-Z',
  lower: 'a-z',
};

interface GrepOptions {
  readonly inverts: boolean;
  readonly counts: boolean;
  readonly numbers: boolean;
  readonly onlyMatching: boolean;
  readonly isQuiet: boolean;
  readonly before: number;
  readonly after: number;
}

class Grep implements Filter {
  readonly #pattern: RegExp;
  readonly #options: GrepOptions;
  /** Lines before the next match, with their numbers. */
  readonly #held: [number, string][] = [];
  #number = 0;
  #matches = 0;
  /** Lines to show behind the last match. */
  #afterLeft = 0;
  #lastShown = 0;

  constructor(pattern: RegExp, options: GrepOptions) {
    this.#pattern = pattern;
    this.#options = options;
  }

  get exitCode(): number {
    return this.#matches > 0 ? 0 : 1;
  }

  line(line: string): readonly string[] {
    const { inverts, counts, isQuiet, onlyMatching, before, after } = this.#options;
    this.#number++;
    const found = line.match(this.#pattern);
    if ((found !== null) !== inverts) {
      this.#matches++;
      if (counts || isQuiet) return [];
      if (onlyMatching) return inverts ? [] : found!.filter((part) => part !== '');
      const shown = this.#held.splice(0).flatMap(([number, text]) => this.#show(number, text, '-'));
      this.#afterLeft = after;
      return [...shown, ...this.#show(this.#number, line, ':')];
    }
    if (counts || isQuiet || onlyMatching) return [];
    if (this.#afterLeft > 0) {
      this.#afterLeft--;
      return this.#show(this.#number, line, '-');
    }
    this.#held.push([this.#number, line]);
    if (this.#held.length > before) this.#held.shift();
    return [];
  }

  end(): readonly string[] {
    return this.#options.counts ? [String(this.#matches)] : [];
  }

  /** Groups of lines with context are apart by `--`. */
  #show(number: number, line: string, sign: string): string[] {
    const { before, after, numbers } = this.#options;
    const isApart = before + after > 0 && this.#lastShown > 0 && number > this.#lastShown + 1;
    this.#lastShown = number;
    return [...(isApart ? ['--'] : []), numbers ? `${number}${sign}${line}` : line];
  }
}
