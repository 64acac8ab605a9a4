/** What the agent answers in JSON of its endpoints and services, as far as a topology knows it. */
import { createHash } from 'node:crypto';
import { formatAddress, formatMac } from '../../engine/address-text.js';
import { DIRECTION_EGRESS, DIRECTION_INGRESS } from '../../programs/tables/policy.js';
import type { ListedService } from '../../programs/tables/print-service-list.js';
import type { BuiltNode } from '../../topologies/built.js';
import type { Plan } from '../../topologies/plan.js';
import { type Endpoint, isEnforced } from './endpoints.js';

/** Hash of a set of labels: of `SOURCE:KEY=VALUE;` for each, sorted, by SHA-512/256. */
export function labelsHash(labels: readonly string[]): string {
  const text = [...labels].sort().map((label) => `${label}${label.includes('=') ? '' : '='};`);
  return createHash('sha512-256').update(text.join('')).digest('hex');
}

export function endpointObject(node: BuiltNode, endpoint: Endpoint): object {
  const { id, identity, labels, ipv4, ipv6 } = endpoint;
  const pod = node.pods.find(({ planned }) => planned.endpointId === id)?.planned;
  const enforced = policyEnforcement(endpoint);
  const policy = { 'policy-enabled': enforced, id: identity };
  return {
    id,
    spec: { 'label-configuration': {}, options: {} },
    status: {
      ...(pod === undefined
        ? {}
        : {
            'external-identifiers': {
              'k8s-namespace': 'default',
              'k8s-pod-name': pod.name,
              'pod-name': `default/${pod.name}`,
            },
          }),
      health: { bpf: 'OK', connected: true, overallHealth: 'OK', policy: 'OK' },
      identity: { id: identity, labels, labelsSHA256: labelsHash(labels) },
      labels: { derived: [], disabled: [], realized: { user: [] }, 'security-relevant': labels },
      networking: {
        addressing: [{ ...(ipv4 === '' ? {} : { ipv4 }), ...(ipv6 === '' ? {} : { ipv6 }) }],
        ...(pod === undefined
          ? {}
          : {
              'host-mac': formatMac(pod.device.mac),
              'interface-index': pod.device.ifindex,
              'interface-name': pod.device.name,
              mac: formatMac(pod.mac),
            }),
      },
      policy: { 'proxy-statistics': [], realized: policy, spec: policy },
      state: 'ready',
    },
  };
}

function policyEnforcement(endpoint: Endpoint): string {
  const [ingress, egress] = [DIRECTION_INGRESS, DIRECTION_EGRESS].map((way) => isEnforced(endpoint, way));
  if (ingress) return egress ? 'both' : 'ingress';
  return egress ? 'egress' : 'none';
}

export function serviceObject(plan: Plan, service: ListedService): object {
  const [, ip, port, protocol, scope] = /^\[?(.*?)\]?:(\d+)\/(\w+)(\/i)?$/.exec(service.frontend)!;
  const name = plan.services.find(
    (one) => one.port === Number(port) && service.frontend.startsWith(frontendOf(one)),
  )?.name;
  const spec = {
    'backend-addresses': service.backends.map((text) => {
      const [, address, backendPort, backendProtocol, state] = /^\[?(.*?)\]?:(\d+)\/(\w+) \((.*)\)$/.exec(
        text,
      )!;
      return { ip: address, port: Number(backendPort), protocol: backendProtocol, state, weight: 100 };
    }),
    flags: { ...(name === undefined ? {} : { name, namespace: 'default' }), type: service.type },
    'frontend-address': {
      ip,
      port: Number(port),
      protocol,
      scope: scope === undefined ? 'external' : 'internal',
    },
    id: service.id,
  };
  return { spec, status: { realized: spec } };
}

function frontendOf({ address, port }: Plan['services'][number]): string {
  const text = formatAddress(address, 0, address.length);
  return address.length === 4 ? `${text}:${port}/` : `[${text}]:${port}/`;
}
