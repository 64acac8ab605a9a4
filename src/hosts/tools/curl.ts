/** curl as it prints on a terminal: no progress meter. */
import { addressText } from '../../engine/address-text.js';
import { ETIMEDOUT } from '../../engine/hooks/errno.js';
import { errorText } from '../errors.js';
import type { Process, Program, Steps } from '../process.js';
import { MILLISECOND_NS, SECOND_NS } from '../world.js';
import {
  exchange,
  type HttpResponse,
  hostHeader,
  openConnection,
  readUrl,
  type Url,
} from './http-exchange.js';
import { numberOption, readToolOptions, ToolError } from './options.js';
import { type FamilyChoice, resolve } from './resolve.js';

const LONG_OPTIONS = new Map([
  ['--silent', 's'],
  ['--show-error', 'S'],
  ['--head', 'I'],
  ['--include', 'i'],
  ['--verbose', 'v'],
  ['--output', 'o'],
  ['--max-time', 'm'],
  ['--connect-timeout', 'T'],
  ['--fail', 'f'],
  ['--location', 'L'],
  ['--write-out', 'w'],
  ['--ipv4', '4'],
  ['--ipv6', '6'],
  ['--globoff', 'g'],
]);
const USER_AGENT = 'curl/7.88.1';
/** curl's exit codes. */
const COULD_NOT_RESOLVE = 6;
const COULD_NOT_CONNECT = 7;
const HTTP_RETURNED_ERROR = 22;
const TIMED_OUT = 28;
const NOTHING_RECEIVED = 52;
const RECEIVE_ERROR = 56;

interface CurlOptions {
  readonly url: Url;
  readonly family: FamilyChoice;
  readonly silent: boolean;
  readonly showError: boolean;
  readonly head: boolean;
  readonly include: boolean;
  readonly verbose: boolean;
  readonly fail: boolean;
  readonly discard: boolean;
  readonly writeOut: string;
  readonly maximumNs: number;
  readonly connectNs: number;
}

export function prepareCurl(args: readonly string[]): Program {
  const { values, operands } = readToolOptions('curl', args, 'sSIivo:m:T:fLw:46g', LONG_OPTIONS);
  if (operands.length !== 1) throw new ToolError('curl: one URL, please');
  const seconds = (letter: string): number =>
    Math.round(
      numberOption('curl', values, letter, Number.POSITIVE_INFINITY, 0.001, Number.POSITIVE_INFINITY) *
        SECOND_NS,
    );
  const options: CurlOptions = {
    url: readUrl('curl', operands[0]),
    family: values.has('6') ? 'ipv6' : values.has('4') ? 'ipv4' : 'any',
    silent: values.has('s'),
    showError: values.has('S'),
    head: values.has('I'),
    include: values.has('i'),
    verbose: values.has('v'),
    fail: values.has('f'),
    discard: values.has('o') && values.get('o') !== '-',
    writeOut: values.get('w') ?? '',
    maximumNs: seconds('m'),
    connectNs: seconds('T'),
  };
  return (process) => new CurlRun(process, options).run();
}

class CurlRun {
  readonly #process: Process;
  readonly #options: CurlOptions;
  readonly #startNs: number;

  constructor(process: Process, options: CurlOptions) {
    this.#process = process;
    this.#options = options;
    this.#startNs = process.world.nowNs;
  }

  *run(): Steps<number> {
    const process = this.#process;
    const { url, family, maximumNs, connectNs } = this.#options;
    const endNs = this.#startNs + maximumNs;
    const address = yield* resolve(process, url.host, family);
    if (address === null) {
      return this.#fail(COULD_NOT_RESOLVE, `Could not resolve host: ${url.host.replace(/^\[|\]$/g, '')}`);
    }
    const text = addressText(address);
    const shown = address.length === 4 ? text : `[${text}]`;
    this.#note(`*   Trying ${shown}:${url.port}...\n`);
    const connectEndNs = Math.min(endNs, this.#startNs + connectNs);
    const connection = yield* openConnection(process, { address, port: url.port }, connectEndNs);
    if (typeof connection === 'number') return this.#failToConnect(connection, text);
    this.#note(`* Connected to ${url.host.replace(/^\[|\]$/g, '')} (${text}) port ${url.port} (#0)\n`);
    const lines = [
      `${this.#options.head ? 'HEAD' : 'GET'} ${url.path} HTTP/1.1`,
      `Host: ${hostHeader(url)}`,
      `User-Agent: ${USER_AGENT}`,
      'Accept: */*',
    ];
    for (const line of [...lines, '']) this.#note(`> ${line}\n`);
    const response = yield* exchange(process, connection, `${lines.join('\r\n')}\r\n\r\n`, endNs);
    if (response === null || this.#isCut(response)) {
      return this.#failToReceive(response, connection.error, process.world.nowNs >= endNs);
    }
    return this.#take(response);
  }

  #isCut({ body, announcedLength }: HttpResponse): boolean {
    return !this.#options.head && announcedLength > body.length;
  }

