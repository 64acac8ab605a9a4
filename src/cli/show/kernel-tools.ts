/** tc, `ip link`, `bpftool net|link` and `ethtool -S`: what of them concerns hooks is the topologies' own listings. */
import type { BpftoolVersion } from '../../topologies/listings/bpftool-show.js';
import { showBpfLinks, showNet } from '../../topologies/listings/bpftool-show.js';
import { interfacesOf } from '../../topologies/listings/interface.js';
import { showLinks } from '../../topologies/listings/link-show.js';
import { runTool } from '../../topologies/listings/tools.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand, Tool } from './command.js';

const BPFTOOL: BpftoolVersion = '7.8';

function tc(invocation: Invocation): Output {
  const { place, args } = invocation;
  // `tc filter show` is told apart from `tc filter add`, which would change what a listing is of.
  const verb = args[0];
  if (verb !== undefined && !/^(?:show|list|ls|sh)$/.test(verb) && verb !== 'dev') {
    throw new UsageError(`tc … ${verb}: a listing changes nothing; there is show alone`);
  }
  const line = invocation.line
    .replace(/ (?:ls|sh|list)(?= |$)/, ' show')
    .replace(/^(tc(?: -\S+)* \S+) dev/, '$1 show dev');
  const flags = [...(invocation.json ? ['-j'] : []), ...(invocation.has('-p', '-pretty') ? ['-p'] : [])];
  const [tool, ...words] = line.split(' ');
  const output = runTool(place.namespace, [tool, ...flags, ...words].join(' '));
  if (output === null)
    throw new UsageError(`${line}: not known; tc filter|qdisc show [dev DEVICE] [ingress|egress]`);
  return { text: output.stdout, errors: output.stderr, exitCode: output.exit };
}

/** tc takes the first object that begins with what was typed. */
function expandTc(word: string, position: number): string {
  if (position > 0) return word;
  return ['qdisc', 'class', 'filter'].find((name) => name.startsWith(word)) ?? word;
}

const TC_WORDS = { usage: 'show [dev DEVICE [ingress|egress]]', maximumArgs: 32 } as const;

export const tcTool: Tool = {
  names: ['tc'],
  options: ['-j', '-json', '-p', '-pretty', '-d', '-details'],
  json: (has) => has('-j', '-json'),
  expand: expandTc,
  commands: [
    { words: 'tc filter', ...TC_WORDS, run: tc },
    { words: 'tc qdisc', usage: '[show] [dev DEVICE]', maximumArgs: 32, run: tc },
  ],
};

/** `ip link [show] [[dev] DEVICE]`. */
export function ipLink(invocation: Invocation, name: string | null): Output {
  const links = interfacesOf(invocation.place.namespace).filter((one) => name === null || one.name === name);
  if (name !== null && links.length === 0) {
    return { text: '', errors: `Device "${name}" does not exist.\n`, exitCode: 1 };
  }
  const text = showLinks(links, {
    json: invocation.json,
    pretty: invocation.has('-p', '-pretty'),
    details: invocation.has('-d', '-details'),
    brief: invocation.has('-br', '-brief'),
  });
  return { text };
}

function net(invocation: Invocation): Output {
  const { place, args } = invocation;
  const words = args[0] === 'show' || args[0] === 'list' ? args.slice(1) : args;
  const [by, name] = words;
  if (words.length > 0 && (by !== 'dev' || name === undefined)) {
    throw new UsageError(`bpftool net ${args.join(' ')}: give show [dev DEVICE]`);
  }
  const devices = place.namespace.devices.filter((device) => name === undefined || device.name === name);
  if (name !== undefined && devices.length === 0) {
    return { text: '', errors: `Error: invalid devname ${name}\n`, exitCode: 255 };
  }
  return { text: showNet(devices, BPFTOOL, styleOf(invocation)) };
}

function link(invocation: Invocation): Output {
  const { place, args } = invocation;
  const words = args[0] === 'show' || args[0] === 'list' ? args.slice(1) : args;
  const [by, id] = words;
  if (words.length > 0 && (by !== 'id' || id === undefined)) {
    throw new UsageError(`bpftool link ${args.join(' ')}: give show [id N]`);
  }
  const { links } = place.node.node.bpf;
  const found = links.filter((one) => id === undefined || String(one.id) === id);
  if (id !== undefined && found.length === 0) {
    return { text: '', errors: `Error: get by id (${id}): No such file or directory\n`, exitCode: 254 };
  }
  return { text: showBpfLinks(found, place.namespace.devices, styleOf(invocation)) };
}

function styleOf(invocation: Invocation): 'text' | 'json' | 'pretty' {
  if (invocation.has('-p', '--pretty')) return 'pretty';
  return invocation.json ? 'json' : 'text';
}

export const bpftoolNetCommands: readonly ShowCommand[] = [
  { words: 'bpftool net', usage: '[show] [dev DEVICE]', maximumArgs: 3, run: net },
  { words: 'bpftool link', usage: '[show] [id N]', maximumArgs: 3, run: link },
];

/** What a veth counts for its one queue: packets that XDP programs at its own side took. */
const VETH_COUNTERS = [
  'rx_queue_0_xdp_packets',
  'rx_queue_0_xdp_bytes',
  'rx_queue_0_drops',
  'rx_queue_0_xdp_redirect',
  'rx_queue_0_xdp_drops',
  'rx_queue_0_xdp_tx',
  'rx_queue_0_xdp_tx_errors',
  'tx_queue_0_xdp_xmit',
  'tx_queue_0_xdp_xmit_errors',
];

function statistics({ place, args: [name], has }: Invocation): Output {
  if (!has('-S', '--statistics')) throw new UsageError('ethtool: there is ethtool -S DEVICE alone');
  const one = interfacesOf(place.namespace).find((device) => device.name === name);
  if (one === undefined) {
    const errors = 'Cannot get stats strings information: No such device\n';
    return { text: '', errors, exitCode: 96 };
  }
  if (one.peer === null) return { text: '', errors: 'no stats available\n', exitCode: 94 };
  const counters = [`peer_ifindex: ${one.peer.ifindex}`, ...VETH_COUNTERS.map((counter) => `${counter}: 0`)];
  return { text: `NIC statistics:\n${counters.map((line) => `     ${line}\n`).join('')}` };
}

export const ethtool: Tool = {
  names: ['ethtool'],
  commands: [
    {
      words: 'ethtool',
      usage: '-S DEVICE',
      maximumArgs: 1,
      options: ['-S', '--statistics'],
      run: statistics,
    },
  ],
};
