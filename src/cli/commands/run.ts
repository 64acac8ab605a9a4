import type { Argv } from 'yargs';
import { shownDash } from '../dash.js';
import { UsageError } from '../exit-codes.js';
import { readMonitorChoice } from '../monitor/choice.js';
import { readProgramOption } from '../programs/option.js';
import { readConfig } from '../replay/options.js';

const USAGE =
  "$0 run --topology TOPOLOGY 'HOST: COMMAND'…\n\n" +
  'Runs tools on the pods, nodes and hosts of a topology, whose stacks answer, and prints what the tools print. ' +
  'HOST is the name of a pod, a node, a router or a host outside. Time is the run’s own: a time-out takes no time.';

const TOOLS = 'ping, wget, curl, nc, dig, nslookup, host, sleep, echo';

export function addRun(parser: Argv, setExitCode: (code: number) => void): Argv {
  return parser.command(
    'run [COMMAND..]',
    'run ping, wget, curl, nc, dig … on the pods, nodes and hosts of a topology',
    (command) =>
      command
        .usage(USAGE)
        .positional('COMMAND', {
          type: 'string',
          array: true,
          describe: `'HOST: TOOL ARGUMENTS'; tools are ${TOOLS}`,
        })
        .option('topology', {
          alias: 't',
          type: 'string',
          requiresArg: true,
          describe: 'a ready-made topology (packetwalk topologies) or a YAML file',
        })
        .option('parallel', {
          type: 'boolean',
          default: false,
          describe: 'start all commands at once; else each when the one before has ended',
        })
        .option('seed', {
          type: 'number',
          requiresArg: true,
          default: 1,
          describe: 'for what is left to chance: ports, sequence numbers, loss, backends',
        })
        .option('out', {
          alias: 'o',
          type: 'string',
          requiresArg: true,
          describe:
            'write the walks here as pcapng: an interface per hook point, verdicts, what happened in words',
        })
        .option('program', {
          alias: 'p',
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "run a program of one's own, as in replay: FILE@DEVICE/HOOK[:before|after]",
        })
        .option('show', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "then print a listing, as packetwalk show does: 'COMMAND', or 'NODE: COMMAND'",
        })
        .option('monitor', {
          type: 'string',
          describe:
            "print the datapath's events as they come: as cilium-dbg monitor does, or 'cilium-dbg monitor OPTIONS', 'hubble observe OPTIONS'",
        })
        .option('cilium-version', {
          type: 'string',
          requiresArg: true,
          describe: "in whose words --monitor prints: 1.10 to 1.18; default the topology's",
        })
        .option('config', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "KEY=VALUE of the Cilium ConfigMap, in place of the topology's",
        })
        .option('json', { type: 'boolean', default: false, describe: 'print the results as one JSON array' })
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
      // Loaded when it is needed: a wrong command line or --help answers in half the time.
      const { runCommands } = await import('../run/run.js');
      const code = await runCommands({
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
      });
      setExitCode(code);
    },
  );
}
