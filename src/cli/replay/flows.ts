/** Sums over paths: flows and what became of each, services and the backends that were chosen. */
import type { BuiltTopology } from '../../topologies/built.js';
import { Names } from '../../topologies/names.js';
import type { Path, PathTable } from './path-table.js';
import { outcomeName, outcomeOf } from './selection.js';
import { destinationText, kindText, protocolText, sourceText } from './talk-text.js';

/** A part of a flow's frames that met the same fate. */
export interface FlowPath {
  /** `delivered`, `transmitted`, `stack`, `answered`, `dropped`. */
  readonly fate: string;
  /** Where the walks ended: the pod, NODE/DEVICE, or the node. */
  readonly where: string;
  /** Drop reason, else 0 and empty. */
  readonly reason: number;
  readonly reasonName: string;
  /** How the frames came out. */
  readonly source: string;
  readonly destination: string;
  readonly kind: string;
  readonly frames: number;
  readonly bytes: number;
}

/** Frames of one direction, between the same addresses and ports. */
export interface FlowSummary {
  readonly source: string;
  readonly destination: string;
  readonly kind: string;
  readonly frames: number;
  readonly bytes: number;
  readonly paths: readonly FlowPath[];
}

export interface ServiceSummary {
  readonly name: string;
  readonly frontend: string;
  readonly protocol: string;
  /** Null for frames that no backend was chosen for. */
  readonly backend: string | null;
  readonly flows: number;
  readonly frames: number;
}

/** All flows, those with the most frames first. */
export function flowsOf(paths: PathTable, built: BuiltTopology): FlowSummary[] {
  const groups = new Map<string, Path[]>();
  for (const path of paths.paths()) {
    const group = groups.get(path.flow);
    if (group === undefined) groups.set(path.flow, [path]);
    else group.push(path);
  }
  return [...groups.values()]
    .map((group) => ({
      source: sourceText(group[0].before),
      destination: destinationText(group[0].before),
      kind: kindText(group[0].before),
      frames: sum(group, (path) => path.frames),
      bytes: sum(group, (path) => path.bytes),
      paths: group.map((path) => flowPath(path, built)).sort((a, b) => b.frames - a.frames),
    }))
    .sort((a, b) => b.frames - a.frames || b.bytes - a.bytes);
}

function flowPath(path: Path, built: BuiltTopology): FlowPath {
  const device = built.network.devices[path.device];
  const fate = outcomeName(outcomeOf(path.fate, path.answered));
  const place = fate === 'transmitted' ? `${device.namespace.name}/${device.name}` : device.namespace.name;
  return {
    fate,
    where: place,
    reason: path.reason,
    reasonName: path.reason === 0 ? '' : built.dropReasonName(path.reason),
    source: sourceText(path.after),
    destination: destinationText(path.after),
    kind: kindText(path.after),
    frames: path.frames,
    bytes: path.bytes,
  };
}

/** Services of the topology that frames were sent to, by backend. */
export function servicesOf(paths: PathTable, built: BuiltTopology): ServiceSummary[] {
  const names = new Names(built);
  const hits = new Map<string, { summary: ServiceSummary; flows: Set<string>; frames: number }>();
  for (const path of paths.paths()) {
    const { before, after } = path;
    const name = names.service(before.destination, before.destinationPort, before.protocol);
    if (name === '') continue;
    const frontend = destinationText(before);
    const backend = destinationText(after) === frontend ? null : destinationText(after);
    const key = `${frontend} ${before.protocol} ${backend}`;
    let hit = hits.get(key);
    if (hit === undefined) {
      const protocol = protocolText(before.protocol);
      hit = {
        summary: { name, frontend, protocol, backend, flows: 0, frames: 0 },
        flows: new Set(),
        frames: 0,
      };
      hits.set(key, hit);
    }
    hit.flows.add(path.flow);
    hit.frames += path.frames;
  }
  return [...hits.values()]
    .map(({ summary, flows, frames }) => ({ ...summary, flows: flows.size, frames }))
    .sort((a, b) => a.name.localeCompare(b.name) || b.frames - a.frames);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
