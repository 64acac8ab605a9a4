/** nc as OpenBSD's prints it. What is typed into it is there from the start; the end of it does not end the call. */
import { addressText } from '../../engine/address-text.js';
import { ETIMEDOUT } from '../../engine/hooks/errno.js';
import type { Endpoint } from '../endpoint.js';
import { errorText } from '../errors.js';
import type { Process, Program, Steps } from '../process.js';
import type { TcpConnection } from '../tcp-connection.js';
import { SECOND_NS } from '../world.js';
import { openConnection } from './http-exchange.js';
import { numberOption, readToolOptions, ToolError } from './options.js';
import { type FamilyChoice, resolve } from './resolve.js';

/** Names of ports as /etc/services has them, for those that people try. */
const SERVICES: Readonly<Record<number, string>> = {
  7: 'echo',
  22: 'ssh',
  53: 'domain',
  80: 'http',
  443: 'https',
  8080: 'http-alt',
};
/** How long an answer is waited for when -w does not say. */
const DEFAULT_WAIT_SECONDS = 5;
/** A UDP port counts as open when no error comes back by then. */
const UDP_PROBE_NS = SECOND_NS;
const UDP_PROBES = 4;

interface NcOptions {
  readonly host: string;
  readonly ports: readonly number[];
  readonly family: FamilyChoice;
  readonly udp: boolean;
  readonly scan: boolean;
  readonly verbose: boolean;
  readonly numeric: boolean;
  readonly waitNs: number;
  /** -w was given: it bounds the connecting, too. */
  readonly connectNs: number;
}

export function prepareNc(args: readonly string[]): Program {
  const { values, operands } = readToolOptions('nc', args, '46nNuvzlp:w:q:');
  const family = values.has('6') ? 'ipv6' : values.has('4') ? 'ipv4' : 'any';
  const wait = numberOption('nc', values, 'w', DEFAULT_WAIT_SECONDS, 0.001, 86400) * SECOND_NS;
  if (values.has('l')) {
    const port = Number(values.get('p') ?? operands.at(-1));
    if (!isPort(port)) throw new ToolError('nc: -l needs a port');
    return (process) => listen(process, port, values.has('u'), wait);
  }
  if (operands.length !== 2) throw new ToolError('nc: nc [-uvz] [-w SECONDS] HOST PORT[-PORT]');
  const options: NcOptions = {
    host: operands[0],
    ports: readPorts(operands[1]),
    family,
    udp: values.has('u'),
    scan: values.has('z'),
    verbose: values.has('v'),
    numeric: values.has('n'),
    waitNs: wait,
    connectNs: values.has('w') ? wait : Number.POSITIVE_INFINITY,
  };
  return (process) => nc(process, options);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}

