/** dig, host and nslookup, as BIND's print. */
import { addressText, parseAddress } from '../../engine/address-text.js';
import {
  DNS_PORT,
  type DnsMessage,
  RCODE_NAME_ERROR,
  RCODE_NO_ERROR,
  TYPE_A,
  TYPE_AAAA,
} from '../dns-message.js';
import type { Endpoint } from '../endpoint.js';
import type { Process, Program, Steps } from '../process.js';
import { MILLISECOND_NS, SECOND_NS } from '../world.js';
import { readToolOptions, ToolError } from './options.js';
import { ask, candidates } from './resolve.js';

const TYPES: Readonly<Record<string, number>> = { A: TYPE_A, AAAA: TYPE_AAAA };
const TYPE_NAMES: Readonly<Record<number, string>> = { [TYPE_A]: 'A', [TYPE_AAAA]: 'AAAA' };
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
/** dig asks three times, 5 s each. */
const DIG_ATTEMPTS = 3;
const TIMEOUT_NS = 5 * SECOND_NS;

interface Question {
  readonly name: string;
  readonly type: number;
  readonly server: Uint8Array | null;
  readonly port: number;
  readonly short: boolean;
  readonly search: boolean;
}

export function prepareDig(args: readonly string[]): Program {
  let [name, type, server, port, short, search] = [
    '',
    TYPE_A,
    null as Uint8Array | null,
    DNS_PORT,
    false,
    false,
  ];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg.startsWith('@')) server = readServer('dig', arg.slice(1));
    else if (arg === '+short') short = true;
    else if (arg === '+search') search = true;
    else if (arg.startsWith('+')) continue;
    else if (arg === '-p') port = Number(args[++i]);
    else if (arg.startsWith('-')) throw new ToolError(`dig: option ${arg} is not emulated`);
    else if (Object.hasOwn(TYPES, arg.toUpperCase())) type = TYPES[arg.toUpperCase()];
    else if (name === '') name = arg.replace(/\.$/, '');
    else throw new ToolError(`dig: ${arg}: one name, please, of type A or AAAA`);
  }
  if (name === '') throw new ToolError('dig: which name?');
  return (process) => dig(process, { name, type, server, port, short, search });
}

function readServer(tool: string, text: string): Uint8Array {
  const server = parseAddress(text);
  if (server === null) throw new ToolError(`${tool}: ${text}: the server's address, please`);
  return server;
}

function serverOf({ host }: Process, server: Uint8Array | null, port: number): Endpoint | null {
  return server === null ? host.nameserver : { address: server, port };
}

function* dig(process: Process, question: Question): Steps<number> {
  const { name, type, port, short } = question;
  const server = serverOf(process, question.server, port);
  const banner = `; <<>> DiG 9.18 <<>> ${question.server === null ? '' : `@${addressText(question.server)} `}${name}${type === TYPE_A ? '' : ' AAAA'}\n`;
  const startNs = process.world.nowNs;
  const names = question.search ? candidates(process, name) : [name];
  let response: DnsMessage | null = null;
  for (const candidate of server === null ? [] : names) {
    response = yield* ask(process, server!, candidate, type, DIG_ATTEMPTS, TIMEOUT_NS);
    if (response === null || response.answers.length > 0) break;
  }
  if (response === null) {
    const where = server === null ? '127.0.0.1#53' : `${addressText(server.address)}#${server.port}`;
    for (let i = 0; i < DIG_ATTEMPTS; i++) process.print(`;; communications error to ${where}: timed out\n`);
    process.print(`\n${banner};; global options: +cmd\n;; no servers could be reached\n`);
    return 9;
  }
  if (short) {
    for (const { address } of response.answers) process.print(`${addressText(address)}\n`);
    return 0;
  }
  const milliseconds = Math.floor((process.world.nowNs - startNs) / MILLISECOND_NS);
  process.print(`\n${banner};; global options: +cmd\n${digText(response)}`);
  process.print(
    `;; Query time: ${milliseconds} msec\n;; SERVER: ${addressText(server!.address)}#${server!.port}(${addressText(server!.address)}) (UDP)\n;; MSG SIZE  rcvd: ${response.length}\n\n`,
  );
  return 0;
}

