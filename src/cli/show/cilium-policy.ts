/** `cilium-dbg bpf policy get`. */
import { policyObjects, policyText } from '../../programs/tables/print-policy.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand } from './command.js';
import { type Endpoint, endpointsOf } from './endpoints.js';
import { goJson } from './json-text.js';
import { labelsOfIdentity } from './labels.js';

const PINNED = '/sys/fs/bpf/tc/globals/';

function policy(invocation: Invocation): Output {
  const { node } = invocation.place;
  if (invocation.has('--all')) return allPolicies(invocation);
  const [id] = invocation.args;
  if (id === undefined) throw new UsageError('cilium-dbg bpf policy get what? (an endpoint id, or --all)');
  const endpoint = endpointsOf(node).find((one) => String(one.id) === id);
  if (endpoint === undefined) {
    const ids = endpointsOf(node).map((one) => `${one.id} (${one.name})`);
    throw new UsageError(`no endpoint ${id} on ${node.planned.name}; there are ${ids.join(', ')}`);
  }
  return invocation.json ? { text: goJson(objectsOf(invocation, endpoint)) } : textOf(invocation, endpoint);
}

function allPolicies(invocation: Invocation): Output {
  const endpoints = endpointsOf(invocation.place.node);
  const path = (endpoint: Endpoint): string => PINNED + endpoint.policyMap.spec.name;
  if (invocation.json) {
    const all = endpoints.map((endpoint) => ({
      EndpointID: String(endpoint.id),
      Path: path(endpoint),
      Content: objectsOf(invocation, endpoint),
    }));
    return { text: goJson(all) };
  }
  const outputs = endpoints.map((endpoint) => textOf(invocation, endpoint));
  const texts = outputs.map(({ text }, i) => {
    return `Endpoint ID: ${endpoints[i].id}\nPath: ${path(endpoints[i])}\n\n${text}\n\n`;
  });
  return { text: texts.join(''), errors: outputs.map(({ errors }) => errors).join('') };
}

function textOf({ place, has }: Invocation, endpoint: Endpoint): Required<Omit<Output, 'exitCode'>> {
  const { datapath } = place.node;
  const stats = datapath.features.policyAccounting ? datapath.policyStats : null;
  const labels = has('-n', '--numeric')
    ? null
    : (identity: number) => labelsOfIdentity(place.built.plan, identity);
  return policyText(endpoint.policyMap, endpoint.id, stats, labels);
}

function objectsOf({ place }: Invocation, endpoint: Endpoint): object[] {
  const { datapath } = place.node;
  const stats = datapath.features.policyAccounting ? datapath.policyStats : null;
  return policyObjects(endpoint.policyMap, endpoint.id, stats);
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