  #take(response: HttpResponse): number {
    const { head, include, fail, discard, writeOut } = this.#options;
    for (const line of [...response.head, '']) this.#note(`< ${line}\n`);
    if (fail && response.status >= 400) {
      return this.#fail(HTTP_RETURNED_ERROR, `The requested URL returned error: ${response.status}`);
    }
    if (head || include) this.#print(discard, `${response.head.join('\r\n')}\r\n\r\n`);
    if (!head) this.#print(discard, response.body);
    this.#note('* Closing connection 0\n');
    if (writeOut !== '') this.#process.print(this.#written(writeOut, response));
    return 0;
  }

  #written(format: string, { status, body }: HttpResponse): string {
    return format
      .replaceAll('%{http_code}', String(status).padStart(3, '0'))
      .replaceAll('%{size_download}', String(body.length))
      .replaceAll('%{time_total}', (this.#elapsedNs / SECOND_NS).toFixed(6))
      .replaceAll('\\n', '\n');
  }

  #failToConnect(error: number, address: string): number {
    const { url, connectNs, maximumNs } = this.#options;
    const milliseconds = Math.floor(this.#elapsedNs / MILLISECOND_NS);
    const isOurs = this.#elapsedNs >= Math.min(connectNs, maximumNs);
    if (error === ETIMEDOUT && isOurs) {
      if (maximumNs <= connectNs) {
        return this.#fail(TIMED_OUT, `Connection timed out after ${milliseconds} milliseconds`);
      }
      const what = `Failed to connect to ${this.#hostText} port ${url.port} after ${milliseconds} ms`;
      return this.#fail(TIMED_OUT, `${what}: Timeout was reached`);
    }
    this.#note(`* connect to ${address} port ${url.port} failed: ${errorText(error)}\n`);
    const what = `Failed to connect to ${this.#hostText} port ${url.port} after ${milliseconds} ms`;
    return this.#fail(
      error === ETIMEDOUT ? TIMED_OUT : COULD_NOT_CONNECT,
      `${what}: Couldn't connect to server`,
    );
  }

  #failToReceive(response: HttpResponse | null, error: number, isLate: boolean): number {
    if (isLate) {
      const milliseconds = Math.floor(this.#elapsedNs / MILLISECOND_NS);
      const [received, all] = [response?.body.length ?? 0, response?.announcedLength ?? -1];
      const bytes = all < 0 ? `${received} bytes` : `${received} out of ${all} bytes`;
      return this.#fail(
        TIMED_OUT,
        `Operation timed out after ${milliseconds} milliseconds with ${bytes} received`,
      );
    }
    if (error !== 0) return this.#fail(RECEIVE_ERROR, 'Recv failure: Connection reset by peer');
    return this.#fail(NOTHING_RECEIVED, 'Empty reply from server');
  }

  get #hostText(): string {
    return this.#options.url.host.replace(/^\[|\]$/g, '');
  }

  get #elapsedNs(): number {
    return this.#process.world.nowNs - this.#startNs;
  }

  #print(discard: boolean, text: string): void {
    if (!discard) this.#process.print(text);
  }

  #note(text: string): void {
    if (this.#options.verbose) this.#process.complain(text);
  }

  #fail(code: number, text: string): number {
    this.#note(`* ${text}\n* Closing connection 0\n`);
    if (!this.#options.silent || this.#options.showError) this.#process.complain(`curl: (${code}) ${text}\n`);
    if (this.#options.writeOut !== '') {
      const nothing = { head: [], status: 0, body: '', announcedLength: -1 };
      this.#process.print(this.#written(this.#options.writeOut, nothing));
    }
    return code;
  }
}
