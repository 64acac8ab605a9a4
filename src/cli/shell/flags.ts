/** Options of another tool's command line, read as that tool reads them. */
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';

export interface Flag {
  /** `--type`. */
  readonly name: string;
  /** `-t`. */
  readonly short?: string;
  /** Whether a value follows; given several times it has several. */
  readonly takesValue?: boolean;
}

/** Flags in the order in which they stand, with their values; of those that take none '', or `false` for `--FLAG=false`. */
export type GivenFlag = readonly [name: string, value: string];

/** Reads `words`. Throws UsageError for a word that is none of `flags`; `tool` is named in it. */
export function readFlags(tool: string, words: readonly string[], flags: readonly Flag[]): GivenFlag[] {
  const given: GivenFlag[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (/^-[^-]./.test(word)) {
      const rest = readShort(tool, word, flags, given);
      if (rest !== null) given.push([rest, valueAt(tool, rest, words, ++i)]);
      continue;
    }
    const [name, attached] = split(word);
    const flag = flags.find((one) => one.name === name || one.short === name);
    if (flag === undefined) throw unknown(tool, word, flags);
    if (!flag.takesValue) {
      if (attached !== null && !/^(?:true|false)$/.test(attached)) {
        throw new UsageError(`${tool}: ${name} takes no value`);
      }
      given.push([flag.name, attached === 'false' ? 'false' : '']);
    } else given.push([flag.name, attached ?? valueAt(tool, name, words, ++i)]);
  }
  return given;
}

/** Letters in one word: `-vv`, `-njo`, `-tdrop`. Answers the flag whose value is the next word; null for none. */
function readShort(tool: string, word: string, flags: readonly Flag[], given: GivenFlag[]): string | null {
  for (let at = 1; at < word.length; at++) {
    const flag = flags.find(({ short }) => short === `-${word[at]}`);
    if (flag === undefined) throw unknown(tool, word, flags);
    if (!flag.takesValue) {
      given.push([flag.name, '']);
      continue;
    }
    const value = word.slice(at + 1).replace(/^=/, '');
    if (value === '') return flag.name;
    given.push([flag.name, value]);
    return null;
  }
  return null;
}

function split(word: string): readonly [name: string, value: string | null] {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? [word, null] : [word.slice(0, equals), word.slice(equals + 1)];
}

function valueAt(tool: string, name: string, words: readonly string[], at: number): string {
  if (at < words.length) return words[at];
  throw new UsageError(`${tool}: ${name} takes a value`);
}

function unknown(tool: string, word: string, flags: readonly Flag[]): UsageError {
  const names = flags.map(({ name }) => name);
  const hint = suggestion(word, names) || `; it takes ${names.join(', ')}`;
  return new UsageError(
    word.startsWith('-') ? `${tool}: no option ${word}${hint}` : `${tool}: one word too many: ${word}`,
  );
}

/** The values of a flag, lists by commas taken apart. */
export function valuesOf(given: readonly GivenFlag[], name: string): string[] {
  return given
    .filter(([flag]) => flag === name)
    .flatMap(([, value]) => value.split(',').map((one) => one.trim()));
}

/** How often a flag without value is given. */
export function countOf(given: readonly GivenFlag[], name: string): number {
  return given.filter(([flag, value]) => flag === name && value !== 'false').length;
}

/** The value that counts of several: the last; null without. */
export function lastValue(given: readonly GivenFlag[], name: string): string | null {
  return given.findLast(([flag]) => flag === name)?.[1] ?? null;
}

/** Throws UsageError for a value that is none of `known`, and names those there are. */
export function oneOf<T extends string>(tool: string, flag: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  const hint = suggestion(value, known) || `; there are ${known.join(', ')}`;
  throw new UsageError(`${tool}: ${flag} ${value}: not known${hint}`);
}

/** A whole number from `least` to `most`. */
export function wholeNumber(tool: string, flag: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  throw new UsageError(`${tool}: ${flag} ${value}: not a whole number from ${least} to ${most}`);
}
