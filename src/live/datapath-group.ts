/** The datapath threads of a lab, as one: with one worker that thread, with several all of them. */
import type { PortSpec } from '../io/live/live-port.js';
import { KERNEL_DROPS } from '../io/live/live-port.js';
import type { TopologySpec } from '../topologies/spec.js';
import { type Binding, type NumberedBinding, portKey } from './binding.js';
import { DatapathThread, PORT_ROWS, type ThreadOptions } from './datapath-thread.js';
import { PortRows } from './port-rows.js';
import { type SteeringRule, steeringSetup } from './steering/steering.js';
import type { Notice, Running } from './thread-messages.js';

export interface GroupOptions extends Omit<ThreadOptions, 'setup' | 'onNotice'> {
  readonly setup: Omit<ThreadOptions['setup'], 'bindings' | 'worker'> & {
    readonly bindings: readonly Binding[];
  };
  readonly workers: number;
  readonly rule: SteeringRule;
  readonly onNotice?: ((notice: Notice) => void) | undefined;
}

/** Another topology for threads that run, what its ports are, and how flows are shared from then on. */
export interface GroupChange {
  readonly topology: TopologySpec;
  readonly bindings: readonly Binding[];
  readonly rule: SteeringRule;
}

export class DatapathGroup {
  readonly threads: readonly DatapathThread[];
  readonly #rows: PortRows;
  #bindings: readonly NumberedBinding[];

  /** Resolves when frames can pass; rejects, with none left running, when a thread cannot begin. */
  static async start({ workers, rule, ...options }: GroupOptions): Promise<DatapathGroup> {
    const rows = new PortRows(PORT_ROWS);
    const bindings = shared(rows.number(options.setup.bindings), workers);
    const steering = workers === 1 ? null : steeringSetup(workers, rule);
    const threads: DatapathThread[] = [];
    const group = new DatapathGroup(threads, rows, bindings);
    try {
      // One after the other: the first makes the interfaces that the others open further queues of.
      for (let number = 0; number < workers; number++) {
        const worker = steering === null ? undefined : { number, steering };
        const setup = { ...options.setup, bindings, worker };
        const onNotice = number === 0 ? options.onNotice : exceptOfPorts(options.onNotice);
        threads.push(await DatapathThread.start({ ...options, setup, onNotice }));
      }
      if (steering !== null) await group.#begin();
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  private constructor(
    threads: readonly DatapathThread[],
    rows: PortRows,
    bindings: readonly NumberedBinding[],
  ) {
    this.threads = threads;
    this.#rows = rows;
    this.#bindings = bindings;
  }

  async #begin(): Promise<void> {
    const wakeFds = this.threads.map(({ wakeFd }) => wakeFd);
    await this.requestAll('peers', wakeFds);
    await this.requestAll('hold', false);
  }

  get running(): Running {
    return this.threads[0].running;
  }

  /** Settles when one of the threads has ended, as `DatapathThread.ended`. */
  get ended(): Promise<void> {
    return Promise.race(this.threads.map(({ ended }) => ended));
  }

  /** Answers of all threads. */
  requestAll(kind: string, argument?: unknown): Promise<unknown[]> {
    return Promise.all(this.threads.map((thread) => thread.request(kind, argument)));
  }

  /**
   * Rejects with nothing changed when a port cannot be opened. Several workers hold frames back until all have changed:
   * a flow is shared out by one rule at a time.
   */
  async change({ topology, bindings, rule }: GroupChange): Promise<void> {
    const numbered = shared(this.#rows.number(bindings), this.threads.length);
    try {
      // One after the other, see `start`.
      for (const thread of this.threads) await thread.request('open', numbered);
    } catch (error) {
      await this.requestAll('close-others', this.#bindings);
      this.#rows.forgetAllBut(this.#bindings);
      throw error;
    }
    const change = { topology, bindings: numbered, rule };
    const isAlone = this.threads.length === 1;
    if (!isAlone) await this.requestAll('hold', true);
    try {
      await Promise.all(this.threads.map((thread) => thread.change(change)));
      this.#bindings = numbered;
      this.#rows.forgetAllBut(numbered);
    } finally {
      if (!isAlone) await this.requestAll('hold', false);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()));
    // Until then they wake each other.
    for (const thread of this.threads) thread.release();
  }

  /** The sums of all threads' statistics. */
  get loop(): Float64Array {
    return sumOf(this.threads.map(({ statistics }) => statistics.loop));
  }

  get fates(): Float64Array {
    return sumOf(this.threads.map(({ statistics }) => statistics.fates));
  }

  get dropped(): Float64Array {
    return sumOf(this.threads.map(({ statistics }) => statistics.dropped));
  }

  /** The counters of a binding's port, of which each thread has a queue; null of one that is not open. */
  port(binding: Binding): Float64Array | null {
    const key = portKey(binding);
    const row = this.#bindings.find((open) => portKey(open) === key)?.row;
    if (row === undefined) return null;
    const counters = this.threads.map(({ statistics }) => statistics.port(row));
    const sum = sumOf(counters);
    // What the kernel dropped at a TAP each of them reads of the whole interface.
    if (binding.port.plugin === 'tap') {
      sum[KERNEL_DROPS] = Math.max(...counters.map((one) => one[KERNEL_DROPS]));
    }
    return sum;
  }
}

function sumOf(columns: readonly Float64Array[]): Float64Array {
  return columns.reduce(
    (sum, column) => sum.map((value, i) => value + column[i]),
    columns[0].map(() => 0),
  );
}

/** Plugins whose interfaces several threads can have open. */
export function canShare({ plugin }: PortSpec): boolean {
  return plugin === 'tap' || plugin === 'af-packet';
}

/** One queue of several of a TAP; or packets that the kernel spreads over sockets, both directions of a flow to one. */
function shared(bindings: readonly NumberedBinding[], workers: number): readonly NumberedBinding[] {
  if (workers === 1) return bindings;
  return bindings.map((binding) => {
    const { port, row } = binding;
    const several =
      port.plugin === 'tap' ? { multiQueue: true } : { fanout: ((process.pid << 4) + row) & 0xffff };
    return { ...binding, port: { ...port, ...several } };
  });
}

/** Of a port's state one worker tells, which all of them see. */
function exceptOfPorts(onNotice: GroupOptions['onNotice']): GroupOptions['onNotice'] {
  return (notice) => {
    if (notice.kind !== 'port') onNotice?.(notice);
  };
}
