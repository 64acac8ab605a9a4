/** Runs a lab until it is told to end. */
import { setTimeout } from 'node:timers/promises';
import { portName } from '../../io/live/open.js';
import type { Binding } from '../../live/binding.js';
import type { LoadedTopology } from '../../topologies/load.js';
import { EXIT_DONE, UsageError } from '../exit-codes.js';
import { log, put } from '../log.js';
import type { MonitorChoice } from '../monitor/choice.js';
import { needRoot } from './need-root.js';
import { checkShared, LabSession } from './session.js';
import { Talk } from './talk.js';
import { WalkDesk } from './walk-desk.js';

export interface RunOptions {
  readonly topology: LoadedTopology;
  readonly name: string;
  readonly serves: boolean;
  /** Devices on interfaces that are there already. */
  readonly bindings: readonly Binding[];
  /** Those whose pods get namespaces; default all. */
  readonly nodes?: readonly string[];
  /** No live view, and no lines while nothing happens that is to be told. */
  readonly quiet: boolean;
  readonly workers: number;
  readonly record?: string | undefined;
  readonly monitor?: MonitorChoice | null;
  readonly state?: string | undefined;
  /** Whether pods, and the outside, get namespaces of their own. */
  readonly pods: boolean;
}

/** Threads, each with maps and frames of its own; no machine has use for more. */
const MOST_WORKERS = 64;
/** By when a signal has been told for certain. */
const SIGNAL_MS = 50;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Answers the exit code when a signal has ended the lab; rejects when a thread, or a recording, has failed. */
export async function runSession(options: RunOptions): Promise<number> {
  const { name, bindings, pods } = options;
  if (pods) needRoot();
  if (!/^[\w.-]{1,64}$/.test(name)) {
    throw new UsageError(`--name ${name}: give letters, digits, ".", "_" and "-", 64 at most`);
  }
  if (!(Number.isInteger(options.workers) && options.workers >= 1 && options.workers <= MOST_WORKERS)) {
    throw new UsageError(`--workers: give a number from 1 to ${MOST_WORKERS}`);
  }
  checkShared(options.workers, bindings);
  const desk = new WalkDesk({
    record: options.record ?? null,
    monitor: options.monitor ?? null,
    workers: options.workers,
    print: (text, written) => process.stdout.write(text, written),
    say: put,
  });
  try {
    await runWith(desk, options);
  } finally {
    desk.close();
  }
  return EXIT_DONE;
}

async function runWith(desk: WalkDesk, options: RunOptions): Promise<void> {
  const { topology, name, serves, bindings, pods } = options;
  let isCancelled = false;
  const isStopped = new Promise<void>((resolve) => {
    const stop = (): void => {
      isCancelled = true;
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, stop);
  });
  const talk = new Talk();
  const starting = LabSession.start({
    topology,
    name,
    prefix: `pw-${name}`,
    bindings,
    ...(pods ? {} : { outside: false }),
    nodes: pods ? (options.nodes ?? topology.spec.nodes.map((node) => node.name)) : [],
    boundElsewhere: bindings.flatMap(({ devices }) => devices),
    serves,
    workers: options.workers,
    state: options.state,
    desk,
    onPort: (device, isUp) =>
      talk.warn(`${device}: its interface is ${isUp ? 'up again' : 'down or gone'}; the rest runs on`),
  });
  const session = await starting.catch(async (error) => {
    // A command that was ended by the signal fails before the signal is told here.
    await setTimeout(SIGNAL_MS);
    if (isCancelled) return null;
    throw error;
  });
  if (session === null) return;
  for (const line of session.servers.lines) log.info(`serves ${line}`);
  const { leftOut } = session.group.running;
  if (leftOut > 0) log.warn(`${leftOut} entries of the run before were not whole and are left out`);
  const places = session.lab.namespaces.map(({ label }) => label);
  const devices = bindings.map((binding) => `${binding.devices[0]} on ${portName(binding.port)}`);
  log.info(`${pods ? 'lab ready' : 'ready'}: ${[...places, ...devices].join(', ')}`);
  const show = options.quiet || options.monitor ? null : talk.show(session);
  try {
    await Promise.race([isStopped, session.group.ended, desk.failed]);
  } finally {
    show?.close();
    await session.stop();
  }
}
