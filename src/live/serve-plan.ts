/** What the pods of a lab serve when they are asked to: what their services lead to, and HTTP where none does. */
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import { addressText } from '../topologies/check-text.js';
import type { Plan } from '../topologies/plan.js';
import type { LabNamespace } from './lab-plan.js';

const HTTP_PORT = 80;
const DNS_PORT = 53;
const IPERF_PORT = 5201;

export interface Serving {
  readonly label: string;
  readonly namespace: string;
  /** TCP ports. */
  readonly http: readonly number[];
  /** UDP ports. */
  readonly dns: readonly number[];
  readonly iperf: number;
}

export function planServing(plan: Plan, namespaces: readonly LabNamespace[]): readonly Serving[] {
  return namespaces.map(({ label, name: namespace, pod }) => {
    if (pod === null) return { label, namespace, http: [HTTP_PORT], dns: [DNS_PORT], iperf: IPERF_PORT };
    const addresses = pod.addresses.map(addressText);
    const ports = (protocol: number): number[] => [
      ...new Set(
        plan.services
          .filter((service) => service.protocol === protocol)
          .flatMap(({ backends }) => backends)
          .filter(({ address }) => addresses.includes(addressText(address)))
          .map(({ port }) => port),
      ),
    ];
    const http = ports(PROTOCOL_TCP);
    return {
      label,
      namespace,
      http: http.includes(HTTP_PORT) ? http : [...http, HTTP_PORT],
      dns: ports(PROTOCOL_UDP),
      iperf: IPERF_PORT,
    };
  });
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
