/** `packetwalk lab`, and what another shell asks a running lab for. */
import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { openError } from '../../io/file-input.js';
import { askControl } from '../../live/control-socket.js';
import { planTopology } from '../../topologies/check.js';
import { suggestion } from '../../topologies/faults.js';
import type { Plan } from '../../topologies/plan.js';
import type { TopologySpec } from '../../topologies/spec.js';
import { EXIT_BAD_INPUT, EXIT_DONE, EXIT_FOUND, UsageError } from '../exit-codes.js';
import { cleanLabs } from '../lab/clean.js';
import { readDevices } from '../lab/devices.js';
import * as edits from '../lab/edits.js';
import { execInLab, findLab } from '../lab/exec.js';
import { needRoot, runSession } from '../lab/run.js';
import type { Applied, ApplyRequest } from '../lab/session.js';
import type { Status } from '../lab/status.js';
import { statusText } from '../lab/status-text.js';
import type { ShowRequest } from '../lab/thread.js';
import { log, put } from '../log.js';
import { readMonitorChoice } from '../monitor/choice.js';
import { openTopology } from '../open-topology.js';
import type { Output } from '../show/command.js';
import { splitShowArguments } from './show.js';

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

const NAME = {
  type: 'string',
  requiresArg: true,
  describe: "the lab's name, where several run; default the topology's",
} as const;
const JSON_OPTION = { type: 'boolean', default: false, describe: 'print JSON' } as const;

const WORKERS = {
  type: 'number',
  requiresArg: true,
  default: 1,
  describe: 'threads that share the flows among them',
} as const;
const QUIET = {
  alias: 'q',
  type: 'boolean',
  default: false,
  describe: 'neither the live view of a terminal nor a line every ten seconds',
} as const;

/** What stands behind `lab show` and its options, or behind `lab exec POD --`, is another program's command line. */
export function splitLabArguments(args: readonly string[]): { own: string[]; words: string[] } {
  if (args[1] === 'show') {
    const { own, words } = splitShowArguments(args.slice(1), ['--name']);
    return { own: ['lab', ...own], words };
  }
  const at = args.indexOf('--');
  if (args[1] !== 'exec' || at < 0) return { own: [...args], words: [] };
  return { own: args.slice(0, at), words: args.slice(at + 1) };
}

export function addLab(parser: Argv, words: readonly string[], setExitCode: (code: number) => void): Argv {
  return parser.command('lab', 'real packets of real network namespaces through the datapath', (lab) => {
    addRun(lab, setExitCode);
    addQuestions(lab, words, setExitCode);
    addEdits(lab);
    return lab;
  });
}

function addRun(lab: Argv, setExitCode: (code: number) => void): void {
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
        .option('name', NAME)
        .option('serve', {
          type: 'boolean',
          default: false,
          describe: 'pods serve HTTP on the ports of their services and 80, DNS, and iperf3 on 5201',
        })
        .option('device', {
          alias: 'd',
          type: 'string',
          array: true,
          requiresArg: true,
          default: [],
          describe: 'DEVICE=PLUGIN:INTERFACE: on this interface instead of a namespace of its own',
        })
        .option('node', {
          type: 'string',
          requiresArg: true,
          describe: 'NODE[,NODE…]: only the pods of these; the others run elsewhere',
        })
        .option('monitor', {
          type: 'string',
          describe: "print events as they come: as cilium-dbg monitor does, or 'hubble observe OPTIONS'",
        })
        .option('record', {
          type: 'string',
          requiresArg: true,
          describe: 'write every hook that a frame meets to this pcapng file',
        })
        .option('workers', WORKERS)
        .option('quiet', QUIET)
        .option('state', {
          type: 'string',
          requiresArg: true,
          describe: 'directory that connections, and changes of the topology, outlive the lab in',
        })
        .option('clean', {
          type: 'boolean',
          default: false,
          describe: 'remove what labs left behind that did not end properly',
        }),
    async ({ topology: nameOrFile, name, serve, clean: isClean, device, node, state, ...args }) => {
      if (isClean) {
        setExitCode(clean(nameOrFile ?? name ?? null));
        return;
      }
      const topology = openTopology(nameOrFile ?? DEFAULT_TOPOLOGY);
      const plan = planTopology(topology.spec, topology.source);
      const nodes = node?.split(',') ?? plan.nodes.map((known) => known.name);
      checkNodes(plan, nodes);
      const options = {
        topology,
        name: name ?? topology.name,
        serves: serve,
        pods: true,
        nodes,
        state,
        record: args.record,
        quiet: args.quiet,
        workers: args.workers,
      };
      const monitor = readMonitorChoice(args.monitor, undefined);
      setExitCode(await runSession({ ...options, monitor, bindings: readDevices(plan, device) }));
    },
  );
}

