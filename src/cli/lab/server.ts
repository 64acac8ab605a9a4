/**
 * A pod's servers, in a process of its own inside the pod's namespace: HTTP and DNS. Takes one argument, JSON. Says so on
 * standard output when all listen. Ends when its standard input does, which is when the lab ends in whatever way.
 */
import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { answerQuery } from './dns-answer.js';

export interface ServerArguments {
  readonly label: string;
  readonly http: readonly number[];
  readonly dns: readonly number[];
  readonly resolvers: readonly string[];
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/** Largest body that `/bytes/N` makes. */
const LARGEST_BODY = 10e9;
const CHUNK = 1 << 18;
/** Repeats after a prime number of bytes, so that lost or moved pieces change a checksum. */
const PATTERN_PERIOD = 65521;
const pattern = Buffer.alloc(PATTERN_PERIOD + CHUNK);
for (let i = 0; i < pattern.length; i++) {
  pattern[i] = (Math.imul(i % PATTERN_PERIOD, 0x9e3779b1) >>> 24) & 0xff;
}

const { label, http, dns, resolvers, names } = JSON.parse(process.argv[2]) as ServerArguments;
let starting = http.length + dns.length * resolvers.length;
/** A socket of its own for each address: one for all would answer under the address that routes choose. */
function serveDns(port: number, address: string): void {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
  // Without IPv6 its resolvers are not there.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRNOTAVAIL') noteStart();
    else complain(port)(error);
  });
  socket.on('message', (query, from) => {
    const reply = answerQuery(query, names);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  socket.bind(port, address, noteStart);
}

for (const port of http) {
  createServer(answer).on('error', complain(port)).listen({ port, host: '::' }, noteStart);
}
for (const port of dns) for (const address of resolvers) serveDns(port, address);
process.stdin.on('end', () => process.exit()).resume();

function noteStart(): void {
  if (--starting === 0) process.stdout.write('ready\n');
}

/** A port that somebody has taken does not keep the others from being served. */
function complain(port: number): (error: Error) => void {
  return ({ message }) => {
    process.stderr.write(`packetwalk: ${label}: port ${port}: ${message}\n`);
    noteStart();
  };
}

/** `/` says who answers whom; `/bytes/N` is N bytes of a pattern that repeats. */
function answer({ url = '/', socket }: IncomingMessage, response: ServerResponse): void {
  const length = Number(/^\/bytes\/(\d+)$/.exec(url)?.[1] ?? Number.NaN);
  if (length <= LARGEST_BODY) {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': length });
    sendPattern(response, length, 0);
    return;
  }
  const client = `${socket.remoteAddress?.replace('::ffff:', '')} port ${socket.remotePort}`;
  response.writeHead(url === '/' ? 200 : 404, { 'content-type': 'text/plain' });
  response.end(url === '/' ? `${label} answers ${client}\n` : `${label}: there is / and /bytes/N\n`);
}

function sendPattern(response: ServerResponse, length: number, from: number): void {
  let at = from;
  while (at < length) {
    const offset = at % PATTERN_PERIOD;
    const size = Math.min(CHUNK, length - at);
    at += size;
    if (!response.write(pattern.subarray(offset, offset + size))) {
      response.once('drain', () => sendPattern(response, length, at));
      return;
    }
  }
  response.end();
}
