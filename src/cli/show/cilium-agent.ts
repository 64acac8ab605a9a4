/** `cilium-dbg endpoint|service|identity list`: what Cilium 1.18's agent answers. */
import { reservedLabel } from '../../programs/tables/names.js';
import { DIRECTION_EGRESS, DIRECTION_INGRESS } from '../../programs/tables/policy.js';
import { serviceListText } from '../../programs/tables/print-service-list.js';
import { tabulate } from '../../programs/tables/tab-writer.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand } from './command.js';
import { type Endpoint, endpointsOf, isEnforced } from './endpoints.js';
import { labelsOfIdentity } from './labels.js';

const ENDPOINT_TITLES =
  'ENDPOINT\tPOLICY (ingress)\tPOLICY (egress)\tIDENTITY\tLABELS (source:key[=value])\tIPv6\tIPv4\tSTATUS\t\n' +
  '\tENFORCEMENT\tENFORCEMENT\t\t\t\t\t\n';

function endpointList(invocation: Invocation): Output {
  refuseJson(invocation, 'endpoint list');
  const titles = invocation.has('--no-headers') ? '' : ENDPOINT_TITLES;
  return { text: tabulate(titles + endpointsOf(invocation.place.node).map(endpointLines).join('')) };
}

function endpointLines(endpoint: Endpoint): string {
  const enforcement = (direction: number): string =>
    isEnforced(endpoint, direction) ? 'Enabled' : 'Disabled';
  const [first = 'no labels', ...others] = endpoint.labels;
  const cells = [
    endpoint.id,
    enforcement(DIRECTION_INGRESS),
    enforcement(DIRECTION_EGRESS),
    endpoint.identity,
    first,
    endpoint.ipv6,
    endpoint.ipv4,
    'ready',
  ];
  const lines = [cells.join('\t'), ...others.map((label) => `\t\t\t\t${label}\t\t\t`)];
  return lines.map((line) => `${line}\t\n`).join('');
}

function serviceList(invocation: Invocation): Output {
  refuseJson(invocation, 'service list');
  const { datapath } = invocation.place.node;
  const families = [
    ...(datapath.features.ipv4 ? [datapath.ipv4] : []),
    ...(datapath.features.ipv6 ? [datapath.ipv6] : []),
  ];
  return { text: serviceListText(families.map(({ services, backends }) => [services, backends])) };
}

const LAST_RESERVED = 10;

function identityList(invocation: Invocation): Output {
  refuseJson(invocation, 'identity list');
  const { plan } = invocation.place.built;
  const reserved = Array.from({ length: LAST_RESERVED }, (_, i) => i + 1);
  const pods = plan.nodes.flatMap((node) => node.pods.map((pod) => pod.identity));
  const outside = plan.outside.map((prefix) => prefix.identity);
  const known = [...new Set([...reserved, ...pods, ...outside])].sort((a, b) => a - b);
  const identities = known.map((id) => {
    const label = reservedLabel(id);
    return { id, labels: label === null ? (labelsOfIdentity(plan, id) ?? []) : [label] };
  });
  const lines = identities.flatMap(({ id, labels: [first = '', ...others] }) => [
    `${id}\t${first}\n`,
    ...others.map((label) => `\t${label}\n`),
  ]);
  return { text: tabulate(`ID\tLABELS\n${lines.join('')}`, 2) };
}

/** The agent's objects hold much that a topology has no word for. */
function refuseJson({ json }: Invocation, command: string): void {
  if (json) throw new UsageError(`cilium-dbg ${command} is there as text alone`);
}

export const agentCommands: readonly ShowCommand[] = [
  { words: 'cilium-dbg endpoint list', options: ['--no-headers'], run: endpointList },
  { words: 'cilium-dbg service list', run: serviceList },
  { words: 'cilium-dbg identity list', run: identityList },
];
