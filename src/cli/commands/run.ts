/** `packetwalk run`: tools on the machines of a topology. */
import { command } from '../command.js';
import { shownDash } from '../dash.js';
import { UsageError } from '../exit-codes.js';
import { readMonitorChoice } from '../monitor/choice.js';
import * as options from '../options.js';
import { readProgramOption } from '../programs/option.js';
import { readConfig } from '../replay/options.js';

const USAGE =
  "$0 run --topology TOPOLOGY 'HOST: COMMAND'…\n\n" +
  'Runs tools on the pods, nodes and hosts of a topology, whose stacks answer, and prints what the tools print. ' +
  'HOST is the name of a pod, a node, a router or a host outside. Time is the run’s own: a time-out takes no time.';

const TOOLS = 'ping, wget, curl, nc, dig, nslookup, host, sleep, echo';

const OPTIONS = {
  topology: options.topology,
  parallel: options.flag('start all commands at once; else each when the one before has ended'),
  seed: {
    ...options.seed,
    describe: 'for what is left to chance: ports, sequence numbers, loss, backends',
  },
  out: options.out,
  program: options.program,
  show: options.show,
  monitor: options.monitor,
  'cilium-version': options.ciliumVersion,
  config: options.config,
  json: { ...options.json, describe: 'print the results as one JSON array' },
} as const;

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .positional('COMMAND', {
        type: 'string',
        array: true,
        describe: `'HOST: TOOL ARGUMENTS'; tools are ${TOOLS}`,
      })
      .options(OPTIONS)
      .example("$0 run -t vxlan 'client: curl http://10.96.0.80/'", 'a pod to a service')
      .example("$0 run -t vxlan 'client: ping -c 1 server' -o walk.pcapng", 'with every hook on the way')
      .epilogue('Exit code 1 when a command has failed.'),
  async (args) => {
    if (args.topology === undefined) {
      throw new UsageError(
        'run in which topology? (--topology NAME or FILE; packetwalk topologies lists them)',
      );
    }
    if (!Number.isSafeInteger(args.seed) || args.seed < 0) {
      throw new UsageError('--seed takes a whole number from 0 on');
    }
    const read = {
      topology: args.topology,
      commands: args.COMMAND ?? [],
      parallel: args.parallel,
      seed: args.seed,
      json: args.json,
      out: args.out === undefined ? null : shownDash(args.out),
      programs: (args.program ?? []).map(readProgramOption),
      show: args.show ?? [],
      monitor: readMonitorChoice(args.monitor, args.ciliumVersion),
      config: readConfig(args.config ?? []),
    };
    const { runCommands } = await import('../run/run.js');
    return runCommands(read);
  },
);
