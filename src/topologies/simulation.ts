/**
 * A run of a topology with everybody in it: pods, nodes, routers and hosts have stacks that answer, and tools run on
 * them. Time is the run's own and goes from event to event: the same topology, seed and commands give the same run.
 *
 * Every frame is caused by somebody: what a tool sends, and all that is sent in answer to it, is counted for the tool.
 */
import type { Device } from '../engine/device.js';
import { EventQueue, type Timer } from '../engine/event-queue.js';
import { DROPPED, FRAME_TOO_LONG, NO_FREE_SLOT, TRANSMITTED } from '../engine/fate.js';
import { JUMBO_FRAME_LIMIT } from '../engine/frame-arena.js';
import type { Namespace } from '../engine/namespace.js';
import type { PacketContext } from '../engine/packet.js';
import type { RandomSource } from '../engine/random.js';
import { HostStack } from '../engine/stack/host-stack.js';
import { Host } from '../hosts/host.js';
import { Process, type Program } from '../hosts/process.js';
import { SocketCalls } from '../hosts/socket-calls.js';
import type { HostWorld } from '../hosts/world.js';
import type { BuiltTopology } from './built.js';
import { LinkTimes } from './link-times.js';
import { Outside, UNHEARD } from './outside.js';
import { giveNames, type RefusedServer, startServers } from './servers.js';

/** What a stack takes from deciding to send to sending; links and walks take no time unless they are declared to. */
const SEND_NS = 20_000;
/** Between two looks at neighbours that are asked for, which are asked a second apart. */
const NEIGHBOUR_POLL_NS = 100e6;

/** Is told of every part of a frame's walk: up to a link that takes time, or out of the network and in again. */
export interface SimulationTap {
  /** A walk begins or goes on: `frame` is the same number for all parts of one frame's way. */
  begin(frame: number, timeNs: number): void;
  /** It has come to an end, or to a link. */
  end(fate: number, reason: number, device: Device): void;
}

/** Frames that ended at one place for one reason. */
export interface Loss {
  readonly device: Device;
  /** 0 for frames that left the network for nobody. */
  readonly reason: number;
  count: number;
}

export interface SimulationOptions {
  readonly random: RandomSource;
}

export class Simulation implements HostWorld {
  readonly built: BuiltTopology;
  readonly random: RandomSource;
  readonly queue = new EventQueue();
  /** By the names of pods, nodes, routers and hosts. */
  readonly hosts: ReadonlyMap<string, Host>;
  /** Servers that did not get their port. */
  readonly refused: readonly RefusedServer[];
  tap: SimulationTap | null = null;
  /** Frames that were sent. */
  frames = 0;

  readonly #outside: Outside;
  readonly #stacks: readonly HostStack[];
  readonly #losses = new Map<Process | null, Loss[]>();
  /** On whose behalf things happen right now, and which frame is being walked. */
  #cause: Process | null = null;
  #frame = 0;
  #cookies = 0;
  #isWatching = false;

  constructor(built: BuiltTopology, { random }: SimulationOptions) {
    this.built = built;
    this.random = random;
    const hosts = built.network.namespaces.map((namespace) => this.#makeHost(namespace));
    this.hosts = new Map(hosts.map((host) => [host.name, host]));
    this.#stacks = hosts.map(({ stack }) => stack);
    this.#outside = new Outside(built, random);
    const links = new LinkTimes(random, built.clock, (timeNs, packet, from, to) => {
      this.#carry(timeNs, packet, from, to);
    });
    links.install(built);
    this.refused = startServers(built, this.hosts, giveNames(built.plan, this.hosts));
    built.walker.copyEnded = (packet, fate, device, reason) => {
      this.#takeEnd(fate, reason, device, () => packet.bytes.slice(packet.start, packet.end));
    };
  }

  get nowNs(): number {
    return this.built.clock.nowNs;
  }

  /** Starts a tool on a host; `run` then lets time pass. */
  start(host: Host, program: Program, input = ''): Process {
    const process = new Process(host, input);
    const outer = this.#cause;
    this.#cause = process;
    process.start(program);
    this.#cause = outer;
    return process;
  }

  /** Lets time pass until the condition holds; false when nothing is left to happen. */
  runUntil(isDone: () => boolean): boolean {
    while (!isDone()) if (!this.#step()) return false;
    return true;
  }

  /** Lets so much time pass. */
  runFor(durationNs: number): void {
    const endNs = this.nowNs + durationNs;
    while (this.queue.nextTimeNs <= endNs) this.#step();
    this.built.clock.set(endNs);
    this.built.agent.poll();
  }

  /** What became of frames that did not arrive: those that a tool caused, in the order of the first of each kind. */
  lossesOf(process: Process): readonly Loss[] {
    return this.#losses.get(process) ?? [];
  }

  after(delayNs: number, call: () => void): Timer {
    const cause = this.#cause;
    return this.queue.schedule(this.nowNs + delayNs, () => {
      this.#cause = cause;
      call();
    });
  }

  cancel(timer: Timer): void {
    this.queue.cancel(timer);
  }

  send(namespace: Namespace, frame: Uint8Array, mark: number): void {
    const number = ++this.frames;
    this.after(SEND_NS, () => {
      this.#walk(number, frame, namespace.devices[0], (handle) => {
        this.built.walker.send(handle, namespace, mark, 0);
      });
    });
  }

