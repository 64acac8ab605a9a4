/** `HOST: TOOL ARGUMENT… [| TOOL ARGUMENT…]`: what is to be run where. */
import type { Host } from '../../hosts/host.js';
import type { Program } from '../../hosts/process.js';
import { ToolError } from '../../hosts/tools/options.js';
import { prepareTool, TOOL_NAMES } from '../../hosts/tools/tools.js';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';
import { Pipe } from '../shell/pipe.js';
import { readCommandLine } from '../shell/words.js';

export interface RunCommand {
  readonly host: Host;
  /** As it was typed, without the host. */
  readonly text: string;
  /** The tools of a pipe; what one prints is typed into the next. */
  readonly stages: readonly Program[];
}

/** Throws UsageError for a host or a tool that there is not. */
export function readRunCommand(text: string, hosts: ReadonlyMap<string, Host>): RunCommand {
  const parts = /^\s*([^\s:]+):\s+(\S.*)$/s.exec(text);
  if (parts === null) {
    throw new UsageError(`${JSON.stringify(text)}: give HOST: COMMAND, such as 'client: ping -c 1 10.0.0.1'`);
  }
  const [, name, command] = parts;
  const host = hosts.get(name);
  if (host === undefined) {
    const names = [...hosts.keys()];
    const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
    throw new UsageError(`${name}: no such pod, node or host${hint}`);
  }
  try {
    return { host, text: command.trim(), stages: readCommandLine(command).map(prepareStage) };
  } catch (error) {
    if (error instanceof ToolError) throw new UsageError(`${name}: ${error.message}`);
    throw error;
  }
}

/** Behind a pipe there are filters, too. */
function prepareStage(words: readonly string[], position: number): Program {
  if (words.length === 0) throw new ToolError('|: a tool is missing beside it');
  if (position === 0 || TOOL_NAMES.includes(words[0])) return prepareTool(words);
  const pipe = new Pipe([words]);
  // biome-ignore lint/correctness/useYield: it waits for nothing
  return function* (process) {
    process.print(pipe.text(process.input) + pipe.end());
    return pipe.exitCode(0);
  };
}
