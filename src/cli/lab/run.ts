/** Runs a lab until it is told to end. */
import { LiveError, MISSING } from '../../io/live/live-error.js';
import type { Notice } from '../../live/thread-messages.js';
import type { LoadedTopology } from '../../topologies/load.js';
import { EXIT_DONE, UsageError } from '../exit-codes.js';
import { log } from '../log.js';
import { LabSession } from './session.js';

export interface RunOptions {
  readonly topology: LoadedTopology;
  readonly name: string;
  readonly serves: boolean;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Answers the exit code when a signal has ended the lab; rejects when its thread has failed. */
export async function runSession({ topology, name, serves }: RunOptions): Promise<number> {
  needRoot();
  if (!/^[\w.-]{1,64}$/.test(name)) {
    throw new UsageError(`--name ${name}: give letters, digits, ".", "_" and "-", 64 at most`);
  }
  const isStopped = new Promise<void>((resolve) => {
    for (const signal of SIGNALS) process.on(signal, () => resolve());
  });
  const session = await LabSession.start({
    topology,
    name,
    prefix: `pw-${name}`,
    bindings: [],
    serves,
    onNotice: tell,
  });
  for (const line of session.servers.lines) log.info(`serves ${line}`);
  log.info(`lab ready: ${session.lab.namespaces.map(({ label }) => label).join(', ')}`);
  try {
    await Promise.race([isStopped, session.thread.ended]);
  } finally {
    await session.stop();
  }
  return EXIT_DONE;
}

/** Throws a LiveError for whoever may not make namespaces. */
export function needRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LiveError(
    'lab',
    'network namespaces and TAPs need CAP_SYS_ADMIN and CAP_NET_ADMIN',
    'run as root: sudo packetwalk lab (or in a container: docker run --privileged)',
    MISSING,
  );
}

function tell(notice: Notice): void {
  if (notice.kind === 'lines') process.stdout.write(notice.text);
  else if (notice.kind === 'port') {
    log.warn(
      `${notice.device}: its interface is ${notice.isUp ? 'up again' : 'down or gone'}; the rest runs on`,
    );
  }
}
