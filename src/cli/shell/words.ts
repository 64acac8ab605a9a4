/** A command line as a shell takes it apart: words, quotes, pipes. Nothing is expanded. */
import { UsageError } from '../exit-codes.js';

/** The commands of a pipe, each with its words. */
export type CommandLine = readonly (readonly string[])[];

/** Signs of a shell that are not understood here, outside of quotes. */
const NOT_UNDERSTOOD = /[;&<>`$(){}]/;

/** Reads one text. Throws UsageError for what is not understood. */
export function readCommandLine(text: string): CommandLine {
  const commands: string[][] = [[]];
  let word: string | null = null;
  const endWord = (): void => {
    if (word !== null) commands[commands.length - 1].push(word);
    word = null;
  };
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === "'" || sign === '"') {
      const end = text.indexOf(sign, at + 1);
      if (end < 0) throw new UsageError(`${text}: the quote ${sign} does not end`);
      word = (word ?? '') + text.slice(at + 1, end);
      at = end;
    } else if (sign === '\\' && at + 1 < text.length) {
      word = (word ?? '') + text[++at];
    } else if (/\s/.test(sign)) {
      endWord();
    } else if (sign === '|') {
      endWord();
      commands.push([]);
    } else if (NOT_UNDERSTOOD.test(sign)) {
      throw new UsageError(`${text}: ${sign} is not understood here: one command, and pipes behind it`);
    } else word = (word ?? '') + sign;
  }
  endWord();
  return commands;
}

/**
 * Reads arguments: one that holds a whole command line is taken apart, words are taken as they are, and a `|` among
 * them is a pipe.
 */
export function readArguments(args: readonly string[]): CommandLine {
  const [first, ...others] = args;
  if (first === undefined) return [[]];
  const commands = readCommandLine(first).map((words) => [...words]);
  for (const word of others) {
    if (word === '|') commands.push([]);
    else commands[commands.length - 1].push(word);
  }
  return commands;
}
