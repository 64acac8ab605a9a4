import type { Argv } from 'yargs';
import { runTrace } from '../trace/run.js';

const USAGE =
  '$0 trace --topology TOPOLOGY PACKET\n\n' +
  'Follows one packet through a topology and tells each step: what was looked up, rewritten and decided, and why. ' +
  "PACKET is in words: 'pod1 -> web:80', 'tcp pod1:34000 -> 10.1.2.40:9090 SYN', 'icmp pod1 -> 1.1.1.1 echo ttl 1', " +
  "'udp outside 198.51.100.7 -> node1:30053'.";

export function addTrace(parser: Argv, setExitCode: (code: number) => void): Argv {
  return parser.command(
    'trace [PACKET]',
    'follow one packet step by step: what becomes of it, and why',
    (command) =>
      command
        .usage(USAGE)
        .positional('PACKET', { type: 'string', describe: 'the packet in words' })
        .option('topology', {
          alias: 't',
          type: 'string',
          requiresArg: true,
          describe: 'a ready-made topology (packetwalk topologies) or a YAML file',
        })
        .option('reply', { alias: 'r', type: 'boolean', default: false, describe: 'follow the answer too' })
        .option('brief', { type: 'boolean', default: false, describe: 'hooks and verdicts alone' })
        .option('verbose', {
          alias: 'v',
          type: 'boolean',
          default: false,
          describe: 'every lookup, update and event',
        })
        .option('json', { type: 'boolean', default: false, describe: 'print the trace as one JSON object' }),
    async (args) => {
      setExitCode(await runTrace(args));
    },
  );
}