function digText(response: DnsMessage): string {
  const { id, responseCode, answers, name, type } = response;
  const flags = [
    'qr',
    ...(response.isAuthoritative ? ['aa'] : []),
    ...(response.recursionDesired ? ['rd'] : []),
    ...(response.recursionAvailable ? ['ra'] : []),
  ];
  const lines = [
    ';; Got answer:',
    `;; ->>HEADER<<- opcode: QUERY, status: ${RCODES[responseCode] ?? responseCode}, id: ${id}`,
    `;; flags: ${flags.join(' ')}; QUERY: 1, ANSWER: ${answers.length}, AUTHORITY: 0, ADDITIONAL: 0`,
    '',
    ';; QUESTION SECTION:',
    `;${`${name}.`.padEnd(22)}\tIN\t${TYPE_NAMES[type]}`,
    '',
  ];
  if (answers.length > 0) {
    lines.push(';; ANSWER SECTION:');
    for (const { address, lifetimeSeconds } of answers) {
      lines.push(
        `${`${name}.`.padEnd(23)}\t${lifetimeSeconds}\tIN\t${TYPE_NAMES[type]}\t${addressText(address)}`,
      );
    }
    lines.push('');
  }
  return `${lines.join('\n')}\n`;
}

/** What `host` and `nslookup` ask: both families, with the search domains. */
function* lookUp(
  process: Process,
  name: string,
  server: Endpoint,
): Steps<{ name: string; responses: DnsMessage[] } | null> {
  let last: { name: string; responses: DnsMessage[] } | null = null;
  for (const candidate of candidates(process, name)) {
    const responses: DnsMessage[] = [];
    for (const type of [TYPE_A, TYPE_AAAA]) {
      const response = yield* ask(process, server, candidate, type);
      if (response === null) return null;
      responses.push(response);
      if (response.responseCode !== RCODE_NO_ERROR) break;
    }
    last = { name: candidate, responses };
    if (responses.some(({ answers }) => answers.length > 0)) break;
  }
  return last;
}

export function prepareHost(args: readonly string[]): Program {
  const { operands } = readToolOptions('host', args, '');
  if (operands.length < 1 || operands.length > 2) throw new ToolError('host: host NAME [SERVER]');
  const server = operands.length === 2 ? readServer('host', operands[1]) : null;
  return (process) => host(process, operands[0], server);
}

function* host(process: Process, name: string, address: Uint8Array | null): Steps<number> {
  const server = serverOf(process, address, DNS_PORT);
  const found = server === null ? null : yield* lookUp(process, name, server);
  if (found === null) {
    process.print(';; connection timed out; no servers could be reached\n');
    return 1;
  }
  const addresses = found.responses.flatMap(({ answers }) => answers);
  for (const { address: answer } of addresses) {
    const what = answer.length === 4 ? 'has address' : 'has IPv6 address';
    process.print(`${found.name} ${what} ${addressText(answer)}\n`);
  }
  if (addresses.length > 0) return 0;
  const code = found.responses[0].responseCode;
  if (code === RCODE_NO_ERROR) process.print(`${found.name} has no A record\n`);
  else process.print(`Host ${name} not found: ${code}(${RCODES[code] ?? code})\n`);
  return code === RCODE_NO_ERROR ? 0 : 1;
}

export function prepareNslookup(args: readonly string[]): Program {
  const operands = args.filter((arg) => !arg.startsWith('-'));
  if (operands.length < 1 || operands.length > 2) throw new ToolError('nslookup: nslookup NAME [SERVER]');
  const server = operands.length === 2 ? readServer('nslookup', operands[1]) : null;
  return (process) => nslookup(process, operands[0], server);
}

function* nslookup(process: Process, name: string, address: Uint8Array | null): Steps<number> {
  const server = serverOf(process, address, DNS_PORT);
  const found = server === null ? null : yield* lookUp(process, name, server);
  if (server === null || found === null) {
    process.print(';; connection timed out; no servers could be reached\n\n');
    return 1;
  }
  const text = addressText(server.address);
  process.print(`Server:\t\t${text}\nAddress:\t${text}#${server.port}\n\n`);
  const addresses = found.responses.flatMap(({ answers }) => answers);
  for (const { address: answer } of addresses) {
    process.print(`Name:\t${found.name}\nAddress: ${addressText(answer)}\n`);
  }
  if (addresses.length > 0) {
    process.print('\n');
    return 0;
  }
  const code = found.responses[0].responseCode;
  if (code === RCODE_NAME_ERROR) process.print(`** server can't find ${name}: NXDOMAIN\n\n`);
  else process.print(`*** Can't find ${name}: No answer\n\n`);
  return 1;
}
