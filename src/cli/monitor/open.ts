/** Makes the monitor that was asked for: `cilium-dbg monitor …` or `hubble observe …`, with the pipe behind it. */
import type { BuiltNode, BuiltTopology } from '../../topologies/built.js';
import { UsageError } from '../exit-codes.js';
import { Pipe } from '../shell/pipe.js';
import type { MonitorChoice } from './choice.js';
import { ciliumMonitor } from './cilium-flags.js';
import { CiliumMonitor } from './cilium-monitor.js';
import type { EventPrinter } from './event-record.js';
import { readObserve } from './hubble/observe-flags.js';
import { type FlowStore, HubbleObserver } from './hubble/observer.js';
import { Monitor } from './monitor.js';

const COMMANDS = 'cilium-dbg monitor [OPTIONS], hubble observe [OPTIONS]';

export interface MonitorSinks {
  readonly write: (text: string) => void;
  /** For what the tool writes to standard error. */
  readonly say: (text: string) => void;
  /** What keeps the flows of the run besides, for listings behind it; null when none of them wants any. */
  readonly store: FlowStore | null;
}

/** What reads the events of a run; null where nobody does, so that they are not even written. */
export function openMonitors(
  topology: BuiltTopology,
  choice: MonitorChoice | null,
  sinks: MonitorSinks,
): Monitor | null {
  if (choice !== null) return openMonitor(topology, choice, sinks);
  const { store } = sinks;
  if (store === null) return null;
  return new Monitor(topology, { printer: store, nodes: topology.nodes, namesNodes: false, write: () => {} });
}

/** A monitor on a topology that is about to run. Throws UsageError. */
function openMonitor(
  topology: BuiltTopology,
  { command, node, version }: MonitorChoice,
  { write, say, store }: MonitorSinks,
): Monitor {
  const nodes = chooseNodes(topology, node);
  const [[name = '', ...rest], ...filters] = command;
  const words = isCilium(name) ? behind(name, rest, 'monitor') : rest;
  let printer: EventPrinter;
  if (name === 'hubble')
    printer = new HubbleObserver(topology, readObserve(behind(name, rest, 'observe'), topology));
  else if (isCilium(name) || name === '' || name.startsWith('-')) {
    printer = ciliumMonitor(
      name.startsWith('-') ? [name, ...rest] : words,
      topology,
      nodes,
      version ?? nodes[0].planned.ciliumVersion[1],
      say,
    );
    say(CiliumMonitor.banner(nodes.length));
  } else throw new UsageError(`monitor: ${name} is no monitor; there are ${COMMANDS}`);
  const pipe = new Pipe(filters);
  return new Monitor(topology, {
    printer,
    nodes,
    store,
    // Hubble tells the node itself, where it is asked to.
    namesNodes: nodes.length > 1 && printer instanceof CiliumMonitor,
    write: (text) => write(pipe.text(text)),
    end: () => write(pipe.end()),
  });
}

function isCilium(name: string): boolean {
  return name === 'cilium-dbg' || name === 'cilium';
}

function behind(tool: string, [verb = '', ...words]: readonly string[], wanted: string): readonly string[] {
  if (verb === wanted) return words;
  throw new UsageError(`monitor: ${tool} ${verb}: is no monitor; there are ${COMMANDS}`);
}

function chooseNodes(topology: BuiltTopology, name: string | null): readonly BuiltNode[] {
  if (name === null) return topology.nodes;
  const node = topology.nodes.find(({ planned }) => planned.name === name);
  if (node !== undefined) return [node];
  const names = topology.nodes.map(({ planned }) => planned.name).join(', ');
  throw new UsageError(`--node ${name}: no such node; there are ${names}`);
}
