/** Starts the lab that the options ask for. */
import { planTopology } from '../../topologies/check.js';
import { suggestion } from '../../topologies/faults.js';
import type { Plan } from '../../topologies/plan.js';
import { UsageError } from '../exit-codes.js';
import type { MonitorChoice } from '../monitor/choice.js';
import { openTopology } from '../open-topology.js';
import { readDevices } from './devices.js';
import { runSession } from './run.js';

export interface LabOptions {
  /** Name or file. */
  readonly topology: string;
  readonly name?: string | undefined;
  readonly serve: boolean;
  /** `DEVICE=PLUGIN:INTERFACE`s. */
  readonly device: readonly string[];
  /** Names with commas between them; default all. */
  readonly node?: string | undefined;
  readonly monitor: MonitorChoice | null;
  readonly record?: string | undefined;
  readonly workers: number;
  readonly quiet: boolean;
  readonly state?: string | undefined;
}

/** Answers the exit code when a signal has ended the lab. Throws UsageError, TopologyError or LiveError. */
export async function startLab(options: LabOptions): Promise<number> {
  const topology = openTopology(options.topology);
  const plan = planTopology(topology.spec, topology.source);
  const nodes = options.node?.split(',') ?? plan.nodes.map((known) => known.name);
  checkNodes(plan, nodes);
  const { name = topology.name, serve: serves, monitor, record, workers, quiet, state } = options;
  const bindings = readDevices(plan, options.device);
  return runSession({
    topology,
    name,
    serves,
    bindings,
    pods: true,
    nodes,
    monitor,
    record,
    workers,
    quiet,
    state,
  });
}

function checkNodes(plan: Plan, names: readonly string[]): void {
  const known = plan.nodes.map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return;
  const hint = suggestion(wrong, known) || `; there are ${known.join(', ')}`;
  throw new UsageError(`--node ${wrong}: no such node in topology ${plan.name}${hint}`);
}
