/** Starts a datapath thread, asks it things and ends it; the calling thread stays free all the while. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type Libc, loadLibc } from '../io/live/libc.js';
import { RequestError } from './request-error.js';
import { LiveStatistics } from './statistics.js';
import type { Change, Notice, Reply, Running, ThreadSetup } from './thread-messages.js';

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

const HAS_ENDED = 'the datapath thread has ended';

/** Ports that may come while the thread runs. */
const SPARE_PORTS = 256;

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
  /** As the thread said when it began, or answered to the last `change`. */
  running: Running = { numbers: {}, rows: [], leftOut: 0 };
  /** Settles when the thread has ended; rejects with what it ended of when nobody asked it to. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #control: MessagePort;
  readonly #libc: Libc;
  readonly #ready: Promise<void>;
  /** Written to, it wakes the thread. */
  wakeFd = -1;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  /** What the thread has ended of; null while it runs, and when it was asked to end. */
  #failure: RequestError | null = null;
  #hasEnded = false;

  /** Resolves when frames can pass. Rejects with a LiveError when an interface cannot be opened. */
  static async start(options: ThreadOptions): Promise<DatapathThread> {
    const libc = await loadLibc('lab');
    const statistics = new LiveStatistics(options.setup.bindings.length + SPARE_PORTS);
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
    let started: (running: Running) => void;
    let failed: (error: Error) => void;
    this.#ready = new Promise((resolve, reject) => {
      started = (running) => {
        this.running = running;
        resolve();
      };
      failed = reject;
    });
    control.on('message', (message: Reply | { notice: Notice }) => {
      if (!('notice' in message)) this.#settle(message);
      else if (message.notice.kind === 'ready') {
        this.wakeFd = message.notice.wakeFd;
        started(message.notice);
      } else if (message.notice.kind === 'failed') {
        this.#failure = new RequestError(message.notice.message, message.notice.exitCode);
        failed(this.#failure);
      } else onNotice?.(message.notice);
    });
    this.ended = new Promise((resolve, reject) => {
      worker.once('error', (error) => {
        failed(error);
        this.#failAll();
        reject(error);
      });
      worker.once('exit', () => {
        failed(new Error('the datapath thread has ended before it began'));
        this.#failAll();
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
      this.#libc.write(this.wakeFd, ONE, ONE.length);
    });
  }

  /** Goes on through another topology; what the packets have left in the maps stays. */
  async change(change: Change): Promise<void> {
    this.running = (await this.request('change', change)) as Running;
  }

  /** Lets the thread finish what it has read, close its ports and end. */
  async stop(): Promise<void> {
    await this.request('stop').catch(() => {});
    // What it has failed of is told to those who wait for its end.
    await this.ended.catch(() => {});
    this.#control.close();
    await this.#worker.terminate();
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
