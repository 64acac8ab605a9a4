/** The datapath threads of a lab, as one: with one worker that thread, with several all of them. */
import type { PortSpec } from '../io/live/live-port.js';
import { KERNEL_DROPS } from '../io/live/live-port.js';
import type { Binding } from './binding.js';
import { DatapathThread, type ThreadOptions } from './datapath-thread.js';
import { type SteeringSetup, steeringSetup } from './steering/steering.js';
import type { Change, Running } from './thread-messages.js';

export type SteeringTopology = Pick<SteeringSetup, 'tunnelPort' | 'isGeneve' | 'byAddresses'>;

export class DatapathGroup {
  readonly threads: readonly DatapathThread[];

  /** Resolves when frames can pass; rejects, with none left running, when a thread cannot begin. */
  static async start(
    options: ThreadOptions,
    workers: number,
    topology: SteeringTopology,
  ): Promise<DatapathGroup> {
    if (workers === 1) return new DatapathGroup([await DatapathThread.start(options)]);
    const steering = steeringSetup(workers, topology);
    const threads: DatapathThread[] = [];
    try {
      // One after the other: the first makes the interfaces that the others open further queues of.
      for (let number = 0; number < workers; number++) {
        const setup = {
          ...options.setup,
          bindings: options.setup.bindings.map(shared),
          worker: { number, steering },
        };
        threads.push(await DatapathThread.start({ ...options, setup }));
      }
    } catch (error) {
      for (const thread of threads) await thread.stop();
      throw error;
    }
    const group = new DatapathGroup(threads);
    const wakeFds = threads.map(({ wakeFd }) => wakeFd);
    await group.requestAll('peers', wakeFds);
    return group;
  }

  private constructor(threads: readonly DatapathThread[]) {
    this.threads = threads;
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

  async change({ topology, bindings }: Change): Promise<void> {
    const all = this.threads.length === 1 ? bindings : bindings.map(shared);
    await Promise.all(this.threads.map((thread) => thread.change({ topology, bindings: all })));
  }

  async stop(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()));
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

  /** The counters of a binding's port, of which each thread has a queue. */
  port(row: number, { port }: Binding): Float64Array {
    const counters = this.threads.map(({ statistics }) => statistics.port(this.running.rows[row]));
    const sum = sumOf(counters);
    // What the kernel dropped at a TAP each of them reads of the whole interface.
    if (port.plugin === 'tap') sum[KERNEL_DROPS] = Math.max(...counters.map((one) => one[KERNEL_DROPS]));
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
function shared(binding: Binding, row: number): Binding {
  const { port } = binding;
  const several =
    port.plugin === 'tap' ? { multiQueue: true } : { fanout: ((process.pid << 4) + row) & 0xffff };
  return { ...binding, port: { ...port, ...several } };
}
