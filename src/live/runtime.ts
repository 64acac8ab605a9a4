/**
 * The loop of a datapath thread: sleeps in poll(2) over all ports and a wake-up, takes a burst from each port that is
 * readable, sends what came of them, and sleeps again. Requests from other threads are answered between two rounds.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { PORT_GONE, PORT_UP } from '../io/live/live-port.js';
import { type Poller, READY_ERROR, READY_HANG_UP, READY_INVALID } from '../io/live/poller.js';
import type { BuiltTopology } from '../topologies/built.js';
import { type BoundPort, Forwarder, type WalkWatcher } from './forwarder.js';
import type { MonotonicTime } from './monotonic-time.js';
import { Stacks } from './stacks.js';
import type { StateStore } from './state-store.js';
import {
  BUSY_NS,
  HANDED_OVER,
  HANDOVER_LOST,
  type LiveStatistics,
  MERGED,
  ROUNDS,
  SHARED_WALKS,
  STRANGERS,
  UNBOUND,
} from './statistics.js';
import type { Steering } from './steering/steering.js';
import type { Notice, Reply, Request } from './thread-messages.js';

/** Statistics are this fresh while frames come. */
const STATISTICS_NS = 50e6;
/** Longest sleep: entries expire, and interfaces that were down are looked at again. */
const IDLE_MS = 200;
/** Between two looks at what the kernel counts and says of the interfaces. */
const LOOK_NS = 200e6;
/**
 * After a round with so many frames whoever waits for this core has a turn. Under a flood of small datagrams on two cores
 * the receivers overflowed otherwise: 208,000 a second arrived where it had been 160,000. Long segments come fewer at a time.
 */
const CROWD = 16;
/** Row of the poller in front of the ports'. */
const WAKE_ROWS = 1;
const TROUBLE = READY_ERROR | READY_HANG_UP | READY_INVALID;

/** Makes the watcher of a topology's walks. */
export type Watch = (built: BuiltTopology) => WalkWatcher | null;

/** Answers a request; a promise holds the loop up until it is settled, while frames wait in the kernel. */
export type Handler = (argument: never) => unknown;

export class Runtime {
  built!: BuiltTopology;
  forwarder!: Forwarder;
  ports!: readonly BoundPort[];
  /** Where there are several workers: their steering, and how one is woken. */
  readonly steering: Steering | null;
  wakeWorker: (worker: number) => void = () => {};
  /** Where the maps outlive the run; null where they do not. */
  store: StateStore | null = null;

  readonly #control: MessagePort;
  readonly #poller: Poller;
  readonly #statistics: LiveStatistics;
  readonly #time: MonotonicTime;
  readonly #handlers = new Map<string, Handler>();
  /** By row of `ports`, as last told. */
  #states: number[] = [];
  #stacks!: Stacks;
  #watch: Watch | null = null;
  #stopping = false;
  /** Frames wait in the kernel, while the workers agree on something. */
  #isHeld = false;
  #waiting: Promise<void> | null = null;
  #notedNs = 0;
  #lookedNs = 0;

  constructor(
    built: BuiltTopology,
    ports: readonly BoundPort[],
    poller: Poller,
    statistics: LiveStatistics,
    control: MessagePort,
    time: MonotonicTime,
    steering: Steering | null = null,
  ) {
    this.steering = steering;
    this.#time = time;
    this.#poller = poller;
    this.#statistics = statistics;
    this.#control = control;
    this.#use(built, ports);
    built.clock.set(this.#time.now());
    this.handle('stop', () => {
      this.#stopping = true;
    });
  }

  /**
   * From now on through another topology, by other ports; to be called between two rounds. Ports that are in both lists
   * stay as they are; those of the former one that are not in the new one are the caller's to close.
   */
  replace(built: BuiltTopology, ports: readonly BoundPort[]): void {
    this.#statistics.carry(this.built);
    const { unbound, strangers, copies, merger } = this.forwarder;
    this.#use(built, ports);
    Object.assign(this.forwarder, { unbound, strangers, copies });
    this.forwarder.merger.merged = merger.merged;
    this.watch(this.#watch);
  }

  /** Reads no frames any more, or again; those that other workers hand over are walked all the same. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#watchPorts();
  }

  /** Lets somebody watch the walks through the topology, and through those that come after it. */
  watch(watch: Watch | null): void {
    this.#watch = watch;
    this.forwarder.watcher = watch === null ? null : watch(this.built);
  }

  #use(built: BuiltTopology, ports: readonly BoundPort[]): void {
    this.built = built;
    this.ports = ports;
    this.forwarder = new Forwarder(built, ports, this.steering);
    // As with a kernel's ring that nobody reads; whoever watches reads it.
    for (const { datapath } of built.nodes) datapath.events.mode = 'discard';
    this.#stacks = new Stacks(
      built,
      ports.map(({ binding }) => binding),
    );
    this.#states = ports.map(({ port }) => port.state);
    this.#watchPorts();
  }

