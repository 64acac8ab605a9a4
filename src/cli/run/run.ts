/** `packetwalk run`: tools on the pods, nodes and hosts of a topology, one after the other or all at once. */
import { Clock } from '../../engine/clock.js';
import { SeededRandom } from '../../engine/random.js';
import { errorText } from '../../hosts/errors.js';
import { KILLED, type Process } from '../../hosts/process.js';
import { SECOND_NS } from '../../hosts/world.js';
import { buildTopology } from '../../topologies/build.js';
import { Simulation } from '../../topologies/simulation.js';
import { EXIT_DONE, EXIT_FOUND, UsageError } from '../exit-codes.js';
import { log, put } from '../log.js';
import type { Monitor } from '../monitor/monitor.js';
import { openTopology } from '../open-topology.js';
import { attachPrograms } from '../programs/attachment.js';
import type { ProgramOption } from '../programs/option.js';
import { observedSpec } from '../replay/observed-spec.js';
import type { WalkRecorder } from '../replay/recording.js';
import { type OutputOptions, RunOutput } from '../run-output.js';
import { printListings } from '../show/after-run.js';
import { type RunCommand, readRunCommand } from './command-line.js';
import { type CommandResult, commandResult, lossText } from './result.js';

export interface RunOptions extends OutputOptions {
  /** Name or file. */
  readonly topology: string;
  readonly commands: readonly string[];
  readonly parallel: boolean;
  readonly seed: number;
  readonly programs: readonly ProgramOption[];
  /** Keys of the Cilium ConfigMap, in place of the topology's. */
  readonly config: Readonly<Record<string, string>>;
}

/** After the last command: its last packets, and those of whoever answered it. */
const LINGER_NS = SECOND_NS;
/** Between two commands of a person. */
const PAUSE_NS = 1e6;

/** Answers the exit code: EXIT_FOUND when a command has failed. Throws UsageError or TopologyError before the run. */
export async function runCommands(options: RunOptions): Promise<number> {
  const { spec } = openTopology(options.topology);
  const random = new SeededRandom(options.seed);
  const built = buildTopology(observedSpec(spec, options), {
    clock: new Clock(),
    random,
  });
  for (const { datapath } of built.nodes) datapath.events.mode = 'discard';
  await attachPrograms(built, new SeededRandom(~options.seed), options.programs);
  const simulation = new Simulation(built, { random: new SeededRandom(options.seed + 1) });
  const commands = options.commands.map((text) => readRunCommand(text, simulation.hosts));
  if (commands.length === 0)
    throw new UsageError("run what? (packetwalk run -t TOPOLOGY 'POD: ping -c 1 ADDRESS')");
  const output = await RunOutput.open(built, options);
  const { print, monitor, recorder } = output;
  watch(simulation, recorder, monitor);
  for (const { host, server, error } of simulation.refused) {
    log.warn(`${host}: cannot serve ${server.kind} at port ${server.port}: ${errorText(error)}`);
  }
  const results: CommandResult[] = [];
  for (const group of options.parallel ? [commands] : commands.map((command) => [command])) {
    const processes = runGroup(simulation, group);
    group.forEach((command, i) => {
      const result = commandResult(simulation, command, processes[i]);
      results.push(result);
      if (!options.json) printResult(print, result, processes[i], commands.length > 1);
    });
    simulation.runFor(PAUSE_NS);
  }
  simulation.runFor(LINGER_NS);
  output.end();
  const listings = output.listings();
  if (options.json)
    print(`${JSON.stringify(listings.length === 0 ? results : { commands: results, listings })}\n`);
  else printListings(listings, print);
  return results.every(({ exitCode }) => exitCode === 0) ? EXIT_DONE : EXIT_FOUND;
}

/**
 * Runs commands at once until all are done; answers the processes of each, the last of a pipe last. One that waits when
 * nothing is left to happen is killed.
 */
function runGroup(simulation: Simulation, group: readonly RunCommand[]): Process[][] {
  const all = group.map((command) => {
    const processes: Process[] = [];
    const startStage = (stage: number, input: string): void => {
      const started = simulation.start(command.host, command.stages[stage], input);
      processes.push(started);
      if (stage + 1 === command.stages.length) return;
      started.onExit = () => startStage(stage + 1, started.stdout);
    };
    startStage(0, '');
    return { processes, count: command.stages.length };
  });
  simulation.runUntil(() =>
    all.every(({ processes, count }) => processes.length === count && processes[count - 1].exitCode !== null),
  );
  for (const { processes } of all) processes.at(-1)!.kill();
  return all.map(({ processes }) => processes);
}

function printResult(
  print: (text: string) => void,
  result: CommandResult,
  stages: readonly Process[],
  withTitle: boolean,
): void {
  if (withTitle) print(`${result.host}$ ${result.command}\n`);
  for (const stage of stages) {
    const isLast = stage === stages.at(-1);
    for (const { stream, text } of stage.output) {
      if (stream === 'stderr') put(text);
      else if (isLast) print(text);
    }
  }
  const causes = result.losses.map(lossText);
  if (result.exitCode === KILLED) causes.unshift('ended while it waited for what can no longer come');
  if (result.exitCode !== 0 && causes.length > 0) {
    log.info(`${result.host}: exit code ${result.exitCode}; ${causes.join('; ')}`);
  }
}

/** Shows each walk to the recording and to the monitor. */
function watch(simulation: Simulation, recorder: WalkRecorder | null, monitor: Monitor | null): void {
  if (recorder === null && monitor === null) return;
  simulation.built.walker.observer = recorder ?? monitor;
  simulation.tap = {
    begin: (frame, timeNs) => {
      const seconds = Math.floor(timeNs / SECOND_NS);
      const nanoseconds = timeNs - seconds * SECOND_NS;
      // Events of socket calls have come before the walk.
      if (recorder === null) monitor?.poll();
      monitor?.setTime(seconds, nanoseconds);
      recorder?.begin(frame, seconds, nanoseconds, 0);
    },
    end: () => {
      recorder?.write();
      if (recorder === null) monitor?.poll();
      monitor?.flush();
    },
  };
}