function addQuestions(lab: Argv, words: readonly string[], setExitCode: (code: number) => void): void {
  lab
    .command(
      'exec <place>',
      'run a command in a pod, or in `outside`',
      (command) => command.positional('place', { type: 'string', demandOption: true }).option('name', NAME),
      async ({ place, name }) => setExitCode(await execInLab(place, words, name ?? null)),
    )
    .command(
      'status',
      'what was counted so far',
      (command) => command.option('name', NAME).option('json', JSON_OPTION),
      async ({ name, json }) => {
        const status = (await ask(name, 'status')) as Status;
        process.stdout.write(json ? `${JSON.stringify(status)}\n` : statusText(status));
      },
    )
    .command(
      'show',
      'a listing of the running lab',
      (command) =>
        command
          .option('name', NAME)
          .option('node', { type: 'string', requiresArg: true, describe: 'on this node or router' })
          .option('pod', { type: 'string', requiresArg: true, describe: 'in this pod' })
          .option('json', JSON_OPTION),
      async ({ name, node = null, pod = null, json }) => {
        if (words.length === 0)
          throw new UsageError('show what? (packetwalk show --help lists the commands)');
        const request: ShowRequest = { words, node, pod, json };
        const { text, errors = '', exitCode = 0 } = (await ask(name, 'show', request)) as Output;
        process.stdout.write(text);
        if (errors !== '') put(errors);
        setExitCode(exitCode === 0 ? EXIT_DONE : EXIT_FOUND);
      },
    )
    .command(
      'topology',
      'the topology as it is now, as JSON, which `lab apply` takes as well as YAML',
      (command) => command.option('name', NAME),
      async ({ name }) => {
        process.stdout.write(`${JSON.stringify(await ask(name, 'topology'), null, 2)}\n`);
      },
    )
    .command(
      'apply <file>',
      'go on with a changed topology; connections that the change does not concern go on, too',
      (command) => command.positional('file', { type: 'string', demandOption: true }).option('name', NAME),
      async ({ name, file }) => apply(name, { source: file, text: readTopologyFile(file) }),
    );
}

function addEdits(lab: Argv): void {
  const action = { choices: ['add', 'remove'] as const, demandOption: true } as const;
  const text = { type: 'string', demandOption: true } as const;
  lab
    .command(
      'policy <action> <policy>',
      'add those of a YAML file (- for standard input), or remove one by its name',
      (command) => command.positional('action', action).positional('policy', text).option('name', NAME),
      ({ name, action: what, policy }) =>
        edit(name, (spec) =>
          what === 'add' ? edits.withPolicies(spec, policy) : edits.withoutPolicy(spec, policy),
        ),
    )
    .command(
      'service <action> <service>',
      'add those of a YAML file (- for standard input), or remove one by its name',
      (command) => command.positional('action', action).positional('service', text).option('name', NAME),
      ({ name, action: what, service }) =>
        edit(name, (spec) =>
          what === 'add' ? edits.withServices(spec, service) : edits.withoutService(spec, service),
        ),
    )
    .command(
      'backend <action> <service> <backend>',
      'a pod or address that a service leads to, or does not any more',
      (command) =>
        command
          .positional('action', action)
          .positional('service', text)
          .positional('backend', text)
          .option('name', NAME),
      ({ name, action: what, service, backend }) =>
        edit(name, (spec) =>
          what === 'add'
            ? edits.withBackend(spec, service, backend)
            : edits.withoutBackend(spec, service, backend),
        ),
    )
    .command(
      'pod <action> <pod>',
      'a pod that comes, with a namespace of its own, or goes',
      (command) =>
        command
          .positional('action', action)
          .positional('pod', text)
          .option('name', NAME)
          .option('node', {
            type: 'string',
            requiresArg: true,
            describe: 'add: on this node; default the first',
          })
          .option('ip', {
            type: 'string',
            array: true,
            default: [],
            describe: 'add: its addresses; default free ones',
          })
          .option('label', { type: 'string', array: true, default: [], describe: 'add: KEY=VALUE' }),
      ({ name, action: what, pod, node, ip, label }) =>
        edit(name, (spec) =>
          what === 'add'
            ? edits.withPod(spec, { name: pod, node, ips: ip, labels: label })
            : edits.withoutPod(spec, pod),
        ),
    );
}

async function edit(name: string | undefined, change: (spec: TopologySpec) => TopologySpec): Promise<void> {
  const spec = (await ask(name, 'topology')) as TopologySpec;
  await apply(name, { source: 'the change', text: JSON.stringify(change(spec)) });
}

async function apply(name: string | undefined, request: ApplyRequest): Promise<void> {
  const { added, removed } = (await ask(name, 'apply', request)) as Applied;
  if (added.length > 0) log.info(`added ${added.join(', ')}`);
  if (removed.length > 0) log.info(`removed ${removed.join(', ')}`);
  log.info('applied');
}

function ask(name: string | undefined, command: string, argument?: unknown): Promise<unknown> {
  return askControl(findLab(name ?? null).socket, command, argument);
}

function readTopologyFile(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw openError(file, error);
  }
}

function checkNodes(plan: Plan, names: readonly string[]): void {
  const known = plan.nodes.map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return;
  const hint = suggestion(wrong, known) || `; there are ${known.join(', ')}`;
  throw new UsageError(`--node ${wrong}: no such node in topology ${plan.name}${hint}`);
}

function clean(name: string | null): number {
  needRoot();
  const { removed, running } = cleanLabs(name);
  for (const lab of removed) log.info(`removed what lab ${lab} left`);
  for (const lab of running) log.warn(`lab ${lab} runs: end it with Ctrl-C, or kill it, and clean then`);
  if (removed.length === 0 && running.length === 0) log.info('nothing to remove');
  return running.length > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
}
