/** `cilium-dbg bpf policy get`. */
import { policyObjects, policyText } from '../../programs/tables/print-policy.js';
import type { BuiltPod } from '../../topologies/built.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand } from './command.js';
import { goJson } from './json-text.js';
import { labelsOfIdentity } from './labels.js';

const PINNED = '/sys/fs/bpf/tc/globals/';

function policy(invocation: Invocation): Output {
  const { node } = invocation.place;
  if (invocation.has('--all')) return allPolicies(invocation);
  const [id] = invocation.args;
  if (id === undefined) throw new UsageError('cilium-dbg bpf policy get what? (an endpoint id, or --all)');
  const pod = node.pods.find(({ planned }) => String(planned.endpointId) === id);
  if (pod === undefined) {
    const ids = node.pods.map(({ planned }) => `${planned.endpointId} (${planned.name})`);
    throw new UsageError(`no endpoint ${id} on ${node.planned.name}; there are ${ids.join(', ') || 'none'}`);
  }
  return invocation.json ? { text: goJson(objectsOf(invocation, pod)) } : textOf(invocation, pod);
}

function allPolicies(invocation: Invocation): Output {
  const { pods } = invocation.place.node;
  if (pods.length === 0) return { text: 'no maps found\n' };
  const path = (pod: BuiltPod): string => PINNED + pod.policyMap.spec.name;
  if (invocation.json) {
    const all = pods.map((pod) => ({
      EndpointID: String(pod.planned.endpointId),
      Path: path(pod),
      Content: objectsOf(invocation, pod),
    }));
    return { text: goJson(all) };
  }
  const outputs = pods.map((pod) => textOf(invocation, pod));
  const texts = outputs.map(({ text }, i) => {
    return `Endpoint ID: ${pods[i].planned.endpointId}\nPath: ${path(pods[i])}\n\n${text}\n\n`;
  });
  return { text: texts.join(''), errors: outputs.map(({ errors }) => errors).join('') };
}

function textOf({ place, has }: Invocation, pod: BuiltPod): Required<Omit<Output, 'exitCode'>> {
  const { datapath } = place.node;
  const stats = datapath.features.policyAccounting ? datapath.policyStats : null;
  const labels = has('-n', '--numeric')
    ? null
    : (identity: number) => labelsOfIdentity(place.built.plan, identity);
  return policyText(pod.policyMap, pod.planned.endpointId, stats, labels);
}

function objectsOf({ place }: Invocation, pod: BuiltPod): object[] {
  const { datapath } = place.node;
  const stats = datapath.features.policyAccounting ? datapath.policyStats : null;
  return policyObjects(pod.policyMap, pod.planned.endpointId, stats);
}

export const policyCommands: readonly ShowCommand[] = [
  {
    words: 'cilium-dbg bpf policy get',
    usage: '[ENDPOINT-ID]',
    maximumArgs: 1,
    options: ['-n', '--numeric', '--all'],
    run: policy,
  },
];
