import type { Argv } from 'yargs';
import { readTraceOptions } from '../trace/options.js';
import { runTrace } from '../trace/run.js';

const USAGE =
  '$0 trace --topology TOPOLOGY PACKET\n\n' +
  'Follows one packet through a topology and tells each step: what was looked up, rewritten and decided, and why. ' +
  'PACKET is in words: [PROTOCOL] FROM -> TO [flags, ttl N, length N, …]; FROM and TO are pods, nodes, services or ' +
  'addresses, with a port behind a colon.';

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
        .option('established', {
          type: 'boolean',
          default: false,
          describe: 'open the connection first; the packet is one that follows',
        })
        .option('repeat', {
          type: 'number',
          requiresArg: true,
          default: 1,
          describe: 'send it so often, and tell of the last time',
        })
        .option('raw', {
          type: 'boolean',
          default: false,
          describe: 'sent by a raw socket: no program at sockets sees it, as with bpf-lb-sock',
        })
        .option('from', {
          type: 'string',
          requiresArg: true,
          describe: 'POD or NODE/DEVICE that it starts from, whatever its source',
        })
        .option('capture', {
          type: 'string',
          requiresArg: true,
          describe: 'take the frame from a capture instead of PACKET',
        })
        .option('frame', {
          type: 'number',
          requiresArg: true,
          describe: 'number of the frame in the capture, from 1',
        })
        .option('hex', { type: 'string', requiresArg: true, describe: 'the frame in hex instead of PACKET' })
        .option('brief', { type: 'boolean', default: false, describe: 'hooks and verdicts alone' })
        .option('verbose', {
          alias: 'v',
          type: 'boolean',
          default: false,
          describe: 'every lookup, update and event',
        })
        .option('json', { type: 'boolean', default: false, describe: 'print the trace as one JSON object' })
        .option('diagram', {
          type: 'string',
          choices: ['mermaid', 'svg'],
          requiresArg: true,
          describe: 'draw the path instead',
        })
        .option('out', {
          alias: 'o',
          type: 'string',
          requiresArg: true,
          describe: 'write the diagram here, and print the text',
        })
        .option('expect', {
          type: 'string',
          choices: ['delivered', 'transmitted', 'consumed', 'dropped', 'refused', 'answered'],
          requiresArg: true,
          describe: 'exit with 1 when it ends otherwise; answered: the answer comes back',
        })
        .option('show', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'then print listings of the state it leaves: COMMAND, or NODE: COMMAND',
        })
        .option('seed', {
          type: 'number',
          requiresArg: true,
          default: 1,
          describe: 'for what is left to chance',
        })
        .example("$0 trace -t vxlan 'client -> web:80' --reply", 'a service, there and back')
        .example("$0 trace -t life-of-a-packet 'tcp pod1 -> pod4:9090 SYN'", 'which policy denies it')
        .example("$0 trace -t node-port 'udp outside 198.51.100.7 -> node1:30053'", 'from outside')
        .example("$0 trace -t same-node 'icmp client -> 1.1.1.1 echo ttl 1 length 1400'", 'a ping'),
    async (args) => {
      setExitCode(await runTrace(readTraceOptions(args)));
    },
  );
}
