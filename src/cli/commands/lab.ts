/** `packetwalk lab`, and what another shell asks a running lab for. */
import type { Argv } from 'yargs';
import type { Call, CommandModule } from '../command.js';
import { UsageError } from '../exit-codes.js';
import { readMonitorChoice } from '../monitor/choice.js';
import { device, flag, json, labName, monitor, node, pod, quiet, text, workers } from '../options.js';
import { type SplitArguments, splitAtTool } from '../split-arguments.js';
import { addEdits } from './lab-edits.js';

const USAGE =
  '$0 lab [TOPOLOGY]\n\n' +
  'Makes a network namespace for each pod of a topology and one for the world outside, and takes their packets ' +
  'through the datapath until Ctrl-C. From another shell:\n\n' +
  '  lab exec POD -- COMMAND…    run a command in a pod, or in `outside`\n' +
  '  lab status                  what was counted so far\n' +
  '  lab show COMMAND…           a listing, as `packetwalk show` prints it\n' +
  '  lab topology                the topology as it is now\n' +
  '  lab apply FILE              go on with a changed topology\n' +
  '  lab policy|service|backend|pod add|remove …';

const DEFAULT_TOPOLOGY = 'same-node';

const OPTIONS = {
  name: labName,
  serve: flag('pods serve HTTP on the ports of their services and 80, DNS, and iperf3 on 5201'),
  device: {
    ...device,
    describe: 'DEVICE=PLUGIN:INTERFACE: on this interface instead of a namespace of its own',
  },
  node: text('NODE[,NODE…]: only the pods of these; the others run elsewhere'),
  monitor: {
    ...monitor,
    describe: "print events as they come: as cilium-dbg monitor does, or 'hubble observe OPTIONS'",
  },
  record: text('write every hook that a frame meets to this pcapng file'),
  workers,
  quiet,
  state: text('directory that connections, and changes of the topology, outlive the lab in'),
  clean: flag('remove what labs left behind that did not end properly'),
} as const;

const ASK_OPTIONS = { name: labName } as const;
const SHOW_OPTIONS = { ...ASK_OPTIONS, node, pod, json } as const;

/** What stands behind `lab show` and its options, or behind `lab exec POD --`, is another program's command line. */
export function split(args: readonly string[]): SplitArguments {
  if (args[1] === 'show') return splitAtTool(args, 2, SHOW_OPTIONS, 'ours');
  const at = args.indexOf('--');
  if (args[1] !== 'exec' || at < 0) return { own: args, words: [] };
  return { own: args.slice(0, at), words: args.slice(at + 1) };
}

export const add: CommandModule['add'] = (parser, { usage, describe }, call) =>
  parser.command(usage, describe, (lab) => {
    addStart(lab, call);
    addQuestions(lab, call);
    addEdits(lab);
    return lab;
  });

function addStart(lab: Argv, { setExitCode }: Call): void {
  lab.command(
    '$0 [topology]',
    'make a lab and run it',
    (command) =>
      command
        .usage(USAGE)
        .positional('topology', {
          type: 'string',
          describe: `a ready-made topology or a YAML file; default ${DEFAULT_TOPOLOGY}`,
        })
        .options(OPTIONS),
    async ({ topology, clean, ...args }) => {
      if (clean) {
        const { cleanUp } = await import('../lab/clean.js');
        setExitCode(cleanUp(topology ?? args.name ?? null));
        return;
      }
      const choice = readMonitorChoice(args.monitor, undefined);
      const { startLab } = await import('../lab/start.js');
      setExitCode(await startLab({ ...args, topology: topology ?? DEFAULT_TOPOLOGY, monitor: choice }));
    },
  );
}

function addQuestions(lab: Argv, { words, setExitCode }: Call): void {
  lab
    .command(
      'exec <place>',
      'run a command in a pod, or in `outside`',
      (command) => command.positional('place', { type: 'string', demandOption: true }).options(ASK_OPTIONS),
      async ({ place, name }) => {
        const { execInLab } = await import('../lab/exec.js');
        setExitCode(await execInLab(place, words, name ?? null));
      },
    )
    .command(
      'status',
      'what was counted so far',
      (command) => command.options({ ...ASK_OPTIONS, json }),
      async ({ name, ...args }) => {
        const { printStatus } = await import('../lab/questions.js');
        await printStatus(name, args.json);
      },
    )
    .command(
      'show',
      'a listing of the running lab',
      (command) => command.options(SHOW_OPTIONS),
      async ({ name, ...args }) => {
        if (words.length === 0)
          throw new UsageError('show what? (packetwalk show --help lists the commands)');
        const { printListing } = await import('../lab/questions.js');
        const { node: nodeName = null, pod: podName = null } = args;
        setExitCode(await printListing(name, { words, node: nodeName, pod: podName, json: args.json }));
      },
    )
    .command(
      'topology',
      'the topology as it is now, as JSON, which `lab apply` takes as well as YAML',
      (command) => command.options(ASK_OPTIONS),
      async ({ name }) => {
        const { printTopology } = await import('../lab/questions.js');
        await printTopology(name);
      },
    )
    .command(
      'apply <file>',
      'go on with a changed topology; connections that the change does not concern go on, too',
      (command) => command.positional('file', { type: 'string', demandOption: true }).options(ASK_OPTIONS),
      async ({ name, file }) => {
        const { applyFile } = await import('../lab/questions.js');
        await applyFile(name, file);
      },
    );
}
