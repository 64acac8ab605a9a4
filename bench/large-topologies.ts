/** Topologies of a size: what the agent of a large node, and those of a large cluster, have to take in. */
import type { NodeSpec, PodSpec, ServiceSpec, TopologySpec } from '../src/topologies/spec.js';

const CONFIG = {
  'routing-mode': 'native',
  'auto-direct-node-routes': true,
  'ipv4-native-routing-cidr': '10.0.0.0/8',
  'kube-proxy-replacement': true,
  'bpf-lb-sock': false,
  'enable-bpf-masquerade': true,
  'bpf-lb-map-max': 262144,
};

/** Address of pod `pod` of node `node`, in 10.128.0.0/9: 2,046 pods and 2,048 nodes at most. */
export function podAddress(node: number, pod: number): string {
  const host = pod + 2;
  return `10.${128 + (node >> 5)}.${((node & 31) << 3) | (host >> 8)}.${host & 255}`;
}

/** A cluster IP each, in 10.96.0.0/12. */
export function serviceAddress(service: number): string {
  return `10.${96 + (service >> 16)}.${(service >> 8) & 255}.${service & 255}`;
}

export interface Size {
  readonly nodes: number;
  /** On each node. */
  readonly pods: number;
  readonly services?: number;
  readonly backends?: number;
  /** Policies, each for the pods of one of as many applications. */
  readonly policies?: number;
}

function podSpec(node: number, pod: number, applications: number): PodSpec {
  return {
    name: `pod-${node}-${pod}`,
    labels: { app: `app-${(node + pod) % applications}`, zone: `zone-${node % 3}` },
    ip: podAddress(node, pod),
  };
}

function nodeSpec(node: number, { pods, policies }: Size): NodeSpec {
  const applications = Math.max(policies ?? 0, 100);
  return {
    name: `node-${node}`,
    podCIDR: `10.${128 + (node >> 5)}.${(node & 31) << 3}.0/21`,
    devices: [{ name: 'eth0', addresses: [`172.16.${node >> 8}.${(node & 255) + 1}/16`] }],
    routes: [{ to: 'default', via: '172.16.255.254', dev: 'eth0' }],
    neighbours: [{ address: '172.16.255.254', mac: '02:00:00:00:00:fe', dev: 'eth0' }],
    pods: Array.from({ length: pods }, (_, pod) => podSpec(node, pod, applications)),
  };
}

function serviceSpec(service: number, { nodes, pods, backends = 3 }: Size): ServiceSpec {
  return {
    name: `service-${service}`,
    clusterIP: serviceAddress(service + 1),
    ports: [{ port: 80, targetPort: 8080 }],
    backends: Array.from({ length: backends }, (_, i) => ({
      pod: `pod-${(service + i) % nodes}-${(service * 7 + i * 13) % pods}`,
    })),
  };
}

export function largeTopology(size: Size): TopologySpec {
  const { nodes, services = 0, policies = 0 } = size;
  return {
    name: 'large',
    cilium: CONFIG,
    nodes: Array.from({ length: nodes }, (_, node) => nodeSpec(node, size)),
    links: [{ name: 'lan', devices: Array.from({ length: nodes }, (_, node) => `node-${node}/eth0`) }],
    services: Array.from({ length: services }, (_, service) => serviceSpec(service, size)),
    policies: Array.from({ length: policies }, (_, policy) => ({
      endpointSelector: { app: `app-${policy}` },
      ingress: [
        {
          fromEndpoints: [{ app: `app-${(policy + 1) % policies}` }],
          toPorts: [{ ports: [{ port: 8080, protocol: 'TCP' }] }],
        },
        { fromCIDR: [`192.168.${policy & 255}.0/24`] },
      ],
    })),
  };
}
