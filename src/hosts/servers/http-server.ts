/** An HTTP server (RFC 9112) with one page, which says who serves it and who asks. Every answer ends its connection. */
import { addressText } from '../../engine/address-text.js';
import { endpointText } from '../endpoint.js';
import type { Host } from '../host.js';
import type { TcpConnection } from '../tcp-connection.js';

const END_OF_HEADERS = '\r\n\r\n';
/** A request whose headers are longer is not read on. */
const REQUEST_LIMIT = 16384;
const BODY_LIMIT = 1 << 24;

/** Serves at a port: 0, or the errno of the bind. */
export function serveHttp(host: Host, port: number): number {
  return host.listen(port, (connection) => {
    let request = '';
    connection.onChange = () => {
      request += Buffer.from(connection.read()).toString('latin1');
      const isWhole = request.includes(END_OF_HEADERS);
      if (isWhole) {
        connection.onChange = () => {};
        connection.write(Buffer.from(answer(host.name, connection, request)));
      }
      if (isWhole || connection.hasEnded || request.length > REQUEST_LIMIT) connection.close();
    };
  });
}

/** The page is `/`, `/bytes/N` is N bytes, all else is not found. */
function answer(name: string, { local, remote }: TcpConnection, request: string): string {
  const [method, path] = request.slice(0, request.indexOf('\r\n')).split(' ');
  const bytes = /^\/bytes\/(\d{1,8})$/.exec(path ?? '');
  let status = '200 OK';
  let body = `${name} (${addressText(local.address)}) answers ${endpointText(remote)}\n`;
  if (bytes !== null) body = 'x'.repeat(Math.min(Number(bytes[1]), BODY_LIMIT));
  else if (path !== '/') {
    status = '404 Not Found';
    body = 'Not Found\n';
  }
  if (method !== 'GET' && method !== 'HEAD') {
    status = '405 Method Not Allowed';
    body = 'Method Not Allowed\n';
  }
  const head = [
    `HTTP/1.1 ${status}`,
    'Server: packetwalk',
    'Content-Type: text/plain',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ].join('\r\n');
  return `${head}${END_OF_HEADERS}${method === 'HEAD' ? '' : body}`;
}
