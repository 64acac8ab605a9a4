/** The datapath thread's side: opens the ports, builds the topology, runs, changes it when asked to, closes. */
import { workerData } from 'node:worker_threads';
import { Clock } from '../engine/clock.js';
import { FrameArena } from '../engine/frame-arena.js';
import type { BpfMap, MapSpec } from '../engine/maps/map.js';
import { type RandomSource, SeededRandom } from '../engine/random.js';
import { type Libc, loadLibc } from '../io/live/libc.js';
import { BAD_INPUT, LiveError } from '../io/live/live-error.js';
import type { LivePort } from '../io/live/live-port.js';
import { openPort, portName } from '../io/live/open.js';
import { Poller, wake } from '../io/live/poller.js';
import { isWrittenByPackets } from '../programs/tables/map-specs.js';
import { buildTopology } from '../topologies/build.js';
import type { BuiltTopology } from '../topologies/built.js';
import { KeptNumbers } from '../topologies/kept-numbers.js';
import type { PortPart } from '../topologies/port-part.js';
import type { TopologySpec } from '../topologies/spec.js';
import { type Binding, boundDevices, type NumberedBinding, portKey } from './binding.js';
import type { ThreadData } from './datapath-thread.js';
import type { BoundPort } from './forwarder.js';
import { MonotonicTime } from './monotonic-time.js';
import { Runtime } from './runtime.js';
import { takeSnapshot } from './snapshot.js';
import { StateStore } from './state-store.js';
import { LiveStatistics } from './statistics.js';
import { claimFlows } from './steering/claims.js';
import { Steering } from './steering/steering.js';
import type { Change, NumbersJson } from './thread-messages.js';

/** Slots for a burst of each port and what it makes; the long ones hold merged segments, and what is being read. */
const SMALL_SLOTS = 2048;
const LONG_SLOTS = 192;

/** Adds handlers and watchers to a thread before it runs; answers what is to be done when it ends. */
export type Prepare = (runtime: Runtime, extra: unknown) => (() => void) | undefined;

/** Runs in the thread until it is told to stop. */
export async function serveThread(prepare: Prepare): Promise<void> {
  const { setup, extra, control } = workerData as ThreadData;
  const clock = new Clock();
  const random = new SeededRandom(setup.seed);
  const ports = new Ports(new LiveStatistics(setup.statistics));
  try {
    const poller = await Poller.create();
    const { worker } = setup;
    const part = worker && { number: worker.number, of: worker.steering.workers };
    const uptimeNs = new MonotonicTime().now();
    const store = setup.state === undefined ? null : await StateStore.open(setup.state, uptimeNs, part);
    const aheadNs = store?.clockOffsetNs ?? 0;
    const time = new MonotonicTime(aheadNs);
    clock.set(time.now());
    const builder = new LiveBuilder(clock, random, setup.numbers, part, store);
    const built = builder.build(setup.topology, setup.bindings, null);
    const bound = await ports.open(setup.bindings);
    const steering = worker === undefined ? null : new Steering(worker.steering, worker.number);
    const runtime = new Runtime(built, bound, poller, ports.statistics, control, time, steering);
    runtime.store = store;
    if (steering !== null) {
      // Until all workers know whose flows those are that are there already.
      runtime.hold(true);
      claimFlows(built, steering);
    }
    addHandlers(runtime, builder, ports, await loadLibc('lab'));
    const finish = prepare(runtime, extra);
    runtime.notify({
      kind: 'ready',
      wakeFd: poller.wakeFd,
      numbers: builder.numbers.toJson(),
      leftOut: store?.leftOut ?? 0,
      aheadNs,
    });
    await runtime.run();
    finish?.();
    store?.close(time.now());
  } catch (error) {
    const { message, exitCode } = error as Error & { exitCode?: number };
    if (exitCode === undefined) throw error;
    control.postMessage({ notice: { kind: 'failed', message, exitCode } });
  } finally {
    ports.closeAllBut([]);
    control.close();
  }
}