function readPorts(text: string): number[] {
  const [first, last = first] = text.split('-').map(Number);
  if (!isPort(first) || !isPort(last) || last < first)
    throw new ToolError(`nc: port number invalid: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function* nc(process: Process, options: NcOptions): Steps<number> {
  const address = yield* resolve(process, options.host, options.family);
  if (address === null) {
    process.complain(
      `nc: getaddrinfo for host "${options.host}" port ${options.ports[0]}: Name or service not known\n`,
    );
    return 1;
  }
  let code = 1;
  for (const port of options.ports) {
    const peer = { address, port };
    const result = options.udp
      ? yield* udpCall(process, options, peer)
      : yield* tcpCall(process, options, peer);
    if (result === 0) code = 0;
  }
  return code;
}

function succeeded(process: Process, options: NcOptions, { address, port }: Endpoint): void {
  if (!options.verbose) return;
  const protocol = options.udp ? 'udp' : 'tcp';
  const service = options.numeric ? '*' : (SERVICES[port] ?? '*');
  const text = addressText(address);
  const name = options.host === text || options.numeric ? options.host : `${options.host} (${text})`;
  process.complain(`Connection to ${name} ${port} port [${protocol}/${service}] succeeded!\n`);
}

function failed(process: Process, options: NcOptions, { address, port }: Endpoint, error: number): number {
  const text = addressText(address);
  const name = options.host === text ? options.host : `${options.host} (${text})`;
  const protocol = options.udp ? 'udp' : 'tcp';
  // OpenBSD's nc complains of each port with -v, and otherwise ends without a word.
  if (options.verbose) {
    const isOurs = error === ETIMEDOUT && options.connectNs !== Number.POSITIVE_INFINITY;
    const why = isOurs ? 'timed out: Operation now in progress' : `failed: ${errorText(error)}`;
    process.complain(`nc: connect to ${name} port ${port} (${protocol}) ${why}\n`);
  }
  return 1;
}

function* tcpCall(process: Process, options: NcOptions, peer: Endpoint): Steps<number> {
  const { world } = process;
  const connection = yield* openConnection(process, peer, world.nowNs + options.connectNs);
  if (typeof connection === 'number') return failed(process, options, peer, connection);
  succeeded(process, options, peer);
  if (options.scan) connection.close();
  else yield* talk(process, connection, options.waitNs);
  return 0;
}

/** Sends what was typed, prints what comes, until the peer ends or is silent for the time. */
function* talk(process: Process, connection: TcpConnection, waitNs: number): Steps<void> {
  if (process.input !== '') connection.write(Buffer.from(process.input));
  const { world } = process;
  for (;;) {
    let data = '';
    const hasNews = (): boolean => {
      data += Buffer.from(connection.read()).toString();
      return data !== '' || connection.hasEnded || connection.state === 'CLOSED';
    };
    const inTime = yield* process.until(hasNews, world.nowNs + waitNs);
    process.print(data);
    if (!inTime || connection.hasEnded || connection.state === 'CLOSED') break;
  }
  connection.close();
}

function* udpCall(process: Process, options: NcOptions, peer: Endpoint): Steps<number> {
  const { world, host } = process;
  const socket = host.openUdp();
  if (typeof socket === 'number') return failed(process, options, peer, socket);
  let error = socket.connect(peer);
  let answer = '';
  socket.onError = (code) => {
    error = code;
    process.wake();
  };
  socket.onDatagram = (data) => {
    answer += Buffer.from(data).toString();
    process.wake();
  };
  try {
    if (error !== 0) return failed(process, options, peer, error);
    if (options.scan) {
      for (let i = 0; i < UDP_PROBES && error === 0; i++) {
        error = socket.send(Buffer.from('X'));
        yield* process.until(() => error !== 0, world.nowNs + UDP_PROBE_NS);
      }
      if (error !== 0) return failed(process, options, peer, error);
      succeeded(process, options, peer);
      return 0;
    }
    if (process.input !== '') error = socket.send(Buffer.from(process.input));
    yield* process.until(() => error !== 0 || answer !== '', world.nowNs + options.waitNs);
    process.print(answer);
    return error === 0 ? 0 : failed(process, options, peer, error);
  } finally {
    socket.close();
  }
}

/** Takes one caller, and prints what that one says. */
function* listen(process: Process, port: number, udp: boolean, waitNs: number): Steps<number> {
  const { world, host } = process;
  let caller: TcpConnection | null = null;
  let text = '';
  const socket = udp ? host.openUdp(port) : null;
  const error =
    typeof socket === 'number'
      ? socket
      : udp
        ? 0
        : host.listen(port, (connection) => {
            caller = connection;
            connection.onChange = () => process.wake();
            process.wake();
          });
  if (error !== 0) {
    process.complain(`nc: ${errorText(error)}\n`);
    return 1;
  }
  if (socket !== null && typeof socket !== 'number') {
    socket.onDatagram = (data) => {
      text += Buffer.from(data).toString();
      process.wake();
    };
    yield* process.until(() => text !== '', world.nowNs + waitNs);
    socket.close();
    process.print(text);
    return text === '' ? 1 : 0;
  }
  yield* process.until(() => caller !== null, world.nowNs + waitNs);
  host.closeListener(port);
  if (caller === null) return 1;
  yield* talk(process, caller, waitNs);
  return 0;
}
