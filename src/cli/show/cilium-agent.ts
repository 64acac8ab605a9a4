/** `cilium-dbg endpoint|service|identity list`: what Cilium 1.18's agent answers. */
import { reservedLabel } from '../../programs/tables/names.js';
import { DIRECTION_EGRESS, DIRECTION_INGRESS } from '../../programs/tables/policy.js';
import { listedServices, serviceListText } from '../../programs/tables/print-service-list.js';
import { tabulate } from '../../programs/tables/tab-writer.js';
import { UsageError } from '../exit-codes.js';
import { endpointObject, labelsHash, serviceObject } from './cilium-objects.js';
import type { Invocation, Output, ShowCommand } from './command.js';
import { type Endpoint, endpointsOf, isEnforced } from './endpoints.js';
import { goJson } from './json-text.js';
import { labelsOfIdentity } from './labels.js';

const ENDPOINT_TITLES =
  'ENDPOINT\tPOLICY (ingress)\tPOLICY (egress)\tIDENTITY\tLABELS (source:key[=value])\tIPv6\tIPv4\tSTATUS\t\n' +
  '\tENFORCEMENT\tENFORCEMENT\t\t\t\t\t\n';

function endpointList(invocation: Invocation): Output {
  const { node } = invocation.place;
  if (invocation.json) return { text: goJson(endpointsOf(node).map((one) => endpointObject(node, one))) };
  const titles = invocation.has('--no-headers') ? '' : ENDPOINT_TITLES;
  return { text: tabulate(titles + endpointsOf(node).map(endpointLines).join('')) };
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
  const { built, node } = invocation.place;
  const { datapath } = node;
  const families = [
    ...(datapath.features.ipv4 ? [datapath.ipv4] : []),
    ...(datapath.features.ipv6 ? [datapath.ipv6] : []),
  ];
  const all = listedServices(families.map(({ services, backends }) => [services, backends]));
  if (invocation.json) return { text: goJson(all.map((service) => serviceObject(built.plan, service))) };
  return { text: serviceListText(all) };
}

const LAST_RESERVED = 10;

function identityList(invocation: Invocation): Output {
  const { plan } = invocation.place.built;
  const reserved = Array.from({ length: LAST_RESERVED }, (_, i) => i + 1);
  const pods = plan.nodes.flatMap((node) => node.pods.map((pod) => pod.identity));
  const outside = plan.outside.map((prefix) => prefix.identity);
  const known = [...new Set([...reserved, ...pods, ...outside])].sort((a, b) => a - b);
  const identities = known.map((id) => {
    const label = reservedLabel(id);
    return { id, labels: label === null ? (labelsOfIdentity(plan, id) ?? []) : [label] };
  });
  if (invocation.json) {
    const objects = identities.map(({ id, labels }) => ({ id, labels, labelsSHA256: labelsHash(labels) }));
    return { text: goJson(objects) };
  }
  const lines = identities.flatMap(({ id, labels: [first = '', ...others] }) => [
    `${id}\t${first}\n`,
    ...others.map((label) => `\t${label}\n`),
  ]);
  return { text: tabulate(`ID\tLABELS\n${lines.join('')}`, 2) };
}

/** `cilium-dbg endpoint get ID`: always as JSON. */
function endpointGet({ place, args: [asked] }: Invocation): Output {
  const { node } = place;
  const all = endpointsOf(node);
  const id = asked.replace(/^(?:endpoint-id|cilium-local):/, '');
  const found = all.filter(
    (one) => String(one.id) === id || `ipv4:${one.ipv4}` === id || `ipv6:${one.ipv6}` === id,
  );
  if (found.length > 0) return { text: goJson(found.map((one) => endpointObject(node, one))) };
  const ids = all.map((one) => `${one.id} (${one.name})`).join(', ');
  throw new UsageError(`no endpoint ${asked} on ${node.planned.name}; there are ${ids}`);
}

export const agentCommands: readonly ShowCommand[] = [
  { words: 'cilium-dbg endpoint list', options: ['--no-headers'], run: endpointList },
  { words: 'cilium-dbg endpoint get', usage: 'ID', maximumArgs: 1, run: endpointGet },
  { words: 'cilium-dbg service list', run: serviceList },
  { words: 'cilium-dbg identity list', run: identityList },
];
