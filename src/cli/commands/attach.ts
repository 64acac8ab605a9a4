/** `packetwalk attach`: devices of a topology on real interfaces. */
import type { Argv } from 'yargs';
import { planTopology } from '../../topologies/check.js';
import { EXIT_DONE, UsageError } from '../exit-codes.js';
import { devicesJson, devicesText, readDevices } from '../lab/devices.js';
import { runSession } from '../lab/run.js';
import { openTopology } from '../open-topology.js';

const USAGE =
  '$0 attach -t TOPOLOGY --device DEVICE=PLUGIN:INTERFACE…\n\n' +
  "Takes the frames of real interfaces through a topology's datapath until Ctrl-C. DEVICE is a pod's name, or " +
  'NODE/DEVICE. PLUGIN is tap, af-packet, libpcap or raw-socket. INTERFACE@NAMESPACE is one in another network ' +
  'namespace. What `packetwalk lab` answers from another shell (status, show, apply, …) this does as well.';

export function addAttach(parser: Argv, setExitCode: (code: number) => void): Argv {
  return parser.command(
    'attach',
    "devices of a topology's on real interfaces",
    (command) =>
      command
        .usage(USAGE)
        .option('topology', {
          alias: 't',
          type: 'string',
          requiresArg: true,
          describe: 'a ready-made topology (packetwalk topologies) or a YAML file',
        })
        .option('device', {
          alias: 'd',
          type: 'string',
          array: true,
          requiresArg: true,
          default: [],
          describe: 'DEVICE=PLUGIN:INTERFACE, once for each',
        })
        .option('name', {
          type: 'string',
          requiresArg: true,
          describe: "what it is called; default the topology's name",
        })
        .option('workers', {
          type: 'number',
          requiresArg: true,
          default: 1,
          describe: 'threads that share the flows among them',
        })
        .option('quiet', {
          alias: 'q',
          type: 'boolean',
          default: false,
          describe: 'neither the live view of a terminal nor a line every ten seconds',
        })
        .option('dry-run', { type: 'boolean', default: false, describe: 'only say what would be done' })
        .option('json', { type: 'boolean', default: false, describe: '--dry-run: print JSON' })
        .example('$0 attach -t same-node -d ens5=af-packet:veth7 -d client=tap:pod1', ''),
    async (args) => {
      if (args.topology === undefined) {
        throw new UsageError('attach to which topology? (--topology NAME or FILE)');
      }
      const topology = openTopology(args.topology);
      if (args.device.length === 0) {
        throw new UsageError('attach what? (--device DEVICE=PLUGIN:INTERFACE)');
      }
      const bindings = readDevices(planTopology(topology.spec, topology.source), args.device);
      if (args.dryRun) {
        process.stdout.write(args.json ? devicesJson(bindings) : devicesText(bindings));
        setExitCode(EXIT_DONE);
        return;
      }
      const name = args.name ?? topology.name;
      setExitCode(
        await runSession({
          topology,
          name,
          serves: false,
          bindings,
          pods: false,
          quiet: args.quiet,
          workers: args.workers,
        }),
      );
    },
  );
}
