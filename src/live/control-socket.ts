/**
 * A Unix socket that takes requests and gives answers, one JSON object per line:
 *
 *   {"id": 1, "command": "show", "argument": {…}}   →   {"id": 1, "result": {…}}
 *                                                   or   {"id": 1, "error": "…", "exitCode": 2}
 */
import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { BAD_INPUT } from '../io/live/live-error.js';
import { RequestError } from './request-error.js';

/** By command; what one throws is told to who asked, with its `exitCode` where it has one. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id?: unknown;
  readonly command?: unknown;
  readonly argument?: unknown;
}

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
  readonly exitCode?: number;
}

/** Codes of a socket that nobody listens at, and what is said of it. */
const NOBODY: readonly (string | undefined)[] = ['ENOENT', 'ECONNREFUSED'];
const GONE =
  'nobody listens there: the lab has ended, or was killed (packetwalk lab --clean removes what it left)';

export class ControlSocket {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  /** Listens at `path`, which nobody else has; only the owner may connect. */
  static async listen(path: string, commands: Commands): Promise<ControlSocket> {
    rmSync(path, { force: true });
    const socket = new ControlSocket(commands);
    const umask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.#server.once('error', reject);
        socket.#server.listen(path, resolve);
      });
    } finally {
      process.umask(umask);
    }
    return socket;
  }

  private constructor(commands: Commands) {
    this.#server = createServer((client) => {
      this.#clients.add(client);
      client.on('close', () => this.#clients.delete(client));
      client.on('error', () => {});
      linesOf(client).on('line', async (line) => {
        const answer = await answerLine(line, commands);
        client.write(`${JSON.stringify(answer)}\n`);
      });
    });
  }

  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
  }
}

/** The lines of a connection, whose errors are the socket's own to tell of. */
function linesOf(socket: Socket): Interface {
  return createInterface({ input: socket }).on('error', () => {});
}

async function answerLine(line: string, commands: Commands): Promise<Answer & { id: unknown }> {
  let question: Question = {};
  try {
    question = (JSON.parse(line) as Question | null) ?? {};
    const command = Object.hasOwn(commands, String(question.command))
      ? commands[String(question.command)]
      : undefined;
    if (command === undefined) {
      throw new RequestError(
        `no command ${String(question.command)}; there are ${Object.keys(commands).join(', ')}`,
        BAD_INPUT,
      );
    }
    return { id: question.id, result: (await command(question.argument as never)) ?? null };
  } catch (error) {
    const { message, exitCode = BAD_INPUT } = error as Error & { exitCode?: number };
    return { id: question.id, error: message, exitCode };
  }
}

/** Asks one thing at a socket; rejects with a RequestError that has the answer's words. */
export function askControl(path: string, command: string, argument: unknown = null): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => reject(new RequestError(`${path}: ${what}`, BAD_INPUT));
    const client = createConnection(path);
    client.on('error', ({ message, code }: NodeJS.ErrnoException) =>
      fail(NOBODY.includes(code) ? GONE : message),
    );
    client.on('close', () => fail('closed without an answer'));
    linesOf(client).once('line', (line) => {
      client.destroy();
      try {
        const { result, error, exitCode } = JSON.parse(line) as Answer;
        if (error === undefined) resolve(result);
        else reject(new RequestError(error, exitCode ?? BAD_INPUT));
      } catch {
        fail('no answer of a lab');
      }
    });
    client.write(`${JSON.stringify({ id: 1, command, argument })}\n`);
  });
}