function addHandlers(runtime: Runtime, builder: LiveBuilder, ports: Ports, libc: Libc): void {
  const { steering } = runtime;
  runtime.handle('peers', (wakeFds: readonly number[]) => {
    runtime.wakeWorker = (other) => wake(libc, wakeFds[other]);
  });
  runtime.handle('hold', (isHeld: boolean) => runtime.hold(isHeld));
  runtime.handle('snapshot', () => takeSnapshot(runtime.built));
  // Whatever can go wrong with a change does so here, before anything is touched.
  runtime.handle('open', async (bindings: readonly NumberedBinding[]) => void (await ports.open(bindings)));
  runtime.handle('close-others', (bindings: readonly NumberedBinding[]) => ports.closeAllBut(bindings));
  runtime.handle('change', async ({ topology, bindings, rule }: Change): Promise<NumbersJson> => {
    const bound = await ports.open(bindings);
    // What was handed over belongs here by the rule until now.
    runtime.forwarder.collect();
    runtime.forwarder.flush();
    runtime.replace(builder.build(topology, bindings, runtime.built), bound);
    ports.closeAllBut(bindings);
    if (steering?.use(rule) === true) claimFlows(runtime.built, steering);
    return builder.numbers.toJson();
  });
}

/** Builds topologies one after the other, each with the numbers and the traffic of the one before. */
class LiveBuilder {
  numbers: KeptNumbers;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #arena = new FrameArena(SMALL_SLOTS, LONG_SLOTS);
  readonly #natPorts: PortPart | undefined;
  readonly #store: StateStore | null;

  constructor(
    clock: Clock,
    random: RandomSource,
    numbers: NumbersJson = {},
    natPorts: PortPart | undefined,
    store: StateStore | null,
  ) {
    this.#store = store;
    this.#natPorts = natPorts;
    this.#clock = clock;
    this.#random = random;
    this.numbers = KeptNumbers.from(numbers);
  }

  build(spec: TopologySpec, bindings: readonly Binding[], before: BuiltTopology | null): BuiltTopology {
    const numbers = KeptNumbers.from(this.numbers.toJson());
    const built = buildTopology(spec, {
      clock: this.#clock,
      random: this.#random,
      arena: this.#arena,
      numbers,
      natPorts: this.#natPorts,
      keptMap: (node, declared) =>
        (before === null ? null : keptMap(before, node, declared)) ??
        this.#store?.map(node, declared) ??
        null,
    });
    this.#store?.settle();
    this.numbers = numbers;
    leaveLinks(built, bindings);
    return built;
  }
}

/**
 * The map of a node's topology before, with what packets have left there; what the agent writes is written anew. Making
 * the maps again would take a tenth of a second, for which all frames would have to wait.
 */
function keptMap(before: BuiltTopology, name: string, spec: MapSpec): BpfMap | null {
  const node = before.nodes.find(({ planned }) => planned.name === name);
  if (node === undefined) return null;
  const map =
    node.datapath.maps.get(spec.name) ??
    [node.hostPolicyMap, ...node.pods.map(({ policyMap }) => policyMap)].find(
      (policyMap) => policyMap.spec.name === spec.name,
    );
  if (map === undefined || map.spec.maxEntries !== spec.maxEntries) return null;
  if (!isWrittenByPackets(spec)) map.clear();
  return map;
}

/** Devices whose wire is a real one leave the topology's. */
function leaveLinks(built: BuiltTopology, bindings: readonly Binding[]): void {
  for (const binding of bindings) {
    if (binding.replacesLink !== true) continue;
    for (const device of boundDevices(built, binding)) device.segment?.remove(device);
  }
}

/** The ports that are open, by what they are bound to. */
class Ports {
  readonly statistics: LiveStatistics;
  readonly #open = new Map<string, LivePort>();

  constructor(statistics: LiveStatistics) {
    this.statistics = statistics;
  }

  /** Those of all bindings, in their order; opens what is not open yet. */
  async open(bindings: readonly NumberedBinding[]): Promise<BoundPort[]> {
    const bound: BoundPort[] = [];
    for (const binding of bindings) {
      const key = portKey(binding);
      let port = this.#open.get(key);
      if (port === undefined) {
        port = await openPort({ ...binding.port, counters: this.statistics.port(binding.row) });
        this.#open.set(key, port);
        checkMtu(port, binding);
      }
      bound.push({ port, binding });
    }
    return bound;
  }

  closeAllBut(bindings: readonly Binding[]): void {
    const kept = bindings.map(portKey);
    for (const [key, port] of this.#open) {
      if (kept.includes(key)) continue;
      port.close();
      this.#open.delete(key);
    }
  }
}

function checkMtu({ mtu }: LivePort, { port, minimumMtu = 0, devices }: Binding): void {
  if (mtu >= minimumMtu) return;
  throw new LiveError(
    portName(port),
    `its MTU is ${mtu}, that of ${devices[0]} is ${minimumMtu}`,
    `ip link set ${port.name} mtu ${minimumMtu}, or give the device a smaller mtu in the topology`,
    BAD_INPUT,
  );
}
