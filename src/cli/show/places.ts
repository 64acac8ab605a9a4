/** Where in a topology a command runs. */
import type { BuiltNode, BuiltPod, BuiltTopology } from '../../topologies/built.js';
import { suggestion } from '../../topologies/faults.js';
import type { PlannedRouter } from '../../topologies/plan.js';
import { UsageError } from '../exit-codes.js';
import type { Place } from './command.js';

export function nodePlace(built: BuiltTopology, node: BuiltNode): Place {
  const { name, devices } = node.planned;
  return { built, name, node, pod: null, namespace: node.node.host, devices };
}

export function podPlace(built: BuiltTopology, pod: BuiltPod): Place {
  const { namespace, planned } = pod;
  return { built, name: planned.name, node: built.nodeOf(namespace), pod, namespace, devices: [] };
}

function routerPlace(built: BuiltTopology, { name, devices }: PlannedRouter): Place {
  return {
    built,
    name,
    get node(): never {
      throw new UsageError(`${name} is a router: there is no Cilium and no BPF map on it`);
    },
    pod: null,
    namespace: built.network.node(name)!.host,
    devices,
  };
}

/** Nodes first, then routers. */
function machines(built: BuiltTopology): Place[] {
  return [
    ...built.nodes.map((node) => nodePlace(built, node)),
    ...built.plan.routers.map((router) => routerPlace(built, router)),
  ];
}

/** By names; without any, the only node. Throws UsageError that names those there are. */
export function findPlace(built: BuiltTopology, nodeName: string | null, podName: string | null): Place {
  if (nodeName !== null && podName !== null) throw new UsageError('--node or --pod, not both');
  const { name: topology } = built.plan;
  if (podName !== null) {
    const pods = built.pods.map((pod) => podPlace(built, pod));
    return named(podName, pods, 'pod', topology);
  }
  if (nodeName !== null) return named(nodeName, machines(built), 'node', topology);
  if (built.nodes.length === 1) return nodePlace(built, built.nodes[0]);
  const names = built.nodes.map(({ planned }) => planned.name);
  throw new UsageError(`topology ${topology} has several nodes: give --node ${names.join(' or ')}`);
}

/** All places: nodes, routers, pods. */
export function allPlaces(built: BuiltTopology): Place[] {
  return [...machines(built), ...built.pods.map((pod) => podPlace(built, pod))];
}

function named(name: string, places: readonly Place[], kind: string, topology: string): Place {
  const found = places.find((place) => place.name === name);
  if (found !== undefined) return found;
  const names = places.map((place) => place.name);
  const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
  throw new UsageError(`--${kind} ${name}: no such ${kind} in topology ${topology}${hint}`);
}
