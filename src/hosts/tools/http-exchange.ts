/** One HTTP request and its response (RFC 9112), step by step, so that each tool can say what it says in between. */
import { ETIMEDOUT } from '../../engine/hooks/errno.js';
import type { Endpoint } from '../endpoint.js';
import type { Process, Steps } from '../process.js';
import type { TcpConnection } from '../tcp-connection.js';
import { ToolError } from './options.js';

const HTTP_PORT = 80;

export interface Url {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** `http://HOST[:PORT][/PATH]`, the scheme optional. Throws ToolError. */
export function readUrl(tool: string, text: string): Url {
  const parts = /^(?:([a-z][a-z\d+.-]*):\/\/)?(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?([/?][^#]*)?$/i.exec(text);
  if (parts === null) throw new ToolError(`${tool}: ${text}: not a URL such as http://10.96.0.80/`);
  const [, scheme = 'http', host, port, path = '/'] = parts;
  if (scheme.toLowerCase() !== 'http') throw new ToolError(`${tool}: ${scheme}: only http is emulated`);
  const number = port === undefined ? HTTP_PORT : Number(port);
  if (number < 1 || number > 65535) throw new ToolError(`${tool}: ${text}: no such port`);
  return { host, port: number, path: path.startsWith('/') ? path : `/${path}` };
}

/** `10.0.0.1`, or `10.0.0.1:8080` where the port is not HTTP's. */
export function hostHeader({ host, port }: Url): string {
  return port === HTTP_PORT ? host : `${host}:${port}`;
}

export interface HttpResponse {
  /** `HTTP/1.1 200 OK`, then the headers as they came. */
  readonly head: readonly string[];
  readonly status: number;
  readonly body: string;
  /** -1 when the response did not say. */
  readonly announcedLength: number;
}

/** A connection that is established by the deadline; else the errno. */
export function* openConnection(
  process: Process,
  peer: Endpoint,
  deadlineNs: number,
): Steps<TcpConnection | number> {
  const connection = process.host.connect(peer);
  if (typeof connection === 'number') return connection;
  connection.onChange = () => process.wake();
  const decided = (): boolean => connection.isEstablished || connection.state === 'CLOSED';
  if (!(yield* process.until(decided, deadlineNs))) {
    connection.abort();
    return ETIMEDOUT;
  }
  return connection.error === 0 ? connection : connection.error;
}

/** The response to a request, as far as it has come by the deadline; null when nothing has. */
export function* exchange(
  process: Process,
  connection: TcpConnection,
  request: string,
  deadlineNs: number,
): Steps<HttpResponse | null> {
  let text = '';
  connection.write(Buffer.from(request, 'latin1'));
  const isOver = (): boolean => {
    text += Buffer.from(connection.read()).toString('latin1');
    return connection.hasEnded || connection.state === 'CLOSED' || isWhole(text, request);
  };
  const isInTime = yield* process.until(isOver, deadlineNs);
  if (isInTime) connection.close();
  else connection.abort();
  return readResponse(text);
}

function isWhole(text: string, request: string): boolean {
  const response = readResponse(text);
  if (response === null) return false;
  if (request.startsWith('HEAD ')) return true;
  return response.announcedLength >= 0 && response.body.length >= response.announcedLength;
}

function readResponse(text: string): HttpResponse | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = text.slice(0, end).split('\r\n');
  const length = head.map((line) => /^content-length: *(\d+)$/i.exec(line)?.[1]).find((found) => found);
  return {
    head,
    status: Number(head[0].split(' ')[1]),
    body: text.slice(end + 4),
    announcedLength: length === undefined ? -1 : Number(length),
  };
}
