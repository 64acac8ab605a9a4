/** A lab from its making to its removal. */
import { randomInt } from 'node:crypto';
import { DatapathThread } from '../../live/datapath-thread.js';
import { type LabPlan, planLab } from '../../live/lab-plan.js';
import {
  checkFree,
  configureNamespace,
  makeNamespace,
  namespacesWith,
  removeNamespace,
} from '../../live/namespaces.js';
import {
  isRunning,
  processStart,
  readStates,
  removeState,
  socketPath,
  writeState,
} from '../../live/state-file.js';
import type { Notice } from '../../live/thread-messages.js';
import { planTopology } from '../../topologies/check.js';
import type { LoadedTopology } from '../../topologies/load.js';
import { LabServers } from './servers.js';

const THREAD = new URL('./thread.js', import.meta.url);

export interface SessionOptions {
  readonly topology: LoadedTopology;
  readonly name: string;
  readonly prefix: string;
  /** Whether pods serve HTTP, DNS and iperf3. */
  readonly serves: boolean;
  readonly onNotice: (notice: Notice) => void;
}

export class LabSession {
  readonly name: string;
  readonly plan: LabPlan;
  readonly thread: DatapathThread;
  readonly servers = new LabServers();

  /** Resolves when traffic can pass; rejects with nothing left behind. */
  static async start(options: SessionOptions): Promise<LabSession> {
    const { topology, name, prefix } = options;
    const planned = planTopology(topology.spec, topology.source);
    const plan = planLab(planned, { prefix });
    checkFree(plan.namespaces.map((namespace) => namespace.name));
    writeState({
      name,
      pid: process.pid,
      started: processStart(process.pid),
      topology: topology.source,
      namespaces: Object.fromEntries(plan.namespaces.map((made) => [made.label, made.name])),
      socket: socketPath(name),
    });
    try {
      for (const namespace of plan.namespaces) makeNamespace(namespace);
      const thread = await DatapathThread.start({
        entry: THREAD,
        setup: { topology: topology.spec, bindings: plan.bindings, seed: randomInt(2 ** 32 - 1) },
        onNotice: options.onNotice,
      });
      try {
        for (const namespace of plan.namespaces) configureNamespace(namespace);
      } catch (error) {
        await thread.stop();
        throw error;
      }
      const session = new LabSession(name, plan, thread);
      if (options.serves) session.servers.start(planned, plan.namespaces);
      return session;
    } catch (error) {
      removeLab(
        name,
        plan.namespaces.map((namespace) => namespace.name),
      );
      throw error;
    }
  }

  private constructor(name: string, plan: LabPlan, thread: DatapathThread) {
    this.name = name;
    this.plan = plan;
    this.thread = thread;
  }

  /** Ends the thread, then removes all that was made. */
  async stop(): Promise<void> {
    this.servers.stop();
    await this.thread.stop();
    removeLab(
      this.name,
      this.plan.namespaces.map(({ name }) => name),
    );
  }
}

function removeLab(name: string, namespaces: readonly string[]): void {
  for (const namespace of namespaces) removeNamespace(namespace);
  removeState(name);
}

/** What is left of labs whose process has ended: of one by its name, or of all. Answers what was removed. */
export function cleanLabs(name: string | null): { removed: string[]; running: string[] } {
  const removed: string[] = [];
  const running: string[] = [];
  for (const state of readStates()) {
    if (name !== null && state.name !== name) continue;
    if (isRunning(state)) {
      running.push(state.name);
      continue;
    }
    const namespaces = Object.values(state.namespaces);
    removeLab(state.name, namespaces);
    removed.push(state.name);
  }
  if (name !== null && removed.length === 0 && running.length === 0) {
    const orphans = namespacesWith(`pw-${name}-`);
    for (const orphan of orphans) removeNamespace(orphan);
    if (orphans.length > 0) removed.push(name);
  }
  return { removed, running };
}
