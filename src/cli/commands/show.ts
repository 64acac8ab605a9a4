import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { Clock } from '../../engine/clock.js';
import { loadBpftoolDump } from '../../engine/maps/load-dump.js';
import { SeededRandom } from '../../engine/random.js';
import { buildTopology } from '../../topologies/build.js';
import { EXIT_DONE, EXIT_FOUND, UsageError } from '../exit-codes.js';
import { put } from '../log.js';
import { openTopology } from '../open-topology.js';
import { readArguments } from '../shell/words.js';
import { nodeMaps } from '../show/bpftool.js';
import type { Place } from '../show/command.js';
import { nearest } from '../show/nearest.js';
import { findPlace } from '../show/places.js';
import { knownCommands } from '../show/run-command.js';
import { runLine } from '../show/run-line.js';

const USAGE =
  '$0 show --topology TOPOLOGY [--node NODE | --pod POD] COMMAND…\n\n' +
  'Prints what a tool would print on a node or in a pod of the topology, to the byte. COMMAND is in the ' +
  "tool's own words, options included, and stands last; in quotes it may have a pipe behind it.";

/** Options of ours that take a value. */
const VALUED = ['--topology', '-t', '--node', '--pod', '--load'];

/**
 * The arguments of `show` up to the listing's command, and the command's words: from the first word on that is neither
 * an option nor an option's value. What stands there is the tool's and not ours to read.
 */
export function splitShowArguments(
  args: readonly string[],
  valued: readonly string[] = [],
): { own: string[]; words: string[] } {
  let i = 1;
  while (i < args.length && args[i].startsWith('-')) {
    if (args[i] === '--') {
      return { own: args.slice(0, i), words: args.slice(i + 1) };
    }
    i += VALUED.includes(args[i]) || valued.includes(args[i]) ? 2 : 1;
  }
  return { own: args.slice(0, i), words: args.slice(i) };
}

export function addShow(parser: Argv, words: readonly string[], setExitCode: (code: number) => void): Argv {
  return parser.command(
    'show',
    'print a listing as route, arp, ip, bpftool, cilium-dbg, … print it',
    (command) =>
      command
        .usage(USAGE)
        .option('topology', {
          alias: 't',
          type: 'string',
          requiresArg: true,
          describe: 'a ready-made topology (packetwalk topologies) or a YAML file',
        })
        .option('node', { type: 'string', requiresArg: true, describe: 'on this node or router' })
        .option('pod', { type: 'string', requiresArg: true, describe: 'in this pod' })
        .option('load', {
          type: 'string',
          requiresArg: true,
          describe: 'MAP=FILE[,MAP=FILE…]: first take dumps (bpftool -j map dump) into these maps',
        })
        .option('json', { type: 'boolean', default: false, describe: "print the tool's JSON" })
        .example('$0 show -t digitalocean-pod route -n', 'routes of the only node')
        .example('$0 show -t digitalocean-pod --pod pod arp -an', "a pod's neighbours")
        .example('$0 show -t same-node cilium-dbg bpf endpoint list', 'a map as Cilium lists it')
        .epilogue(
          `Commands:\n${knownCommands()
            .map((known) => `  ${known}\n`)
            .join('')}`,
        ),
    (args) => {
      setExitCode(show(args, words));
    },
  );
}

interface ShowArguments {
  readonly topology?: string | undefined;
  readonly node?: string | undefined;
  readonly pod?: string | undefined;
  readonly load?: string | undefined;
  readonly json: boolean;
}

function show(args: ShowArguments, words: readonly string[]): number {
  if (args.topology === undefined) {
    throw new UsageError(
      'show in which topology? (--topology NAME or FILE; packetwalk topologies lists them)',
    );
  }
  if (words.length === 0) throw new UsageError('show what? (packetwalk show --help lists the commands)');
  const { spec } = openTopology(args.topology);
  const built = buildTopology(spec, { clock: new Clock(), random: new SeededRandom(1) });
  const place = findPlace(built, args.node ?? null, args.pod ?? null);
  for (const load of args.load?.split(',') ?? []) loadDump(place, load);
  const { text, errors = '', exitCode = 0 } = runLine(place, readArguments(words), args.json);
  process.stdout.write(text);
  if (errors !== '') put(errors);
  return exitCode === 0 ? EXIT_DONE : EXIT_FOUND;
}

/** `MAP=FILE`. */
function loadDump(place: Place, argument: string): void {
  const equals = argument.indexOf('=');
  if (equals < 1) throw new UsageError(`--load ${argument}: give MAP=FILE`);
  const [name, file] = [argument.slice(0, equals), argument.slice(equals + 1)];
  const maps = nodeMaps(place);
  const map = maps.find(({ spec }) => spec.name === name);
  if (map === undefined) {
    const names = nearest(
      name,
      maps.map(({ spec }) => spec.name),
    );
    throw new UsageError(`--load ${name}: no such map; near it: ${names.join(', ')}`);
  }
  try {
    loadBpftoolDump(map, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`--load ${file}: ${(error as Error).message}`);
  }
}
