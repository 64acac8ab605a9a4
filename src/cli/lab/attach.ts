/** Puts devices of a topology on real interfaces, or says what that would do. */
import { planTopology } from '../../topologies/check.js';
import { EXIT_DONE, UsageError } from '../exit-codes.js';
import { openTopology } from '../open-topology.js';
import { devicesJson, devicesText, readDevices } from './devices.js';
import { runSession } from './run.js';

export interface AttachOptions {
  /** Name or file. */
  readonly topology: string;
  /** `DEVICE=PLUGIN:INTERFACE`s. */
  readonly device: readonly string[];
  readonly name?: string | undefined;
  readonly workers: number;
  readonly quiet: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Answers the exit code when a signal has ended the session. Throws UsageError, TopologyError or LiveError. */
export async function attach(options: AttachOptions): Promise<number> {
  const topology = openTopology(options.topology);
  if (options.device.length === 0) {
    throw new UsageError('attach what? (--device DEVICE=PLUGIN:INTERFACE)');
  }
  const bindings = readDevices(planTopology(topology.spec, topology.source), options.device);
  if (options.dryRun) {
    process.stdout.write(options.json ? devicesJson(bindings) : devicesText(bindings));
    return EXIT_DONE;
  }
  const { name = topology.name, quiet, workers } = options;
  return runSession({ topology, name, serves: false, bindings, pods: false, quiet, workers });
}
