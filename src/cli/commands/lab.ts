import type { Argv } from 'yargs';
import { LiveError, MISSING } from '../../io/live/live-error.js';
import { faultText } from '../../topologies/faults.js';
import { loadTopology } from '../../topologies/load.js';
import { EXIT_BAD_INPUT, EXIT_DONE, UsageError } from '../exit-codes.js';
import { execInLab } from '../lab/exec.js';
import { cleanLabs, LabSession } from '../lab/session.js';
import { log } from '../log.js';

const USAGE =
  '$0 lab [TOPOLOGY]\n\n' +
  'Makes a network namespace for each pod of a topology and one for the world outside, and takes their packets ' +
  'through the datapath until Ctrl-C.';

const DEFAULT_TOPOLOGY = 'same-node';
/** First words of `lab` that are no topology. */
const SUBCOMMANDS = ['exec'];

/** `lab exec PLACE -- COMMAND…`: what another program's command line is, ours left and theirs right. */
export function splitLabArguments(args: readonly string[]): { own: string[]; words: string[] } {
  const at = args.indexOf('--');
  if (!SUBCOMMANDS.includes(args[1]) || at < 0) return { own: [...args], words: [] };
  return { own: args.slice(0, at), words: args.slice(at + 1) };
}

export function addLab(parser: Argv, words: readonly string[], setExitCode: (code: number) => void): Argv {
  return parser.command('lab', 'real packets of real network namespaces through the datapath', (lab) =>
    lab
      .command(
        'exec <place>',
        'run a command in a pod, or in `outside`: packetwalk lab exec POD -- COMMAND…',
        (command) => command.positional('place', { type: 'string', demandOption: true }).option('name', NAME),
        async (args) => setExitCode(await execInLab(args.place, words, args.name ?? null)),
      )
      .command(
        '$0 [topology]',
        'make a lab and run it',
        (command) =>
          command
            .usage(USAGE)
            .positional('topology', {
              type: 'string',
              describe: `a ready-made topology or a YAML file; default ${DEFAULT_TOPOLOGY}`,
            })
            .option('name', NAME)
            .option('serve', {
              type: 'boolean',
              default: false,
              describe: 'pods serve HTTP on the ports of their services and 80, DNS, and iperf3 on 5201',
            })
            .option('clean', {
              type: 'boolean',
              default: false,
              describe: 'remove what labs left behind that did not end properly',
            }),
        async (args) => {
          const code = args.clean ? clean(args.topology ?? args.name ?? null) : await runLab(args);
          setExitCode(code);
        },
      ),
  );
}

const NAME = {
  type: 'string',
  requiresArg: true,
  describe: "the lab's name, where several run; default the topology's",
} as const;

interface LabArguments {
  readonly topology?: string | undefined;
  readonly name?: string | undefined;
  readonly serve: boolean;
}

async function runLab(args: LabArguments): Promise<number> {
  const topology = loadTopology(args.topology ?? DEFAULT_TOPOLOGY);
  for (const warning of topology.warnings) {
    log.warn(`${topology.source}: ${faultText({ ...warning, severity: 'error' })}`);
  }
  if (process.getuid?.() !== 0) {
    throw new LiveError(
      'lab',
      'network namespaces and TAPs need CAP_SYS_ADMIN and CAP_NET_ADMIN',
      'run as root: sudo packetwalk lab',
      MISSING,
    );
  }
  const name = args.name ?? topology.name;
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new UsageError(`--name ${name}: give letters, digits, ".", "_" and "-"`);
  const stopAsked = new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    process.once('SIGHUP', () => resolve());
  });
  const session = await LabSession.start({
    topology,
    name,
    prefix: `pw-${name}`,
    serves: args.serve,
    onNotice: (notice) => {
      if (notice.kind !== 'port') return;
      log.warn(`${notice.device}: its interface is ${notice.isUp ? 'up again' : 'down or gone'}`);
    },
  });
  for (const line of session.servers.lines) log.info(`serves ${line}`);
  log.info(`lab ready: ${session.plan.namespaces.map(({ label }) => label).join(', ')}`);
  const failed = await Promise.race([stopAsked, session.thread.ended]).then(
    () => null,
    (error: unknown) => error,
  );
  await session.stop();
  if (failed !== null) throw failed;
  return EXIT_DONE;
}

function clean(name: string | null): number {
  const { removed, running } = cleanLabs(name);
  for (const lab of removed) log.info(`removed what lab ${lab} left`);
  for (const lab of running) log.warn(`lab ${lab} runs: end it with Ctrl-C, or kill it, and clean then`);
  if (removed.length === 0 && running.length === 0) log.info('nothing to remove');
  return running.length > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
}
