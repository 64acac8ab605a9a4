import type { Argv } from 'yargs';
import { UsageError } from '../exit-codes.js';
import { type ReplayArguments, readOptions } from '../replay/options.js';
import { readArguments } from '../shell/words.js';

const USAGE =
  '$0 monitor --topology TOPOLOGY --capture FILE [COMMAND…]\n\n' +
  "Walks a capture and prints the datapath's events as they come, in the capture's time. COMMAND is cilium-dbg " +
  "monitor (when left out) or hubble observe, in the tool's own words, and stands last; a pipe may follow in quotes.";

/** Options of ours that take a value. */
const VALUED = [
  '--topology',
  '-t',
  '--capture',
  '--node',
  '--at',
  '--pod-cidr',
  '--limit',
  '--speed',
  '--seed',
  '--cilium-version',
  '--config',
  '--program',
  '-p',
];
const PLAIN = ['--one-way', '--keep-expired', '--help', '-h'];

/**
 * The arguments of `monitor` up to the tool's, and the tool's: from the first word on that is neither an option of
 * ours nor an option's value.
 */
export function splitMonitorArguments(args: readonly string[]): { own: string[]; words: string[] } {
  let i = 1;
  for (; i < args.length; i++) {
    const [name] = args[i].split('=', 1);
    if (VALUED.includes(name)) i += args[i].includes('=') ? 0 : 1;
    else if (!PLAIN.includes(name)) break;
  }
  const words = args.slice(i);
  return { own: args.slice(0, i), words: words[0] === '--' ? words.slice(1) : words };
}

export function addMonitor(
  parser: Argv,
  words: readonly string[],
  setExitCode: (code: number) => void,
): Argv {
  return parser.command(
    'monitor',
    "print the datapath's events as cilium monitor and hubble observe do",
    (command) =>
      command
        .usage(USAGE)
        .option('topology', {
          alias: 't',
          type: 'string',
          requiresArg: true,
          describe: 'a ready-made topology or a YAML file; default: inferred from the capture',
        })
        .option('capture', {
          type: 'string',
          requiresArg: true,
          describe: 'pcap or pcapng file, - for standard input',
        })
        .option('node', { type: 'string', requiresArg: true, describe: 'events of this node alone' })
        .option('cilium-version', {
          type: 'string',
          requiresArg: true,
          describe: "in whose words cilium-dbg monitor prints: 1.10 to 1.18; default the topology's",
        })
        .option('config', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe:
            'KEY=VALUE of the Cilium ConfigMap: monitor-aggregation=none shows every packet, debug-verbose=datapath debug messages',
        })
        .option('at', { type: 'string', requiresArg: true, default: 'auto', describe: 'as of replay' })
        .option('one-way', { type: 'boolean', default: false, describe: 'as of replay' })
        .option('pod-cidr', { type: 'string', array: true, requiresArg: true, describe: 'as of replay' })
        .option('limit', { type: 'number', requiresArg: true, describe: 'stop after this many frames' })
        .option('speed', { type: 'string', requiresArg: true, default: 'max', describe: 'as of replay' })
        .option('seed', { type: 'number', requiresArg: true, default: 1, describe: 'as of replay' })
        .option('keep-expired', { type: 'boolean', default: false, describe: 'as of replay' })
        .option('program', {
          alias: 'p',
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'as of replay',
        })
        .example('$0 monitor -t life-of-a-packet --capture web.pcap', 'as cilium-dbg monitor')
        .example('$0 monitor -t life-of-a-packet --capture web.pcap --type drop -v', 'with its options')
        .example(
          '$0 monitor -t life-of-a-packet --capture web.pcap hubble observe --pod pod1 -o jsonpb',
          'as hubble',
        ),
    async (args) => {
      if (args.capture === undefined) throw new UsageError('monitor which capture? (--capture FILE)');
      const replay: ReplayArguments = { ...args, capture: args.capture, monitor: '', top: 0, json: false };
      const options = readOptions(replay);
      const monitor = { ...options.monitor!, command: readArguments(words), node: args.node ?? null };
      const { replayCapture } = await import('../replay/replay.js');
      setExitCode(await replayCapture({ ...options, monitor, sums: false }));
    },
  );
}
