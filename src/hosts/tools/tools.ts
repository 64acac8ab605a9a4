/** The tools that hosts have, by the names that people type. */
import type { Program } from '../process.js';
import { SECOND_NS } from '../world.js';
import { prepareCurl } from './curl.js';
import { prepareDig, prepareHost, prepareNslookup } from './dns.js';
import { prepareNc } from './nc.js';
import { ToolError } from './options.js';
import { preparePing } from './ping.js';
import { prepareWget } from './wget.js';

type Prepare = (args: readonly string[]) => Program;

const TOOLS: ReadonlyMap<string, Prepare> = new Map([
  ['ping', preparePing],
  ['ping6', (args: readonly string[]) => preparePing(['-6', ...args])],
  ['wget', prepareWget],
  ['curl', prepareCurl],
  ['nc', prepareNc],
  ['netcat', prepareNc],
  ['dig', prepareDig],
  ['host', prepareHost],
  ['nslookup', prepareNslookup],
  ['sleep', prepareSleep],
  ['echo', prepareEcho],
  ['true', () => exitWith(0)],
  ['false', () => exitWith(1)],
]);

export const TOOL_NAMES: readonly string[] = [...TOOLS.keys()];

/** A tool with its arguments read. Throws ToolError for one that is not known, or whose arguments are not. */
export function prepareTool(words: readonly string[]): Program {
  const [name = '', ...args] = words;
  const prepare = TOOLS.get(name);
  if (prepare === undefined)
    throw new ToolError(`${name}: no such tool here; there are ${TOOL_NAMES.join(', ')}`);
  return prepare(args);
}

function prepareSleep(args: readonly string[]): Program {
  const seconds = args.map((arg) => Number(arg.replace(/s$/, ''))).reduce((sum, value) => sum + value, 0);
  if (args.length === 0 || !(seconds >= 0))
    throw new ToolError(`sleep: ${args.join(' ')}: how many seconds?`);
  return function* (process) {
    yield* process.sleep(Math.round(seconds * SECOND_NS));
    return 0;
  };
}

function prepareEcho(args: readonly string[]): Program {
  const isBare = args[0] === '-n';
  const text = (isBare ? args.slice(1) : args).join(' ');
  // biome-ignore lint/correctness/useYield: it waits for nothing
  return function* (process) {
    process.print(isBare ? text : `${text}\n`);
    return 0;
  };
}

function exitWith(code: number): Program {
  // biome-ignore lint/correctness/useYield: it waits for nothing
  return function* () {
    return code;
  };
}
