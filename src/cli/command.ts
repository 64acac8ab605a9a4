/** What a command is made of. */
import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { SplitArguments } from './split-arguments.js';

export interface CommandText {
  /** Its name, and the arguments that are no options. */
  readonly usage: string;
  readonly describe: string;
}

/** What a command that runs is handed besides its arguments. */
export interface Call {
  /** The command line of another tool that stands behind the own arguments. */
  readonly words: readonly string[];
  /** Where nobody calls it, the command ends as EXIT_DONE. */
  setExitCode(code: number): void;
}

/** What a file in `commands/` exports. What its command runs, it imports when that runs: help and refusals come fast. */
export interface CommandModule {
  /** Tells the parser of the options and of what runs. */
  readonly add: (parser: Argv, text: CommandText, call: Call) => Argv;
  /** Of commands that another tool's command line may stand behind. The first argument is the command's name. */
  readonly split?: (args: readonly string[]) => SplitArguments;
}

/** A command that is all options and one handler, which answers the exit code. */
export function command<T>(
  options: (parser: Argv) => Argv<T>,
  run: (args: ArgumentsCamelCase<T>, words: readonly string[]) => Promise<number>,
): CommandModule['add'] {
  return (parser, { usage, describe }, { words, setExitCode }) =>
    parser.command(usage, describe, options, async (args) => {
      setExitCode(await run(args, words));
    });
}