  /** A namespace's sockets, on the stack that it has or gets now. */
  #makeHost(namespace: Namespace): Host {
    const { built } = this;
    const known = namespace.localDelivery;
    const stack =
      known instanceof HostStack ? known : new HostStack(namespace, built.walker.output, built.clock);
    const host = new Host(stack, this, () => ++this.#cookies);
    const hooks = built.findNode(namespace)?.socketHooks ?? null;
    if (hooks !== null) {
      const pod = built.pods.find((candidate) => candidate.namespace === namespace);
      host.calls = new SocketCalls(hooks, pod?.planned.endpointId ?? null);
    }
    return host;
  }

  #step(): boolean {
    const { queue, built } = this;
    const { nextTimeNs } = queue;
    const call = queue.take();
    if (call === null) return false;
    built.clock.set(nextTimeNs);
    built.agent.poll();
    call();
    this.#watchNeighbours();
    this.#cause = null;
    return true;
  }

  /** As long as somebody asks for a neighbour, questions are asked again, and given up. */
  #watchNeighbours(): void {
    if (this.#isWatching || !this.#stacks.some(isAsking)) return;
    this.#isWatching = true;
    this.after(NEIGHBOUR_POLL_NS, () => {
      this.#isWatching = false;
      for (const stack of this.#stacks) if (isAsking(stack)) stack.poll();
    });
  }

  /** Walks a frame in a slot of its own. */
  #walk(number: number, frame: Uint8Array, device: Device, walk: (handle: number) => void): void {
    const { walker } = this.built;
    const { arena } = walker;
    this.#frame = number;
    this.tap?.begin(number, this.nowNs);
    const handle = arena.put(new DataView(frame.buffer, frame.byteOffset, frame.byteLength), 0, frame.length);
    if (handle >= 0) walk(handle);
    else walker.refuse(device, frame.length > JUMBO_FRAME_LIMIT ? FRAME_TOO_LONG : NO_FREE_SLOT);
    this.tap?.end(walker.fate, walker.reason, walker.device);
    const { fate, reason, device: last } = walker;
    this.#takeEnd(fate, reason, last, () => {
      const start = arena.start[handle];
      return arena.bytes.slice(start, start + arena.length[handle]);
    });
    if (handle >= 0) arena.free(handle);
  }

  #takeEnd(fate: number, reason: number, device: Device, frame: () => Uint8Array): void {
    if (fate === DROPPED) this.#lose(device, reason);
    else if (fate === TRANSMITTED) this.#leave(frame(), device);
  }

  /** A link brings a frame after a while. */
  #carry(timeNs: number, packet: PacketContext, from: Device, to: Device): void {
    const number = this.#frame;
    const frame = packet.bytes.slice(packet.start, packet.end);
    this.after(timeNs - this.nowNs, () => {
      this.#walk(number, frame, to, (handle) => {
        this.built.walker.resume(handle, from, to);
      });
    });
  }

  /** A frame leaves the network: the outside brings it to a host, to a node, or to nobody. */
  #leave(frame: Uint8Array, device: Device): void {
    const number = this.#frame;
    const arrival = this.#outside.bring(frame, device, this.nowNs);
    if (typeof arrival === 'number') {
      if (arrival !== UNHEARD) this.#lose(device, arrival);
      return;
    }
    this.after(arrival.timeNs - this.nowNs, () => {
      this.#walk(number, arrival.frame, arrival.device, (handle) => {
        this.built.walker.receive(handle, arrival.device);
      });
    });
  }

  #lose(device: Device, reason: number): void {
    const losses = this.#losses.get(this.#cause) ?? [];
    if (losses.length === 0) this.#losses.set(this.#cause, losses);
    const known = losses.find((loss) => loss.device === device && loss.reason === reason);
    if (known === undefined) losses.push({ device, reason, count: 1 });
    else known.count++;
  }
}

function isAsking({ resolver }: HostStack): boolean {
  return resolver.pending.some(({ hasFailed }) => !hasFailed);
}
