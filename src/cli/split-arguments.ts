/** Where a command's own arguments end and the command line of another tool begins. */
import type { Options } from 'yargs';

export interface SplitArguments {
  readonly own: readonly string[];
  readonly words: readonly string[];
}

/**
 * Splits the arguments behind the first `skipped`, which name the command: the tool's words begin behind `--`, or with
 * what is neither an option nor an option's value. An option that is not among the declared ones is the tool's, or
 * ours to refuse.
 */
export function splitAtTool(
  args: readonly string[],
  skipped: number,
  declared: Readonly<Record<string, Options>>,
  others: 'ours' | "the tool's",
): SplitArguments {
  const plain = new Set(['--help', '-h']);
  const valued = new Set<string>();
  for (const [name, { type, alias }] of Object.entries(declared)) {
    const names = type === 'boolean' ? plain : valued;
    names.add(`--${name}`);
    if (alias !== undefined) names.add(`-${alias}`);
  }
  let i = skipped;
  for (; i < args.length && args[i] !== '--'; i++) {
    const [name] = args[i].split('=', 1);
    if (valued.has(name)) i += args[i].includes('=') ? 0 : 1;
    else if (!plain.has(name) && !(others === 'ours' && name.startsWith('-'))) break;
  }
  return { own: args.slice(0, i), words: args.slice(args[i] === '--' ? i + 1 : i) };
}
