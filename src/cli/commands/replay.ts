/** `packetwalk replay`: a capture through a topology. */
import { command } from '../command.js';
import * as options from '../options.js';
import { HOOK_OPTION_NAMES } from '../programs/option.js';
import { readOptions } from '../replay/options.js';
import { SELECTION_NAMES } from '../replay/selection.js';

const USAGE =
  '$0 replay CAPTURE\n\n' +
  'Walks every frame of a capture through the datapath of a Cilium cluster and says what became of each. ' +
  'CAPTURE is pcap or pcapng, plain or gzip, of Ethernet, IP or "any" devices; - is standard input. ' +
  "Without --topology a cluster is inferred from the capture's addresses.";

const OPTIONS = {
  topology: options.topology,
  at: options.at,
  'one-way': options.oneWay,
  'pod-cidr': options.podCidr,
  'save-topology': options.text('write the topology here, as YAML'),
  out: options.out,
  only: options.texts(`list (and write) only frames of these fates: ${SELECTION_NAMES.join(', ')}`),
  limit: { ...options.limit, alias: 'n' },
  speed: options.speed,
  seed: options.seed,
  program: {
    ...options.program,
    describe: `run a program of one's own: FILE@DEVICE/HOOK[:before|after], before or after Cilium's; FILE is .js or .ts, HOOK ${HOOK_OPTION_NAMES.join(', ')}`,
  },
  'keep-expired': options.keepExpired,
  top: { ...options.number('how many flows to show'), default: 10 },
  show: options.show,
  monitor: options.monitor,
  'cilium-version': options.ciliumVersion,
  config: options.config,
  json: { ...options.json, describe: 'print the summary as one JSON object' },
} as const;

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .positional('CAPTURE', { type: 'string', demandOption: true, describe: 'pcap or pcapng file, or -' })
      .options(OPTIONS)
      .example('$0 replay pod.pcap', 'with an inferred topology')
      .example('$0 replay pod.pcap --only dropped', 'drops and their reasons')
      .example('tcpdump -w - | $0 replay - -t mine.yaml', 'from a pipe'),
  async ({ CAPTURE, ...args }) => {
    const read = readOptions({ ...args, capture: CAPTURE });
    const { replayCapture } = await import('../replay/replay.js');
    return replayCapture(read);
  },
);
