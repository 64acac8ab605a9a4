/** `packetwalk trace`: one packet, step by step. */
import { command } from '../command.js';
import { flag, json, number, seed, show, text, topology } from '../options.js';
import { readTraceOptions } from '../trace/options.js';

const USAGE =
  '$0 trace --topology TOPOLOGY PACKET\n\n' +
  'Follows one packet through a topology and tells each step: what was looked up, rewritten and decided, and why. ' +
  'PACKET is in words: [PROTOCOL] FROM -> TO [flags, ttl N, length N, …]; FROM and TO are pods, nodes, services or ' +
  'addresses, with a port behind a colon.';

const OPTIONS = {
  topology,
  reply: { ...flag('follow the answer too'), alias: 'r' },
  established: flag('open the connection first; the packet is one that follows'),
  repeat: { ...number('send it so often, and tell of the last time'), default: 1 },
  raw: flag('sent by a raw socket: no program at sockets sees it, as with bpf-lb-sock'),
  from: text('POD or NODE/DEVICE that it starts from, whatever its source'),
  capture: text('take the frame from a capture instead of PACKET'),
  frame: number('number of the frame in the capture, from 1'),
  hex: text('the frame in hex instead of PACKET'),
  brief: flag('hooks and verdicts alone'),
  verbose: { ...flag('every lookup, update and event'), alias: 'v' },
  json: { ...json, describe: 'print the trace as one JSON object' },
  diagram: { ...text('draw the path instead'), choices: ['mermaid', 'svg'] },
  out: { ...text('write the diagram here, and print the text'), alias: 'o' },
  expect: {
    ...text('exit with 1 when it ends otherwise; answered: the answer comes back'),
    choices: ['delivered', 'transmitted', 'consumed', 'dropped', 'refused', 'answered'],
  },
  show: {
    ...show,
    describe: 'then print listings of the state it leaves: COMMAND, or NODE: COMMAND',
  },
  seed,
} as const;

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .positional('PACKET', { type: 'string', describe: 'the packet in words' })
      .options(OPTIONS)
      .example("$0 trace -t vxlan 'client -> web:80' --reply", 'a service, there and back')
      .example("$0 trace -t life-of-a-packet 'tcp pod1 -> pod4:9090 SYN'", 'which policy denies it')
      .example("$0 trace -t node-port 'udp outside 198.51.100.7 -> node1:30053'", 'from outside')
      .example("$0 trace -t same-node 'icmp client -> 1.1.1.1 echo ttl 1 length 1400'", 'a ping'),
  async (args) => {
    const read = readTraceOptions(args);
    const { runTrace } = await import('../trace/run.js');
    return runTrace(read);
  },
);
