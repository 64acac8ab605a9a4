/** Where in a topology a command runs. */
import type { BuiltNode, BuiltPod, BuiltTopology } from '../../topologies/built.js';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';
import type { Place } from './command.js';

export function nodePlace(built: BuiltTopology, node: BuiltNode): Place {
  return { built, node, pod: null, namespace: node.node.host };
}

/** By names; without any, the only node. Throws UsageError that names those there are. */
export function findPlace(built: BuiltTopology, nodeName: string | null, podName: string | null): Place {
  if (nodeName !== null && podName !== null) throw new UsageError('--node or --pod, not both');
  if (podName !== null) {
    const pod = named(podName, built.pods, ({ planned }) => planned.name, 'pod', built.plan.name);
    return podPlace(built, pod);
  }
  const name = ({ planned }: BuiltNode): string => planned.name;
  if (nodeName !== null) return nodePlace(built, named(nodeName, built.nodes, name, 'node', built.plan.name));
  if (built.nodes.length === 1) return nodePlace(built, built.nodes[0]);
  throw new UsageError(
    `topology ${built.plan.name} has several nodes: give --node ${built.nodes.map(name).join(' or ')}`,
  );
}

/** A node or a pod by its name; null when there is none. */
export function placeNamed(built: BuiltTopology, name: string): Place | null {
  const node = built.nodes.find(({ planned }) => planned.name === name);
  if (node !== undefined) return nodePlace(built, node);
  const pod = built.pods.find(({ planned }) => planned.name === name);
  return pod === undefined ? null : podPlace(built, pod);
}

function podPlace(built: BuiltTopology, pod: BuiltPod): Place {
  return { built, node: built.nodeOf(pod.namespace), pod, namespace: pod.namespace };
}

function named<T>(
  name: string,
  all: readonly T[],
  nameOf: (one: T) => string,
  kind: string,
  topology: string,
): T {
  const found = all.find((one) => nameOf(one) === name);
  if (found !== undefined) return found;
  const names = all.map(nameOf);
  const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
  throw new UsageError(`--${kind} ${name}: no such ${kind} in topology ${topology}${hint}`);
}