  #watchPorts(): void {
    const poller = this.#poller;
    while (poller.count < this.ports.length + WAKE_ROWS) poller.add(-1);
    for (let row = WAKE_ROWS; row < poller.count; row++) {
      const bound = this.ports[row - WAKE_ROWS];
      poller.set(
        row,
        this.#isHeld || bound === undefined || bound.port.state === PORT_GONE ? -1 : bound.port.fd,
      );
    }
  }

  handle(kind: string, handler: Handler): void {
    this.#handlers.set(kind, handler);
  }

  /** Tells the thread that started this one something it did not ask for; `moved` is memory that goes to it. */
  notify(notice: Notice, moved: readonly ArrayBuffer[] = []): void {
    this.#control.postMessage({ notice }, moved);
  }

  /** Runs until it is asked to stop; then all that was read has been sent. The ports stay open. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      this.#spin();
      if (this.#waiting !== null) await this.#waiting;
      this.#waiting = null;
    }
    this.#noteStatistics();
  }

  /** Rounds, until it is asked to stop or a request takes time. */
  #spin(): void {
    const { loop } = this.#statistics;
    const { steering } = this;
    let isNoted = false;
    while (!this.#stopping && this.#waiting === null) {
      const restMs: number =
        steering === null || steering.mayRest() ? (isNoted ? IDLE_MS : STATISTICS_NS / 1e6) : 0;
      const ready = this.#poller.wait(restMs);
      if (steering !== null) steering.rise();
      const startNs = this.#time.now();
      this.built.clock.set(startNs);
      this.built.agent.poll();
      if (ready > 0 || restMs === 0) {
        if (this.#poller.ready(0) !== 0) this.#answerRequests();
        const frames = this.#round();
        const nowNs = this.#time.now();
        loop[ROUNDS]++;
        loop[BUSY_NS] += nowNs - startNs;
        isNoted = false;
        if (frames >= CROWD) this.#poller.giveWay();
        if (nowNs - this.#notedNs < STATISTICS_NS) continue;
      }
      if (!isNoted) this.#noteStatistics();
      isNoted = ready <= 0 && restMs > 0;
      this.#lookAround();
    }
  }

  /** Answers how many frames were read. */
  #round(): number {
    let frames = 0;
    const { ports, forwarder, steering } = this;
    if (steering !== null) forwarder.collect();
    for (let row = 0; row < ports.length; row++) {
      const ready = this.#poller.ready(row + WAKE_ROWS);
      if (ready === 0) continue;
      frames += forwarder.take(row);
      if ((ready & TROUBLE) !== 0) this.#lookAtPort(row);
    }
    if (this.store !== null) this.store.settle();
    forwarder.flush();
    if (steering !== null) steering.wake(this.wakeWorker);
    forwarder.watcher?.roundEnded();
    return frames;
  }

  #noteStatistics(): void {
    const statistics = this.#statistics;
    this.#notedNs = this.#time.now();
    statistics.note(this.built);
    this.store?.note(this.#notedNs);
    statistics.loop[UNBOUND] = this.forwarder.unbound;
    statistics.loop[STRANGERS] = this.forwarder.strangers;
    statistics.loop[SHARED_WALKS] = this.forwarder.copies;
    statistics.loop[MERGED] = this.forwarder.merger.merged;
    statistics.loop[HANDED_OVER] = this.steering?.handedOver ?? 0;
    statistics.loop[HANDOVER_LOST] = this.steering?.lost ?? 0;
  }

  /** What is not done with every round. */
  #lookAround(): void {
    this.#stacks.poll();
    this.forwarder.flush();
    this.forwarder.watcher?.roundEnded();
    const nowNs = this.#time.now();
    if (nowNs - this.#lookedNs < LOOK_NS) return;
    this.#lookedNs = nowNs;
    for (let row = 0; row < this.ports.length; row++) this.#lookAtPort(row);
  }

  /** An interface that went down, came up or vanished is told of; the others go on. */
  #lookAtPort(row: number): void {
    const { port, binding } = this.ports[row];
    if (port.state !== PORT_GONE) port.refresh();
    if (port.state === this.#states[row]) return;
    this.#states[row] = port.state;
    if (port.state === PORT_GONE) this.#poller.set(row + WAKE_ROWS, -1);
    this.notify({
      kind: 'port',
      device: binding.devices[0],
      state: port.state,
      isUp: port.state === PORT_UP,
    });
  }

  #answerRequests(): void {
    for (
      let received = receiveMessageOnPort(this.#control);
      received !== undefined;
      received = receiveMessageOnPort(this.#control)
    ) {
      this.#answer(received.message as Request);
    }
  }

  #answer({ id, kind, argument }: Request): void {
    const reply = (answer: Omit<Reply, 'id'>): void => this.#control.postMessage({ id, ...answer });
    const fail = (error: unknown): void => {
      const { message, exitCode = 2 } = error as Error & { exitCode?: number };
      reply({ error: message, exitCode });
    };
    try {
      const handler = this.#handlers.get(kind);
      if (handler === undefined) throw new Error(`no such request: ${kind}`);
      const result = handler(argument as never);
      if (result instanceof Promise) {
        this.#waiting = result.then((value) => reply({ result: value }), fail);
      } else reply({ result });
    } catch (error) {
      fail(error);
    }
  }
}
