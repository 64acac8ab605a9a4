/** A lab from its making to its removal. */
import { randomInt } from 'node:crypto';
import { Clock } from '../../engine/clock.js';
import { SeededRandom } from '../../engine/random.js';
import type { Binding } from '../../live/binding.js';
import { ControlSocket } from '../../live/control-socket.js';
import { canShare, DatapathGroup } from '../../live/datapath-group.js';
import { type LabNamespace, type LabOptions, type LabPlan, planLab } from '../../live/lab-plan.js';
import { MonotonicTime } from '../../live/monotonic-time.js';
import { checkFree, configureNamespace, makeNamespace, removeNamespace } from '../../live/namespaces.js';
import { readSaved, type SavedTopology, writeSaved } from '../../live/saved-topology.js';
import { type Snapshot, showSnapshots } from '../../live/snapshot.js';
import {
  isRunning,
  namespacesLeft,
  processStart,
  readStates,
  removeState,
  socketPath,
  writeState,
} from '../../live/state-file.js';
import { steeringRule } from '../../live/steering/rule.js';
import type { Notice, NumbersJson } from '../../live/thread-messages.js';
import { buildTopology } from '../../topologies/build.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { planTopology } from '../../topologies/check.js';
import { KeptNumbers } from '../../topologies/kept-numbers.js';
import { type LoadedTopology, readTopology } from '../../topologies/load.js';
import type { Plan } from '../../topologies/plan.js';
import type { TopologySpec } from '../../topologies/spec.js';
import { UsageError } from '../exit-codes.js';
import { observedSpec } from '../replay/observed-spec.js';
import type { Output } from '../show/command.js';
import { mergeOverviews, type Overview } from './overview.js';
import { LabServers } from './servers.js';
import { type ShowRequest, showCommand } from './show-request.js';
import { type Status, statusOf } from './status.js';
import type { WalkDesk } from './walk-desk.js';

const THREAD = new URL('./thread.js', import.meta.url);

export interface SessionOptions extends LabOptions {
  readonly topology: LoadedTopology;
  readonly name: string;
  /** Bindings besides those of the lab's own namespaces. */
  readonly bindings: readonly Binding[];
  /** Whether pods serve HTTP, DNS and iperf3. */
  readonly serves: boolean;
  /** Directory that connections outlive the lab in. */
  readonly state?: string | undefined;
  /** Threads that share the work. */
  readonly workers: number;
  /** Where `--monitor` and `--record` are done; whoever opened it closes it, behind the session. */
  readonly desk: WalkDesk;
  /** An interface went down or vanished, or is up again. */
  readonly onPort: (device: string, isUp: boolean) => void;
}

/** A topology as it was written, for those who come by the control socket. */
export interface ApplyRequest {
  readonly source: string;
  readonly text: string;
}

