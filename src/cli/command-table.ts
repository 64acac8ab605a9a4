/** The commands: what help says of each, and the module that knows the rest, which is loaded for who calls it. */
import type { CommandModule, CommandText } from './command.js';

export interface Command extends CommandText {
  load(): Promise<CommandModule>;
}

/** By their names, in the order of help. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  attach: {
    usage: 'attach',
    describe: "devices of a topology's on real interfaces",
    load: () => import('./commands/attach.js'),
  },
  lab: {
    usage: 'lab',
    describe: 'real packets of real network namespaces through the datapath',
    load: () => import('./commands/lab.js'),
  },
  replay: {
    usage: 'replay CAPTURE',
    describe: 'walk the frames of a capture through a Cilium node and sum up what became of them',
    load: () => import('./commands/replay.js'),
  },
  monitor: {
    usage: 'monitor',
    describe: "print the datapath's events as cilium monitor and hubble observe do",
    load: () => import('./commands/monitor.js'),
  },
  run: {
    usage: 'run [COMMAND..]',
    describe: 'run ping, wget, curl, nc, dig … on the pods, nodes and hosts of a topology',
    load: () => import('./commands/run.js'),
  },
  show: {
    usage: 'show',
    describe: 'print a listing as route, arp, ip, bpftool, cilium-dbg, … print it',
    load: () => import('./commands/show.js'),
  },
  topologies: {
    usage: 'topologies [NAME] [FILE..]',
    describe: 'list the ready-made topologies, print one of them, or check files',
    load: () => import('./commands/topologies.js'),
  },
  trace: {
    usage: 'trace [PACKET]',
    describe: 'follow one packet step by step: what becomes of it, and why',
    load: () => import('./commands/trace.js'),
  },
  import: {
    usage: 'import [FOLDER]',
    describe: "make a topology of a real cluster's state",
    load: () => import('./commands/import.js'),
  },
};
