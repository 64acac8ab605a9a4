import type { Argv } from 'yargs';
import { readOptions } from '../replay/options.js';
import { replayCapture } from '../replay/replay.js';
import { SELECTION_NAMES } from '../replay/selection.js';

const USAGE =
  '$0 replay CAPTURE\n\n' +
  'Walks every frame of a capture through the datapath of a Cilium cluster and says what became of each. ' +
  'CAPTURE is pcap or pcapng, plain or gzip; - is standard input. ' +
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
        .option('top', { type: 'number', requiresArg: true, default: 10, describe: 'how many flows to show' })
        .option('json', { type: 'boolean', default: false, describe: 'print the summary as one JSON object' })
        .example('$0 replay pod.pcap', 'with an inferred topology')
        .example('$0 replay pod.pcap --only dropped', 'drops and their reasons')
        .example('tcpdump -w - | $0 replay - -t mine.yaml', 'from a pipe'),
    async ({ CAPTURE, ...args }) => {
      setExitCode(await replayCapture(readOptions({ ...args, capture: CAPTURE })));
    },
  );
}
