/** `packetwalk show`: a listing in the words of the tool that prints it. */
import { command } from '../command.js';
import { UsageError } from '../exit-codes.js';
import { json, node, pod, text, topology } from '../options.js';
import { knownCommands } from '../show/run-command.js';
import { type SplitArguments, splitAtTool } from '../split-arguments.js';

const USAGE =
  '$0 show --topology TOPOLOGY [--node NODE | --pod POD] COMMAND…\n\n' +
  'Prints what a tool would print on a node or in a pod of the topology, to the byte. COMMAND is in the ' +
  "tool's own words, options included, and stands last; in quotes it may have a pipe behind it.";

const OPTIONS = {
  topology,
  node,
  pod,
  load: text('MAP=FILE[,MAP=FILE…]: first take dumps (bpftool -j map dump) into these maps'),
  json: { ...json, describe: "print the tool's JSON" },
} as const;

export function split(args: readonly string[]): SplitArguments {
  return splitAtTool(args, 1, OPTIONS, 'ours');
}

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .options(OPTIONS)
      .example('$0 show -t digitalocean-pod route -n', 'routes of the only node')
      .example('$0 show -t digitalocean-pod --pod pod arp -an', "a pod's neighbours")
      .example('$0 show -t same-node cilium-dbg bpf endpoint list', 'a map as Cilium lists it')
      .epilogue(
        `Commands:\n${knownCommands()
          .map((known) => `  ${known}\n`)
          .join('')}`,
      ),
  async ({ topology: nameOrFile, ...args }, words) => {
    if (nameOrFile === undefined) {
      throw new UsageError(
        'show in which topology? (--topology NAME or FILE; packetwalk topologies lists them)',
      );
    }
    if (words.length === 0) throw new UsageError('show what? (packetwalk show --help lists the commands)');
    const { showListing } = await import('../show/show.js');
    return showListing({ ...args, topology: nameOrFile, words });
  },
);
