/** Starts a datapath thread, asks it things and ends it; the calling thread stays free all the while. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { loadLibc } from '../io/live/libc.js';
import { LiveError } from '../io/live/live-error.js';
import type { Binding } from './binding.js';
import { LiveStatistics } from './statistics.js';
import type { Notice, Reply, ThreadSetup } from './thread-messages.js';

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** What a request was answered with, when it was refused. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface ThreadOptions {
  /** The module that the thread runs; it calls `serveThread`. */
  readonly entry: URL;
  readonly setup: Omit<ThreadSetup, 'statistics'>;
  /** What the entry's own module wants to know besides; plain data. */
  readonly extra?: unknown;
  /** Told of what the thread says unasked. */
  readonly onNotice?: (notice: Notice) => void;
}

/** Data that the thread's module finds in `workerData`. */
export interface ThreadData {
  readonly setup: ThreadSetup;
  readonly extra: unknown;
  readonly control: MessagePort;
}

export class DatapathThread {
  readonly statistics: LiveStatistics;
  readonly bindings: readonly Binding[];
  /** Settles when the thread has ended; rejects with what it ended of when nobody asked it to. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #control: MessagePort;
  readonly #wake: () => void;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  /** Resolves when frames can pass. Rejects with a LiveError when an interface cannot be opened. */
  static async start(options: ThreadOptions): Promise<DatapathThread> {
    const libc = await loadLibc('lab');
    const statistics = new LiveStatistics(options.setup.bindings.length);
    const { port1: control, port2: theirs } = new MessageChannel();
    const data: ThreadData = {
      setup: { ...options.setup, statistics: statistics.memory },
      extra: options.extra,
      control: theirs,
    };
    const worker = new Worker(options.entry, { workerData: data, transferList: [theirs] });
    const wakeFd = await new Promise<number>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the datapath thread has ended before it began')));
      control.on('message', ({ notice }: { notice?: Notice }) => {
        if (notice?.kind === 'ready') resolve(notice.wakeFd);
        else if (notice?.kind === 'failed') {
          reject(new StartError(notice.message, notice.exitCode));
        }
      });
    });
    control.removeAllListeners('message');
    worker.removeAllListeners('exit');
    worker.removeAllListeners('error');
    const wake = (): void => {
      libc.write(wakeFd, ONE, ONE.length);
    };
    return new DatapathThread(worker, control, wake, statistics, options);
  }

  private constructor(
    worker: Worker,
    control: MessagePort,
    wake: () => void,
    statistics: LiveStatistics,
    { setup, onNotice }: ThreadOptions,
  ) {
    this.#worker = worker;
    this.#control = control;
    this.#wake = wake;
    this.statistics = statistics;
    this.bindings = setup.bindings;
    control.on('message', (message: Reply | { notice: Notice }) => {
      if ('notice' in message) onNotice?.(message.notice);
      else this.#settle(message);
    });
    this.ended = new Promise((resolve, reject) => {
      worker.once('error', (error) => {
        this.#failAll('the datapath thread has ended');
        reject(error);
      });
      worker.once('exit', () => {
        this.#failAll('the datapath thread has ended');
        resolve();
      });
    });
    // Whoever wants to know asks for it; a failure that nobody asks about is no unhandled one.
    this.ended.catch(() => {});
  }

  /** Asks the thread; answered between two bursts. Rejects with a RequestError when it refuses. */
  request(kind: string, argument?: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#control.postMessage({ id, kind, argument });
      this.#wake();
    });
  }

  /** Lets the thread finish what it has read, close its ports and end. */
  async stop(): Promise<void> {
    await this.request('stop').catch(() => {});
    await this.ended;
    this.#control.close();
    await this.#worker.terminate();
  }

  #settle({ id, result, error, exitCode }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new RequestError(error, exitCode ?? 2));
  }

  #failAll(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new RequestError(why, 2));
    this.#waiting.clear();
  }
}

/** A port could not be opened in the thread; the message is a LiveError's. */
class StartError extends LiveError {
  constructor(message: string, exitCode: number) {
    super('', '', '', exitCode);
    this.message = message;
  }
}
