/** The command line as a whole: which commands there are, and how errors end. */
import { readFileSync } from 'node:fs';
import yargs, { type Argv } from 'yargs';
import { CaptureError } from '../io/capture-error.js';
import { LiveError } from '../io/live/live-error.js';
import { RequestError } from '../live/request-error.js';
import { faultText, suggestion, TopologyError } from '../topologies/faults.js';
import { ImportError } from '../topologies/import/import-error.js';
import { OwnProgramError } from '../topologies/own-program-error.js';
import { ExpressionError } from '../topologies/trace/expression-error.js';
import type { CommandModule } from './command.js';
import { COMMANDS } from './command-table.js';
import { HIDDEN_DASH } from './dash.js';
import { EXIT_BAD_INPUT, EXIT_DONE, UsageError } from './exit-codes.js';
import { log } from './log.js';
import type { SplitArguments } from './split-arguments.js';

const COMMAND_NAMES = [...Object.keys(COMMANDS), 'help'];
const USAGE = `$0 COMMAND

Walks real Ethernet frames through the datapath of a Cilium node, in userspace, and says what became of each.`;
const EPILOGUE =
  'Standard output is data, standard error is talk. Exit codes: 0 done; 1 the run found what it was asked to fail on; ' +
  '2 bad usage or bad input; 3 a privilege or a part is missing.';

/** Runs the command that the arguments name; answers the exit code. Errors that are the user's are told in a line. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let exitCode = EXIT_DONE;
  const setExitCode = (code: number): void => {
    exitCode = code;
  };
  try {
    const known = await parser(args, setExitCode);
    await known.parseAsync();
  } catch (error) {
    if (!isUsersError(error)) {
      throw error;
    }
    log.error(error instanceof TopologyError ? topologyErrorText(error) : error.message);
    return 'exitCode' in error ? (error.exitCode as number) : EXIT_BAD_INPUT;
  }
  return exitCode;
}

/** Errors that are the user's to mend; those with an exit code of their own are told by it. */
const USERS_ERRORS = [
  UsageError,
  CaptureError,
  ExpressionError,
  ImportError,
  LiveError,
  OwnProgramError,
  RequestError,
  TopologyError,
];

function isUsersError(error: unknown): error is Error {
  return USERS_ERRORS.some((kind) => error instanceof kind);
}

async function parser(args: readonly string[], setExitCode: (code: number) => void): Promise<Argv> {
  const modules = await loadCommands(args);
  const { own, words } = splitArguments(args, modules);
  const known = yargs(own.map(asHelp).map(hideDash)).scriptName('packetwalk').usage(USAGE);
  for (const [name, command] of Object.entries(COMMANDS)) {
    const module = modules.get(name);
    if (module === undefined) known.command(command.usage, command.describe);
    else module.add(known, command, { words, setExitCode });
  }
  known
    .demandCommand(1, 'which command?')
    .strict()
    .help()
    .alias('help', 'h')
    .version(version())
    .alias('version', 'V')
    .epilogue(EPILOGUE)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .parserConfiguration({ 'boolean-negation': false })
    .middleware((args) => takeLast(args, known), true)
    .exitProcess(false);
  return known.fail((message, error) => {
    // Errors of the arguments come with a message, or as yargs' own; all others are not about the command line.
    if (error instanceof Error && error.name !== 'YError') throw error;
    throw new UsageError(usageMessage(message ?? error.message, args, known));
  });
}

/** Of the commands that the arguments may call, which are those that they name somewhere. */
async function loadCommands(args: readonly string[]): Promise<ReadonlyMap<string, CommandModule>> {
  const named = Object.entries(COMMANDS).filter(([name]) => args.includes(name));
  return new Map(
    await Promise.all(named.map(async ([name, command]) => [name, await command.load()] as const)),
  );
}

/** What follows `show`, `monitor` and their options, or `lab exec POD --`, is another tool's command line. */
function splitArguments(
  args: readonly string[],
  modules: ReadonlyMap<string, CommandModule>,
): SplitArguments {
  const split = modules.get(args[0])?.split;
  return split?.(args) ?? { own: args.flatMap(monitorCommand), words: [] };
}

/** `--monitor` may stand alone: what follows is its value only when it is a monitor's command. */
function monitorCommand(argument: string, index: number, all: readonly string[]): string[] {
  if (argument !== '--monitor') return [argument];
  return /^(?:cilium|hubble)/.test(all[index + 1] ?? '') ? [argument] : ['--monitor='];
}

/** Arguments without a name that may be many: `[FILE..]`. */
const MANY = Object.values(COMMANDS).flatMap(({ usage }) => /(\w+)\.\.\]/.exec(usage)?.[1] ?? []);

/** Of an option that is repeated the last one counts, unless it collects what it is given. */
function takeLast(args: Record<string, unknown>, known: Argv): void {
  const collecting = ['_', ...declared(known).array];
  for (const [name, value] of Object.entries(args)) {
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (Array.isArray(value) && !collecting.includes(option) && !MANY.includes(name)) {
      args[name] = value.at(-1);
    }
  }
}

/** Options of the command at hand, which yargs tells though its types do not: all by name, and those of arrays. */
function declared(known: Argv): { readonly key: Record<string, unknown>; readonly array: readonly string[] } {
  return (known as unknown as { getOptions(): ReturnType<typeof declared> }).getOptions();
}

/** yargs takes `-` for an option without a name; what reads arguments turns this back. */
function hideDash(argument: string): string {
  return argument === '-' ? HIDDEN_DASH : argument;
}

/** `packetwalk help COMMAND` is `packetwalk COMMAND --help`. */
function asHelp(argument: string, index: number, all: readonly string[]): string {
  if (all[0] !== 'help') return argument;
  if (all.length === 1) return '--help';
  return index === 0 ? all[1] : index === 1 ? '--help' : argument;
}

/** One fault is told in one line; more are a list. */
function topologyErrorText(error: TopologyError): string {
  const [fault, ...others] = error.faults;
  if (fault === undefined || others.length > 0) return error.message;
  const isWhole = fault.path === 'topology' || fault.path === 'file';
  return `${error.source}: ${isWhole ? fault.message : faultText(fault)}`;
}

/** What yargs says of a wrong command line, with what was probably meant. */
function usageMessage(yargsMessage: string, args: readonly string[], known: Argv): string {
  const message = yargsMessage.replaceAll(HIDDEN_DASH, '-');
  const command = COMMAND_NAMES.find((name) => args.includes(name));
  const unknown = /^Unknown (?:argument|command)s?: (.*)$/.exec(message)?.[1].split(', ')[0];
  if (command === 'replay' && /^Not enough non-option/.test(message)) {
    return 'which capture? (packetwalk replay CAPTURE, - for standard input)';
  }
  const choice = /Argument: (\S+), Given: (.*), Choices: (.*)/.exec(message);
  if (choice !== null) return `--${choice[1]}: ${choice[2]} is none of ${choice[3].replaceAll('"', '')}`;
  const help = `(packetwalk ${command === undefined ? 'help' : `${command} --help`})`;
  if (unknown === undefined) return `${lowerFirst(message.split('\n')[0])} ${help}`;
  if (command === undefined) return `unknown command ${unknown}${suggestion(unknown, COMMAND_NAMES)} ${help}`;
  if (!args.some((argument) => /^-/.test(argument) && argument.replace(/^-+|=.*$/g, '') === unknown)) {
    return `one argument too many: ${unknown} ${help}`;
  }
  return `unknown option --${unknown}${suggestion(unknown, Object.keys(declared(known).key))} ${help}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
