/** wget as BusyBox prints it. What it would save is not saved. */
import { addressText } from '../../engine/address-text.js';
import { errorText } from '../errors.js';
import type { Process, Program, Steps } from '../process.js';
import { SECOND_NS } from '../world.js';
import { exchange, hostHeader, openConnection, readUrl, type Url } from './http-exchange.js';
import { numberOption, readToolOptions, ToolError } from './options.js';
import { resolve } from './resolve.js';

const LONG_OPTIONS = new Map([
  ['--quiet', 'q'],
  ['--spider', 'z'],
  ['--timeout', 'T'],
  ['--output-document', 'O'],
]);
const DEFAULT_TIMEOUT_SECONDS = 900;
const BAR = '*'.repeat(32);

interface WgetOptions {
  readonly url: Url;
  /** `-` for standard output; null: by the URL. */
  readonly output: string | null;
  readonly quiet: boolean;
  readonly spider: boolean;
  readonly timeoutNs: number;
}

export function prepareWget(args: readonly string[]): Program {
  const { values, operands } = readToolOptions('wget', args, 'qzT:O:S', LONG_OPTIONS);
  if (operands.length !== 1) throw new ToolError('wget: one URL, please');
  const options: WgetOptions = {
    url: readUrl('wget', operands[0]),
    output: values.get('O') ?? null,
    quiet: values.has('q'),
    spider: values.has('z'),
    timeoutNs: numberOption('wget', values, 'T', DEFAULT_TIMEOUT_SECONDS, 1, 86400) * SECOND_NS,
  };
  return (process) => wget(process, options);
}

function* wget(process: Process, options: WgetOptions): Steps<number> {
  const { url, timeoutNs } = options;
  const { world } = process;
  const say = (text: string): void => {
    if (!options.quiet) process.complain(text);
  };
  const fail = (text: string): number => {
    process.complain(`wget: ${text}\n`);
    return 1;
  };
  const address = yield* resolve(process, url.host, 'any');
  if (address === null) return fail(`bad address '${url.host}'`);
  const text = addressText(address);
  say(`Connecting to ${hostHeader(url)} (${address.length === 4 ? text : `[${text}]`}:${url.port})\n`);
  const connection = yield* openConnection(process, { address, port: url.port }, world.nowNs + timeoutNs);
  if (typeof connection === 'number') {
    return fail(`can't connect to remote host (${text}): ${errorText(connection)}`);
  }
  const method = options.spider ? 'HEAD' : 'GET';
  const request = `${method} ${url.path} HTTP/1.1\r\nHost: ${hostHeader(url)}\r\nUser-Agent: Wget\r\nConnection: close\r\n\r\n`;
  const response = yield* exchange(process, connection, request, world.nowNs + timeoutNs);
  if (response === null) {
    return fail(
      connection.error === 0
        ? 'download timed out'
        : `error getting response: ${errorText(connection.error)}`,
    );
  }
  if (response.status !== 200) return fail(`server returned error: ${response.head[0]}`);
  if (options.spider) {
    say('remote file exists\n');
    return 0;
  }
  if (response.announcedLength > response.body.length) return fail('download timed out');
  const file = options.output ?? fileName(url);
  say(file === '-' ? 'writing to stdout\n' : `saving to '${file}'\n`);
  if (file === '-') process.print(response.body);
  say(`${file.padEnd(20).slice(0, 20)} 100% |${BAR}| ${sizeText(response.body.length)}  0:00:00 ETA\n`);
  say(file === '-' ? 'written to stdout\n' : `'${file}' saved\n`);
  return 0;
}

function fileName({ path }: Url): string {
  const name = path.split('?')[0].split('/').at(-1) ?? '';
  return name === '' ? 'index.html' : name;
}

/** Six characters: bytes, or units of 1024 with their letter. */
function sizeText(bytes: number): string {
  if (bytes < 100_000) return String(bytes).padStart(5);
  const kibibytes = Math.floor(bytes / 1024);
  return kibibytes < 100_000
    ? `${String(kibibytes).padStart(4)}k`
    : `${String(kibibytes >> 10).padStart(4)}M`;
}
