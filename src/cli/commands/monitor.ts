/** `packetwalk monitor`: the events of a capture's walk. */
import { command } from '../command.js';
import { UsageError } from '../exit-codes.js';
import * as options from '../options.js';
import { type ReplayArguments, readOptions } from '../replay/options.js';
import { readArguments } from '../shell/words.js';
import { type SplitArguments, splitAtTool } from '../split-arguments.js';

const USAGE =
  '$0 monitor --topology TOPOLOGY --capture FILE [COMMAND…]\n\n' +
  "Walks a capture and prints the datapath's events as they come, in the capture's time. COMMAND is cilium-dbg " +
  "monitor (when left out) or hubble observe, in the tool's own words, and stands last; a pipe may follow in quotes.";

const AS_OF_REPLAY = { describe: 'as of replay' } as const;

const OPTIONS = {
  topology: {
    ...options.topology,
    describe: 'a ready-made topology or a YAML file; default: inferred from the capture',
  },
  capture: options.text('pcap or pcapng file, - for standard input'),
  node: options.text('events of this node alone'),
  'cilium-version': options.text(
    "in whose words cilium-dbg monitor prints: 1.10 to 1.18; default the topology's",
  ),
  config: options.texts(
    'KEY=VALUE of the Cilium ConfigMap: monitor-aggregation=none shows every packet, debug-verbose=datapath debug messages',
  ),
  at: { ...options.at, ...AS_OF_REPLAY },
  'one-way': { ...options.oneWay, ...AS_OF_REPLAY },
  'pod-cidr': { ...options.podCidr, ...AS_OF_REPLAY },
  limit: options.limit,
  speed: { ...options.speed, ...AS_OF_REPLAY },
  seed: { ...options.seed, ...AS_OF_REPLAY },
  'keep-expired': { ...options.keepExpired, ...AS_OF_REPLAY },
  program: { ...options.program, ...AS_OF_REPLAY },
} as const;

export function split(args: readonly string[]): SplitArguments {
  return splitAtTool(args, 1, OPTIONS, "the tool's");
}

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .options(OPTIONS)
      .example('$0 monitor -t life-of-a-packet --capture web.pcap', 'as cilium-dbg monitor')
      .example('$0 monitor -t life-of-a-packet --capture web.pcap --type drop -v', 'with its options')
      .example(
        '$0 monitor -t life-of-a-packet --capture web.pcap hubble observe --pod pod1 -o jsonpb',
        'as hubble',
      ),
  async (args, words) => {
    if (args.capture === undefined) throw new UsageError('monitor which capture? (--capture FILE)');
    const replay: ReplayArguments = { ...args, capture: args.capture, monitor: '', top: 0, json: false };
    const read = readOptions(replay);
    const monitor = { ...read.monitor!, command: readArguments(words), node: args.node ?? null };
    const { replayCapture } = await import('../replay/replay.js');
    return replayCapture({ ...read, monitor, sums: false });
  },
);
