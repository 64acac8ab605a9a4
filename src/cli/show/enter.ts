/** Commands that run another one somewhere else: `nsenter -t PID -n …`, `kubectl exec POD -- …`, `ip netns exec …`. */
import type { BuiltPod } from '../../topologies/built.js';
import { UsageError } from '../exit-codes.js';
import type { Place } from './command.js';
import { allPlaces, podPlace } from './places.js';

export interface Entered {
  readonly place: Place;
  readonly words: readonly string[];
}

/** Process numbers of pods: there are no processes, so a number that tells the endpoint. */
const FIRST_PID = 10_000;
const NODE_PID = 1;

export function pidOf({ planned }: BuiltPod): number {
  return FIRST_PID + planned.endpointId;
}

/** The place where the command really runs, and the command. Throws UsageError. */
export function enter(place: Place, words: readonly string[]): Entered {
  const [first, ...rest] = words;
  switch (first) {
    case 'sudo':
      return enter(place, rest);
    case 'nsenter':
      return nsenter(place, rest);
    case 'kubectl':
    case 'k':
      return kubectl(place, rest);
    case 'ip':
      return rest[0] === 'netns' && rest[1] === 'exec' ? netns(place, rest.slice(2)) : { place, words };
    default:
      return { place, words };
  }
}

function nsenter(place: Place, words: readonly string[]): Entered {
  let target: string | null = null;
  let inNetwork = false;
  let i = 0;
  for (; i < words.length && words[i].startsWith('-'); i++) {
    const [name, value] = words[i].split('=', 2);
    if (words[i] === '--') {
      i++;
      break;
    }
    if (name === '-t' || name === '--target') target = value ?? words[++i] ?? '';
    else if (/^-t\d+$/.test(name)) target = name.slice(2);
    else if ((name === '-n' || name === '--net') && value === undefined) inNetwork = true;
    else if (name === '--net' || name.startsWith('-n/')) {
      return namedNamespace(place, (value ?? name.slice(2)).replace(/.*\//, ''), words.slice(i + 1));
    } else if (!/^-[a-zA-Z]+$|^--(?:mount|uts|ipc|pid|all)$/.test(name)) {
      throw new UsageError(`nsenter: ${name} is not known here; give -t PID -n`);
    } else if (/n/.test(name)) inNetwork = true;
  }
  if (target === null) throw new UsageError('nsenter: into which process? (nsenter -t PID -n COMMAND)');
  const command = words.slice(i);
  if (command.length === 0) throw noShell('nsenter');
  // Without -n the command stays in the network namespace that it is in.
  if (!inNetwork || Number(target) === NODE_PID) return enter(place, command);
  const { pods } = place.node;
  const pod = pods.find((one) => String(pidOf(one)) === target || one.planned.name === target);
  if (pod === undefined) {
    const pids = pods.map((one) => `${pidOf(one)} (${one.planned.name})`).join(', ');
    throw new UsageError(
      `nsenter -t ${target}: no such process of a pod on ${place.node.planned.name}; there are ${pids}`,
    );
  }
  return enter(podPlace(place.built, pod), command);
}

function netns(place: Place, [name = '', ...command]: readonly string[]): Entered {
  if (command.length === 0) throw noShell('ip netns exec');
  return namedNamespace(place, name, command);
}

function namedNamespace(place: Place, name: string, command: readonly string[]): Entered {
  const pod = place.node.pods.find(({ planned }) => planned.name === name || `cni-${planned.name}` === name);
  if (pod !== undefined) return enter(podPlace(place.built, pod), command);
  const names = place.node.pods.map(({ planned }) => planned.name).join(', ');
  throw new UsageError(
    `no network namespace ${name} on ${place.node.planned.name}; those of pods are ${names}`,
  );
}

/** Options of kubectl exec that take a value. */
const KUBECTL_VALUED = ['-n', '--namespace', '-c', '--container', '--context'];

function kubectl(place: Place, words: readonly string[]): Entered {
  if (words[0] !== 'exec') throw new UsageError(`kubectl ${words[0] ?? ''}: there is kubectl exec alone`);
  const names: string[] = [];
  let i = 1;
  for (; i < words.length && words[i] !== '--'; i++) {
    if (KUBECTL_VALUED.includes(words[i])) i++;
    else if (!words[i].startsWith('-')) {
      names.push(words[i]);
      // Without `--`, the command begins behind the pod's name.
      if (names.length === 2) break;
    }
  }
  const command = words[i] === '--' ? words.slice(i + 1) : words.slice(i);
  const name = (names[0] ?? '').replace(/^pod\//, '');
  if (command.length === 0 || /^(?:\/bin\/)?(?:ba|z)?sh$/.test(command[0])) throw noShell('kubectl exec');
  // The agent's own pod is in the node's network namespace.
  if (/^(?:ds\/)?cilium(?:-|$)/.test(name)) return enter(place, command);
  const found = allPlaces(place.built).find(({ pod }) => pod?.planned.name === name);
  if (found !== undefined) return enter(found, command);
  const pods = place.built.pods.map(({ planned }) => planned.name).join(', ');
  throw new UsageError(
    `kubectl exec ${name}: no such pod; there are ${pods}, and cilium-… for the node's agent`,
  );
}

function noShell(tool: string): UsageError {
  return new UsageError(`${tool}: there is no shell to stay in; give the command behind it`);
}
