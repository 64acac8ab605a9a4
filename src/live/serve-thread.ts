/** The datapath thread's side: opens the ports, builds the topology, runs, closes. */
import { workerData } from 'node:worker_threads';
import { formatMac } from '../engine/address-text.js';
import { Clock } from '../engine/clock.js';
import { FrameArena } from '../engine/frame-arena.js';
import { SeededRandom } from '../engine/random.js';
import { openPort } from '../io/live/open.js';
import { Poller } from '../io/live/poller.js';
import { buildTopology } from '../topologies/build.js';
import type { BuiltTopology } from '../topologies/built.js';
import { type Binding, boundDevices } from './binding.js';
import type { ThreadData } from './datapath-thread.js';
import type { BoundPort } from './forwarder.js';
import { MonotonicTime } from './monotonic-time.js';
import { Runtime } from './runtime.js';
import { LiveStatistics } from './statistics.js';

/** Slots for a burst of each port and what it makes; the long ones hold merged segments, and what is being read. */
const SMALL_SLOTS = 2048;
const LONG_SLOTS = 192;

/** Runs in the thread until it is told to stop; `prepare` may add handlers and watchers. */
export async function serveThread(
  prepare: (runtime: Runtime, extra: unknown) => (() => void) | undefined,
): Promise<void> {
  const { setup, extra, control } = workerData as ThreadData;
  const ports: BoundPort[] = [];
  try {
    const statistics = new LiveStatistics(setup.bindings.length, setup.statistics);
    const poller = await Poller.create();
    const clock = new Clock();
    clock.set(new MonotonicTime().now());
    const built = buildTopology(setup.topology, {
      clock,
      random: new SeededRandom(setup.seed),
      arena: new FrameArena(SMALL_SLOTS, LONG_SLOTS),
    });
    for (const [row, binding] of setup.bindings.entries()) {
      const port = await openPort({ ...binding.port, counters: statistics.port(row) });
      ports.push({ port, binding });
    }
    unlink(built, setup.bindings);
    const runtime = new Runtime(built, ports, poller, statistics, control);
    const finish = prepare(runtime, extra);
    runtime.notify({
      kind: 'ready',
      wakeFd: poller.wakeFd,
      macs: ports.map(({ port }) => formatMac(port.mac)),
    });
    await runtime.run();
    finish?.();
    poller.close();
  } catch (error) {
    const { message, exitCode } = error as Error & { exitCode?: number };
    if (exitCode === undefined) throw error;
    control.postMessage({ notice: { kind: 'failed', message, exitCode } });
  } finally {
    for (const { port } of ports) port.close();
    control.close();
  }
}

/** Devices whose wire is a real one now leave the topology's. */
function unlink(built: BuiltTopology, bindings: readonly Binding[]): void {
  for (const binding of bindings) {
    if (binding.replacesLink !== true) continue;
    for (const device of boundDevices(built, binding)) {
      device.segment?.remove(device);
    }
  }
}
