/** What a command of a run came to. */
import type { Process } from '../../hosts/process.js';
import { SECOND_NS } from '../../hosts/world.js';
import { Names } from '../../topologies/names.js';
import { NOBODY } from '../../topologies/outside.js';
import type { Simulation } from '../../topologies/simulation.js';
import { plural } from '../numbers.js';
import type { RunCommand } from './command-line.js';

export interface CommandLoss {
  /** `node1/eth0`. */
  readonly at: string;
  /** A drop reason by its name; null for packets that left the network for an address that nobody outside has. */
  readonly reason: string | null;
  readonly count: number;
}

export interface CommandResult {
  readonly host: string;
  readonly command: string;
  readonly exitCode: number;
  /** By the run's time. */
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Packets of the command and of the answers to it that did not arrive. */
  readonly losses: readonly CommandLoss[];
}

/** `stages` are the processes of a pipe; its exit code and output are those of the last. */
export function commandResult(
  simulation: Simulation,
  { host, text }: RunCommand,
  stages: readonly Process[],
): CommandResult {
  const last = stages[stages.length - 1];
  const names = new Names(simulation.built);
  return {
    host: host.name,
    command: text,
    exitCode: last.exitCode!,
    seconds: (last.endedNs - stages[0].startedNs) / SECOND_NS,
    stdout: last.stdout,
    stderr: stages.map(({ stderr }) => stderr).join(''),
    losses: stages.flatMap((stage) =>
      simulation.lossesOf(stage).map(({ device, reason, count }) => ({
        at: `${device.namespace.name}/${device.name}`,
        reason: reason === NOBODY ? null : names.reason(reason),
        count,
      })),
    ),
  };
}

/** `3 packets dropped at node1/lxc1: Policy denied (133)`. */
export function lossText({ at, reason, count }: CommandLoss): string {
  if (reason !== null) return `${plural(count, 'packet')} dropped at ${at}: ${reason}`;
  return `${plural(count, 'packet')} left the network at ${at} for an address that no host outside has`;
}
