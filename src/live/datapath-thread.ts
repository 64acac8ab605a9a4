/** Starts a datapath thread, asks it things and ends it; the calling thread stays free all the while. */

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type Libc, loadLibc } from '../io/live/libc.js';
import { wake } from '../io/live/poller.js';
import { RequestError } from './request-error.js';
import { LiveStatistics } from './statistics.js';
import type { Change, Notice, NumbersJson, Reply, Running, ThreadSetup } from './thread-messages.js';

type Message = Reply | { readonly notice: Notice };

const HAS_ENDED = 'the datapath thread has ended';

/** Ports at most. */
export const PORT_ROWS = 1024;

export interface ThreadOptions {
  /** The module that the thread runs; it calls `serveThread`. */
  readonly entry: URL;
  readonly setup: Omit<ThreadSetup, 'statistics'>;
  /** What the entry's own module wants to know besides; plain data. */
  readonly extra?: unknown;
  /** Told of what the thread says unasked. */
  readonly onNotice?: ((notice: Notice) => void) | undefined;
}

/** Data that the thread's module finds in `workerData`. */
export interface ThreadData {
  readonly setup: ThreadSetup;
  readonly extra: unknown;
  readonly control: MessagePort;
}

export class DatapathThread {
  readonly statistics: LiveStatistics;
  /** As the thread said when it began, with the numbers of the last `change`. */
  running: Running = { numbers: {}, leftOut: 0, aheadNs: 0 };
  /** Settles when the thread has ended; rejects with what it ended of when nobody asked it to. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #control: MessagePort;
  readonly #libc: Libc;
  readonly #ready: Promise<void>;
  /** Written to, it wakes the thread. */
  wakeFd = -1;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #onNotice: ThreadOptions['onNotice'];
  #started!: () => void;
  #failed!: (error: Error) => void;
  #lastId = 0;
  /** What the thread has ended of; null while it runs, and when it was asked to end. */
  #failure: RequestError | null = null;
  #hasEnded = false;

  /** Resolves when frames can pass. Rejects with a LiveError when an interface cannot be opened. */
  static async start(options: ThreadOptions): Promise<DatapathThread> {
    const libc = await loadLibc('lab');
    const statistics = new LiveStatistics(PORT_ROWS);
    const { port1: control, port2: theirs } = new MessageChannel();
    const data: ThreadData = {
      setup: { ...options.setup, statistics: statistics.memory },
      extra: options.extra,
      control: theirs,
    };
    const worker = new Worker(options.entry, { workerData: data, transferList: [theirs] });
    const thread = new DatapathThread(worker, control, libc, statistics, options.onNotice);
    await thread.#ready;
    return thread;
  }

  private constructor(
    worker: Worker,
    control: MessagePort,
    libc: Libc,
    statistics: LiveStatistics,
    onNotice: ThreadOptions['onNotice'],
  ) {
    this.#worker = worker;
    this.#control = control;
    this.#libc = libc;
    this.statistics = statistics;
    this.#onNotice = onNotice;
    this.#ready = new Promise((resolve, reject) => {
      this.#started = resolve;
      this.#failed = reject;
    });
    control.on('message', (message: Message) => this.#take(message));
    this.ended = new Promise((resolve, reject) => {
      worker.once('error', (error) => {
        this.#end(error);
        reject(error);
      });
      worker.once('exit', () => {
        this.#end(new Error('the datapath thread has ended before it began'));
        if (this.#failure === null) resolve();
        else reject(this.#failure);
      });
    });
    // Whoever wants to know asks for it; a failure that nobody asks about is no unhandled one.
    this.ended.catch(() => {});
  }

  /** Asks the thread; answered between two bursts. Rejects with a RequestError when it refuses. */
  request(kind: string, argument?: unknown): Promise<unknown> {
    if (this.#hasEnded) return Promise.reject(new RequestError(HAS_ENDED, 2));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#control.postMessage({ id, kind, argument });
      wake(this.#libc, this.wakeFd);
    });
  }

  /** Goes on through another topology; what the packets have left in the maps stays. */
  async change(change: Change): Promise<void> {
    const numbers = (await this.request('change', change)) as NumbersJson;
    this.running = { ...this.running, numbers };
  }

  /** Lets the thread finish what it has read, close its ports and end. */
  async stop(): Promise<void> {
    await this.request('stop').catch(() => {});
    // What it has failed of is told to those who wait for its end.
    await this.ended.catch(() => {});
    this.#control.close();
    await this.#worker.terminate();
  }

  /** Frees what others had to wake it by; to be called once none of them runs. */
  release(): void {
    if (this.wakeFd >= 0) this.#libc.close(this.wakeFd);
    this.wakeFd = -1;
  }

  #take(message: Message): void {
    if (!('notice' in message)) {
      this.#settle(message);
      return;
    }
    const { notice } = message;
    if (notice.kind === 'ready') {
      this.wakeFd = notice.wakeFd;
      this.running = notice;
      this.#started();
    } else if (notice.kind === 'failed') {
      this.#failure = new RequestError(notice.message, notice.exitCode);
      this.#failed(this.#failure);
    } else this.#onNotice?.(notice);
  }

  /** The thread can be seen to have ended before its last words have come. */
  #end(error: Error): void {
    for (let last = receiveMessageOnPort(this.#control); last; last = receiveMessageOnPort(this.#control)) {
      this.#take(last.message as Message);
    }
    this.#failed(error);
    this.#failAll();
  }

  #settle({ id, result, error, exitCode }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new RequestError(error, exitCode ?? 2));
  }

  #failAll(): void {
    this.#hasEnded = true;
    for (const { reject } of this.#waiting.values()) {
      reject(new RequestError(HAS_ENDED, 2));
    }
    this.#waiting.clear();
  }
}
