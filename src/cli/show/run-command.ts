/** Finds the listing that a command line means and runs it. */
import { UsageError } from '../exit-codes.js';
import type { Output, Place, ShowCommand, Tool } from './command.js';
import { mostAlike } from './most-alike.js';
import { TOOLS } from './tools.js';

/** The words of a command line; quotes are not special. */
export function wordsOf(commandLine: string): string[] {
  return commandLine.split(/\s+/).filter((word) => word !== '');
}

/** All commands that are known, as users write them. */
export function knownCommands(): string[] {
  return TOOLS.flatMap((tool) =>
    tool.commands.map(({ words, usage }) => (usage === undefined ? words : `${words} ${usage}`)),
  );
}

/**
 * Runs a command at a place. `json` asks for the tool's JSON as its own option would. Throws UsageError for a command
 * that is not known, and names those nearest to it.
 */
export function runCommand(place: Place, words: readonly string[], json: boolean): Output {
  // `--json` behind the command is ours; bpftool knows it as its own.
  const wantsJson = json || words.includes('--json');
  const line = words.filter((word) => word !== '--json');
  const tool = TOOLS.find(({ names }) => names.includes(line[0]));
  if (tool === undefined) throw unknown(line, knownCommands());
  if (tool.runWords !== undefined) return tool.runWords(place, line.slice(1), wantsJson);
  const parsed = parse(tool, line.slice(1));
  const command = findCommand(tool, parsed.words);
  if (command === undefined) {
    throw unknown(
      [tool.names[0], ...parsed.words],
      tool.commands.map(({ words: known }) => known),
    );
  }
  const args = parsed.words.slice(wordsOf(command.words).length - 1);
  check(tool, command, args, parsed.options);
  const has = (...names: readonly string[]): boolean => names.some((name) => parsed.options.has(name));
  const value = (...names: readonly string[]): string | null => {
    for (const name of names) if (parsed.options.has(name)) return parsed.options.get(name)!;
    return null;
  };
  const asJson = wantsJson || (tool.json?.(has, value) ?? false);
  if (asJson && tool.json === undefined) throw new UsageError(`${tool.names[0]} has no JSON output`);
  const whole = [tool.names[0], ...parsed.line].join(' ');
  return command.run({ line: whole, place, args, has, value, json: asJson });
}

interface Parsed {
  /** In the order of the command line, short words expanded. */
  readonly line: readonly string[];
  /** Without options. */
  readonly words: readonly string[];
  /** With their values; '' for those without. */
  readonly options: ReadonlyMap<string, string>;
}

function parse(tool: Tool, line: readonly string[]): Parsed {
  const valued = [...(tool.valued ?? []), ...tool.commands.flatMap((command) => command.valued ?? [])];
  const short: string[] = [];
  const words: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < line.length; i++) {
    const word = line[i];
    if (!/^-./.test(word)) {
      short.push(word);
      words.push(tool.expand?.(word, words.length) ?? word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (equals >= 0) options.set(name, word.slice(equals + 1));
    else if (valued.includes(name)) options.set(name, line[++i] ?? '');
    else if (tool.bundles && /^-[a-z]{2,}$/i.test(word)) {
      for (const letter of word.slice(1)) options.set(`-${letter}`, '');
    } else options.set(name, '');
  }
  let position = 0;
  const full = line.map((word) => (word === short[position] ? words[position++] : word));
  return { line: full, words, options };
}

/** The command with the most words of its own that the line begins with. */
function findCommand(tool: Tool, words: readonly string[]): ShowCommand | undefined {
  return tool.commands
    .filter((command) => {
      const own = wordsOf(command.words).slice(1);
      return own.every((word, i) => word === words[i]);
    })
    .sort((a, b) => wordsOf(b.words).length - wordsOf(a.words).length)
    .find((command) => words.length - wordsOf(command.words).length + 1 <= (command.maximumArgs ?? 0));
}

function check(
  tool: Tool,
  command: ShowCommand,
  args: readonly string[],
  options: ReadonlyMap<string, string>,
): void {
  const known = [tool.options, tool.valued, command.options, command.valued].flatMap((list) => list ?? []);
  for (const [option, value] of options) {
    if (!known.includes(option)) {
      const which = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
      throw new UsageError(`${command.words}: option ${option} is not known here; ${which}`);
    }
    const takesValue = [...(tool.valued ?? []), ...(command.valued ?? [])].includes(option);
    if (takesValue && value === '') throw new UsageError(`${command.words}: option ${option} takes a value`);
  }
  if (args.length === 0 && command.usage !== undefined && !command.usage.startsWith('[')) {
    throw new UsageError(`${command.words} what? (${command.words} ${command.usage})`);
  }
}

function unknown(line: readonly string[], known: readonly string[]): UsageError {
  const asked = line.join(' ');
  const list = mostAlike(asked, known).map((command) => `\n  ${command}`);
  return new UsageError(`no listing for: ${asked}; the nearest ones are${list.join('')}`);
}
