/** `packetwalk attach`: devices of a topology on real interfaces. */
import { command } from '../command.js';
import { UsageError } from '../exit-codes.js';
import { device, flag, json, quiet, text, topology, workers } from '../options.js';

const USAGE =
  '$0 attach -t TOPOLOGY --device DEVICE=PLUGIN:INTERFACE…\n\n' +
  "Takes the frames of real interfaces through a topology's datapath until Ctrl-C. DEVICE is a pod's name, or " +
  'NODE/DEVICE. PLUGIN is tap, af-packet, libpcap or raw-socket. INTERFACE@NAMESPACE is one in another network ' +
  'namespace. What `packetwalk lab` answers from another shell (status, show, apply, …) this does as well.';

const OPTIONS = {
  topology,
  device,
  name: text("what it is called; default the topology's name"),
  workers,
  quiet,
  'dry-run': flag('only say what would be done'),
  json: { ...json, describe: '--dry-run: print JSON' },
} as const;

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .options(OPTIONS)
      .example('$0 attach -t same-node -d ens5=af-packet:veth7 -d client=tap:pod1', ''),
  async ({ topology: nameOrFile, ...args }) => {
    if (nameOrFile === undefined) {
      throw new UsageError('attach to which topology? (--topology NAME or FILE)');
    }
    const { attach } = await import('../lab/attach.js');
    return attach({ ...args, topology: nameOrFile });
  },
);