/** What a change of the topology did. */
export interface Applied {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export class LabSession {
  readonly name: string;
  readonly servers = new LabServers();
  lab: LabPlan;
  plan: Plan;
  topology: LoadedTopology;
  readonly #options: SessionOptions;
  #group: DatapathGroup | null = null;
  #socket: ControlSocket | null = null;
  /** That have been made. */
  #changes = 0;
  /** Changes come one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  /** Resolves when traffic can pass; rejects with nothing left behind. */
  static async start(options: SessionOptions): Promise<LabSession> {
    const { state } = options;
    const saved = state === undefined ? null : readSaved(state, options.topology.name, options.workers);
    const session = new LabSession(options, saved);
    session.#expectTopology(session.topology.spec, saved?.numbers ?? {});
    // What a run left that was killed is taken over as it is.
    checkNotRunning(options.name);
    const found = namespacesLeft(options.name);
    const left = saved === null ? [] : found;
    const made = session.lab.namespaces.filter(({ name }) => !left.includes(name));
    const lost = found.filter((name) => !session.lab.namespaces.some((own) => own.name === name));
    checkFree([...made.map(({ name }) => name), ...lost], options.name);
    session.#writeState();
    try {
      for (const namespace of made) makeNamespace(namespace, options.workers);
      session.#group = await DatapathGroup.start({
        entry: THREAD,
        setup: {
          topology: session.#observed(session.topology.spec),
          bindings: session.#bindings(session.lab),
          seed: randomInt(2 ** 32 - 1),
          numbers: saved?.numbers,
          state,
        },
        workers: options.workers,
        rule: steeringRule(session.plan),
        extra: options.desk.watching,
        onNotice: (notice) => session.#take(notice),
      });
      const { aheadNs } = session.group.running;
      options.desk.begin(Date.now() * 1e6 - new MonotonicTime(aheadNs).now());
      for (const namespace of session.lab.namespaces) configureNamespace(namespace);
      session.#save();
      if (options.serves) await session.servers.start(session.plan, session.lab.namespaces);
      session.#socket = await ControlSocket.listen(socketPath(options.name), session.#commands());
      return session;
    } catch (error) {
      await session.stop();
      throw error;
    }
  }

  private constructor(options: SessionOptions, saved: SavedTopology | null) {
    this.#options = options;
    this.name = options.name;
    this.topology = saved === null ? options.topology : { ...options.topology, spec: saved.topology };
    const numbers = KeptNumbers.from(saved?.numbers ?? {});
    this.plan = planTopology(this.topology.spec, this.topology.source, numbers);
    this.lab = planLab(this.plan, options);
  }

  get group(): DatapathGroup {
    return this.#group!;
  }

  /** Ends the thread, then removes all that was made. */
  async stop(): Promise<void> {
    this.#socket?.close();
    this.servers.stop();
    await this.#group?.stop();
    for (const { name } of this.lab.namespaces) removeNamespace(name);
    removeState(this.name);
  }

  /** Asks the datapath thread, whose packets wait meanwhile; the limit keeps that short. */
  async overview(flows: number): Promise<Overview> {
    return mergeOverviews((await this.group.requestAll('overview', flows)) as Overview[], flows);
  }

  status(): Status {
    return statusOf(this.name, this.topology.source, this.#bindings(this.lab), this.group);
  }

  /** Goes on with another topology: what it does not change is not disturbed. Changes nothing when it is faulty. */
  apply(topology: LoadedTopology): Promise<Applied> {
    const applied = this.#changing.then(() => this.#apply(topology));
    this.#changing = applied.catch(() => {});
    return applied;
  }

  async #apply(topology: LoadedTopology): Promise<Applied> {
    const numbers = KeptNumbers.from(this.group.running.numbers);
    const plan = planTopology(topology.spec, topology.source, numbers);
    const before = this.lab;
    const lab = planLab(plan, this.#options);
    const isIn = ({ namespaces }: LabPlan, { name }: LabNamespace): boolean =>
      namespaces.some((other) => other.name === name);
    const added = lab.namespaces.filter((namespace) => !isIn(before, namespace));
    const removed = before.namespaces.filter((namespace) => !isIn(lab, namespace));
    checkFree(
      added.map(({ name }) => name),
      this.name,
    );

    // What is made is in the state file before, and what is removed until after.
    this.lab = { ...lab, namespaces: [...lab.namespaces, ...removed] };
    this.#writeState();
    for (const namespace of added) makeNamespace(namespace, this.#options.workers);
    this.#expectTopology(topology.spec, this.group.running.numbers);
    await this.group.change({
      topology: this.#observed(topology.spec),
      bindings: this.#bindings(lab),
      rule: steeringRule(plan),
    });
    this.#changes++;
    for (const namespace of lab.namespaces) {
      const former = before.namespaces.find(({ name }) => name === namespace.name);
      if (former?.commands.join() !== namespace.commands.join()) configureNamespace(namespace);
    }
    for (const { name } of removed) removeNamespace(name);
    this.plan = plan;
    this.lab = lab;
    this.topology = topology;
    this.#writeState();
    this.#save();
    if (this.#options.serves) await this.servers.start(plan, added);
    return { added: added.map(({ label }) => label), removed: removed.map(({ label }) => label) };
  }

  #take(notice: Notice): void {
    if (notice.kind === 'walks') this.#options.desk.take(notice.batch);
    else if (notice.kind === 'port') this.#options.onPort(notice.device, notice.isUp);
  }

  /** The threads are about to run it. */
  #expectTopology(spec: TopologySpec, numbers: NumbersJson): void {
    const generation = this.#group === null ? 0 : this.#changes + 1;
    this.#options.desk.expect(generation, () => this.#build(spec, numbers));
  }

  /** A topology like that of the threads, which nothing walks through. */
  #build(spec: TopologySpec, numbers: NumbersJson): BuiltTopology {
    return buildTopology(this.#observed(spec), {
      clock: new Clock(),
      random: new SeededRandom(0),
      numbers: KeptNumbers.from(numbers),
    });
  }

  /** Of several workers' maps as if they were one's. */
  async #show(request: ShowRequest): Promise<Output> {
    if (this.#options.workers === 1) return (await this.group.requestAll('show', request))[0] as Output;
    const snapshots = (await this.group.requestAll('snapshot')) as Snapshot[];
    const built = this.#build(this.topology.spec, this.group.running.numbers);
    showSnapshots(built, snapshots);
    return showCommand(built, request);
  }

  /** A recording has the events of every packet, those that aggregation would hide as well. */
  #observed(spec: TopologySpec): TopologySpec {
    return observedSpec(spec, { out: this.#options.desk.record, config: {} });
  }

  #bindings({ bindings }: LabPlan): readonly Binding[] {
    const all = [...bindings, ...this.#options.bindings];
    // What WireGuard seals has to be whole by then, as in the kernel, which cuts and sums before it encrypts.
    const areWhole = this.plan.nodes.some(({ config }) => config.features.wireguard);
    return areWhole ? all.map((one) => ({ ...one, port: { ...one.port, offloads: false } })) : all;
  }

  #commands() {
    return {
      status: () => this.status(),
      topology: () => this.topology.spec,
      show: (request: ShowRequest) => this.#show(request),
      apply: ({ text, source }: ApplyRequest) => this.apply(readTopology(text, source)),
    };
  }

  /** The topology as it is now, for a run that goes on from the state. */
  #save(): void {
    const { state } = this.#options;
    if (state === undefined) return;
    const { topology, group } = this;
    writeSaved(state, {
      topology: topology.spec,
      numbers: group.running.numbers,
      workers: this.#options.workers,
    });
  }

  #writeState(): void {
    writeState({
      name: this.name,
      pid: process.pid,
      started: processStart(process.pid),
      topology: this.topology.source,
      namespaces: Object.fromEntries(this.lab.namespaces.map((made) => [made.label, made.name])),
      socket: socketPath(this.name),
    });
  }
}

/** Two labs of one name would have the same namespaces, record and control socket. */
function checkNotRunning(name: string): void {
  const other = readStates().find((state) => state.name === name);
  if (other === undefined || !isRunning(other)) return;
  throw new UsageError(
    `--name ${name}: a lab of this name runs (process ${other.pid}); end it, or give another`,
  );
}

/** Throws UsageError for a port that only one worker can have. */
export function checkShared(workers: number, bindings: readonly Binding[]): void {
  const single = bindings.find(({ port }) => !canShare(port));
  if (workers > 1 && single !== undefined) {
    throw new UsageError(
      `--workers ${workers}: ${single.port.plugin} is of one worker; use tap or af-packet`,
    );
  }
}
