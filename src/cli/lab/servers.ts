/** Starts what the pods of a lab serve, and ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabNamespace } from '../../live/lab-plan.js';
import { namesOf, planServing } from '../../live/serve-plan.js';
import type { Plan } from '../../topologies/plan.js';
import type { ServerArguments } from './server.js';

const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));
const IPERF = 'iperf3';

export class LabServers {
  readonly #children: ChildProcess[] = [];
  /** What is served where, for people: `server: http 80, iperf3 5201`. */
  readonly lines: string[] = [];

  /** Resolves when all listen, or ten seconds have passed. */
  async start(plan: Plan, namespaces: readonly LabNamespace[]): Promise<void> {
    const starting: Promise<void>[] = [];
    const hasIperf = isInstalled(IPERF);
    const names = namesOf(plan);
    for (const { label, namespace, http, dns, resolvers, iperf } of planServing(plan, namespaces)) {
      const server: ServerArguments = { label, http, dns, resolvers, names };
      const child = this.#spawn(namespace, process.execPath, [SERVER, JSON.stringify(server)]);
      starting.push(firstOutput(child));
      // iperf3 does not see the lab end; the shell that started it does, by its standard input.
      if (hasIperf)
        this.#spawn(namespace, 'sh', [
          '-c',
          `${IPERF} -s -p ${iperf} >/dev/null 2>&1 & cat >/dev/null; kill $!`,
        ]);
      const served = [`http ${http.join(' ')}`];
      if (dns.length > 0) served.push(`dns ${dns.join(' ')}`);
      if (hasIperf) served.push(`${IPERF} ${iperf}`);
      this.lines.push(`${label}: ${served.join(', ')}`);
    }
    await Promise.all(starting);
  }

  stop(): void {
    for (const child of this.#children) child.stdin?.end();
  }

  #spawn(namespace: string, command: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Ctrl-C is the lab's: it ends these in its own order.
      detached: true,
    });
    child.stdin?.on('error', () => {});
    child.on('error', () => {});
    this.#children.push(child);
    return child;
  }
}

const START_MS = 10_000;

function firstOutput(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, START_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.once('data', done);
    child.once('exit', done);
    child.once('error', done);
  });
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
