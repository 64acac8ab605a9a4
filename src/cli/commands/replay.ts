import type { Argv } from 'yargs';
import { HOOK_OPTION_NAMES } from '../programs/option.js';
import { readOptions } from '../replay/options.js';
import { SELECTION_NAMES } from '../replay/selection.js';

const USAGE =
  '$0 replay CAPTURE\n\n' +
  'Walks every frame of a capture through the datapath of a Cilium cluster and says what became of each. ' +
  'CAPTURE is pcap or pcapng, plain or gzip, of Ethernet, IP or "any" devices; - is standard input. ' +
  "Without --topology a cluster is inferred from the capture's addresses.";

export function addReplay(parser: Argv, setExitCode: (code: number) => void): Argv {
  return parser.command(
    'replay CAPTURE',
    'walk the frames of a capture through a Cilium node and sum up what became of them',
    (command) =>
      command
        .usage(USAGE)
        .positional('CAPTURE', { type: 'string', demandOption: true, describe: 'pcap or pcapng file, or -' })
        .option('topology', {
          alias: 't',
          type: 'string',
          requiresArg: true,
          describe: 'a ready-made topology (packetwalk topologies) or a YAML file',
        })
        .option('at', {
          type: 'string',
          requiresArg: true,
          default: 'auto',
          describe: 'where the capture was taken: DEVICE, NODE/DEVICE, or auto to tell it by addresses',
        })
        .option('one-way', {
          type: 'boolean',
          default: false,
          describe: 'leave out what came out of the device; else it is walked from where it came from',
        })
        .option('pod-cidr', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'prefix of pod addresses, when a topology is inferred',
        })
        .option('save-topology', {
          type: 'string',
          requiresArg: true,
          describe: 'write the topology here, as YAML',
        })
        .option('out', {
          alias: 'o',
          type: 'string',
          requiresArg: true,
          describe:
            'write the walks here as pcapng: an interface per hook point, verdicts, what happened in words',
        })
        .option('only', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: `list (and write) only frames of these fates: ${SELECTION_NAMES.join(', ')}`,
        })
        .option('limit', {
          alias: 'n',
          type: 'number',
          requiresArg: true,
          describe: 'stop after this many frames',
        })
        .option('speed', {
          type: 'string',
          requiresArg: true,
          default: 'max',
          describe: "max, realtime, or a factor of the capture's pace such as 10x",
        })
        .option('seed', {
          type: 'number',
          requiresArg: true,
          default: 1,
          describe: 'for what is left to chance',
        })
        .option('program', {
          alias: 'p',
          type: 'string',
          array: true,
          requiresArg: true,
          describe: `run a program of one's own: FILE@DEVICE/HOOK[:before|after], before or after Cilium's; FILE is .js or .ts, HOOK ${HOOK_OPTION_NAMES.join(', ')}`,
        })
        .option('keep-expired', {
          type: 'boolean',
          default: false,
          describe: 'keep connections past their lifetime, as without garbage collection',
        })
        .option('top', { type: 'number', requiresArg: true, default: 10, describe: 'how many flows to show' })
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
        .option('json', { type: 'boolean', default: false, describe: 'print the summary as one JSON object' })
        .example('$0 replay pod.pcap', 'with an inferred topology')
        .example('$0 replay pod.pcap --only dropped', 'drops and their reasons')
        .example('tcpdump -w - | $0 replay - -t mine.yaml', 'from a pipe'),
    async ({ CAPTURE, ...args }) => {
      const options = readOptions({ ...args, capture: CAPTURE });
      // Loaded when it is needed: a wrong command line or --help answers in half the time.
      const { replayCapture } = await import('../replay/replay.js');
      setExitCode(await replayCapture(options));
    },
  );
}
