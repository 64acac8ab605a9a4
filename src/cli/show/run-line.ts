/** A whole line as people type it: where the command runs, the command, and the pipe behind it. */
import { Pipe } from '../shell/pipe.js';
import type { CommandLine } from '../shell/words.js';
import type { Output, Place } from './command.js';
import { enter } from './enter.js';
import { runCommand } from './run-command.js';

/** Filters that read a file where one is named: `grep 1.0.0.1 /proc/net/nf_conntrack`. */
const READERS = ['grep', 'egrep', 'head', 'tail', 'sort', 'uniq', 'wc'];

/** Runs the line at a place; `json` asks for the tool's JSON. Throws UsageError for what is not known. */
export function runLine(place: Place, [first = [], ...filters]: CommandLine, json: boolean): Output {
  const entered = enter(place, first);
  const { words, pipe } = fromFile(entered.words, filters);
  const filter = new Pipe(pipe);
  const output = runCommand(entered.place, words, json);
  if (pipe.length === 0) return output;
  const text = filter.text(output.text) + filter.end();
  return { ...output, text, exitCode: filter.exitCode(output.exitCode ?? 0) };
}

function fromFile(
  words: readonly string[],
  filters: CommandLine,
): { readonly words: readonly string[]; readonly pipe: CommandLine } {
  const path = words.at(-1) ?? '';
  if (!READERS.includes(words[0]) || !path.startsWith('/')) return { words, pipe: filters };
  return { words: ['cat', path], pipe: [words.slice(0, -1), ...filters] };
}
