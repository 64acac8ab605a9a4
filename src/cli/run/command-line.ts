/** `HOST: TOOL ARGUMENT… [| TOOL ARGUMENT…]`: what is to be run where. */
import type { Host } from '../../hosts/host.js';
import type { Program } from '../../hosts/process.js';
import { ToolError } from '../../hosts/tools/options.js';
import { prepareTool } from '../../hosts/tools/tools.js';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';

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
    throw new UsageError(
      `${name}: no such pod, node or host${suggestion(name, names) || `; there are ${names.join(', ')}`}`,
    );
  }
  try {
    const stages = pipeOf(shellWords(command)).map(prepareTool);
    return { host, text: command.trim(), stages };
  } catch (error) {
    if (error instanceof ToolError) throw new UsageError(`${name}: ${error.message}`);
    throw error;
  }
}

/** A word of a shell's, or the mark between two tools. */
interface Word {
  readonly text: string;
  readonly isPipe: boolean;
}

/** Quotes and backslashes as a shell takes them; of its operators only the pipe. */
export function shellWords(line: string): Word[] {
  const words: Word[] = [];
  const pattern = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([|&;<>])|([^\s'"\\|&;<>]+)|(.)/gsy;
  let word: string | null = null;
  const finish = (): void => {
    if (word !== null) words.push({ text: word, isPipe: false });
    word = null;
  };
  for (const [, single, double, escaped, operator, plain, odd] of line.matchAll(pattern)) {
    if (odd !== undefined) throw new ToolError(`${odd} without its other end`);
    if (operator !== undefined && operator !== '|')
      throw new ToolError(`${operator}: of a shell, only | is here`);
    const piece: string | undefined = single ?? double?.replace(/\\(.)/g, '$1') ?? escaped ?? plain;
    if (piece !== undefined) word = (word ?? '') + piece;
    else finish();
    if (operator === '|') words.push({ text: '|', isPipe: true });
  }
  finish();
  return words;
}

function pipeOf(words: readonly Word[]): string[][] {
  const stages: string[][] = [[]];
  for (const { text, isPipe } of words) {
    if (isPipe) stages.push([]);
    else stages.at(-1)!.push(text);
  }
  if (stages.some((stage) => stage.length === 0)) throw new ToolError('|: a tool is missing beside it');
  return stages;
}
