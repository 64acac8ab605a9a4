/** Tools run in a topology, as `packetwalk run` runs them one after the other. */
import { Clock } from '../../src/engine/clock.js';
import { SeededRandom } from '../../src/engine/random.js';
import { prepareTool } from '../../src/hosts/tools/tools.js';
import { buildTopology } from '../../src/topologies/build.js';
import { loadTopology, readTopology } from '../../src/topologies/load.js';
import { Simulation } from '../../src/topologies/simulation.js';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** `node1/eth0: Policy denied x3`; of packets that left for nobody without the reason. */
  readonly losses: readonly string[];
  readonly seconds: number;
}

/** A topology in YAML, or the name of a ready-made one. */
export function simulate(topology: string, seed = 1): Simulation {
  const { spec } = topology.includes('\n') ? readTopology(topology, 'run') : loadTopology(topology);
  const built = buildTopology(spec, {
    clock: new Clock(),
    random: new SeededRandom(seed),
    mapSpec: (map) => ({ ...map, maxEntries: Math.min(map.maxEntries, 4096) }),
  });
  for (const { datapath } of built.nodes) datapath.events.mode = 'discard';
  return new Simulation(built, { random: new SeededRandom(seed + 1) });
}

/** `HOST: TOOL ARGUMENTS`, words by blanks. */
export function runTool(simulation: Simulation, line: string, input = ''): Ran {
  const [name, ...words] = line.replace(':', '').split(/ +/);
  const process = simulation.start(simulation.hosts.get(name)!, prepareTool(words), input);
  const { nowNs } = simulation;
  if (!simulation.runUntil(() => process.exitCode !== null)) throw new Error(`${line}: does not end`);
  return {
    code: process.exitCode!,
    stdout: process.stdout,
    stderr: process.stderr,
    losses: simulation.lossesOf(process).map(({ device, reason, count }) => {
      const why = reason === 0 ? '' : `: ${simulation.built.dropReasonName(reason)}`;
      return `${device.namespace.name}/${device.name}${why} x${count}`;
    }),
    seconds: (simulation.nowNs - nowNs) / 1e9,
  };
}
