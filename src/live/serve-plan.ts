/** What the pods of a lab serve when they are asked to: the ports of its services, and HTTP on 80. */
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import { addressText } from '../topologies/check-text.js';
import type { Plan } from '../topologies/plan.js';
import type { LabNamespace } from './lab-plan.js';

const HTTP_PORT = 80;
const DNS_PORT = 53;
const IPERF_PORT = 5201;
const ANY: readonly string[] = ['::'];
/** The world's own address, and public resolvers that people ask by habit. */
const RESOLVERS: readonly string[] = [
  ...ANY,
  ...['1.1.1.1', '1.0.0.1', '8.8.8.8', '8.8.4.4', '9.9.9.9'],
  ...['2606:4700:4700::1111', '2001:4860:4860::8888', '2620:fe::fe'],
];

export interface Serving {
  readonly label: string;
  readonly namespace: string;
  /** TCP ports. */
  readonly http: readonly number[];
  /** UDP ports. */
  readonly dns: readonly number[];
  /** Addresses to answer DNS under; what has many answers under the one that was asked only where it is listed. */
  readonly resolvers: readonly string[];
  readonly iperf: number;
}

/** Every pod serves all ports that services lead to: a pod may become a backend while the lab runs. */
export function planServing(plan: Plan, namespaces: readonly LabNamespace[]): readonly Serving[] {
  const ports = (protocol: number): Set<number> =>
    new Set(
      plan.services
        .filter((service) => service.protocol === protocol)
        .flatMap(({ backends }) => backends.map(({ port }) => port)),
    );
  const http = [...ports(PROTOCOL_TCP).add(HTTP_PORT)];
  const dns = [...ports(PROTOCOL_UDP)];
  return namespaces.map(({ label, name: namespace, pod }) =>
    pod === null
      ? { label, namespace, http: [HTTP_PORT], dns: [DNS_PORT], resolvers: RESOLVERS, iperf: IPERF_PORT }
      : { label, namespace, http, dns, resolvers: ANY, iperf: IPERF_PORT },
  );
}

/** Addresses by name, as the lab's name servers answer: pods, and services as Kubernetes names them. */
export function namesOf(plan: Plan): Readonly<Record<string, readonly string[]>> {
  const names: Record<string, string[]> = {};
  const add = (name: string, address: Uint8Array): void => {
    if (address.every((byte) => byte === 0)) return;
    const text = addressText(address);
    names[name] = [...new Set([...(names[name] ?? []), text])];
  };
  for (const { pods } of plan.nodes) {
    for (const pod of pods) for (const address of pod.addresses) add(pod.name, address);
  }
  for (const { name, address } of plan.services) {
    add(name, address);
    add(`${name}.default.svc.cluster.local`, address);
  }
  return names;
}
