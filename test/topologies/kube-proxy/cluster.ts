/** A node between clients at its device `a` and pods at `b`, with services of every kind. */
import type { TableName } from '../../../src/engine/netfilter/iptables.js';
import type { Family } from '../../../src/engine/netfilter/netfilter.js';
import { planTopology } from '../../../src/topologies/check.js';
import { kubeProxyRules } from '../../../src/topologies/kube-proxy.js';
import { readTopology } from '../../../src/topologies/load.js';

const CLUSTER = `
name: lab
cilium: { enable-ipv6: true }
kubeProxy: { mode: iptables, clusterCIDR: "10.0.2.0/24,fd00:2::/64" }
nodes:
  - name: node
    podCIDRs: [10.0.2.0/24, "fd00:2::/64"]
    ciliumInternalIP: 10.0.2.254
    devices:
      - { name: a, addresses: [10.0.1.1/24, "fd00:1::1/64"] }
    pods:
      - { name: here, ips: [10.0.2.2, "fd00:2::2"] }
      - { name: near, ips: [10.0.2.3, "fd00:2::3"] }
services:
  - name: web
    clusterIPs: [10.96.0.80, "fd96::80"]
    externalIPs: [198.51.100.80]
    ports: [{ name: http, port: 80, targetPort: 8080, nodePort: 30080 }]
    backends: [{ pod: here }]
  - name: kube-system/dns
    clusterIP: 10.96.0.10
    ports: [{ name: dns, port: 53, protocol: UDP }]
    backends: [{ pod: near }]
  - name: sticky
    clusterIP: 10.96.0.81
    sessionAffinity: ClientIP
    ports: [{ port: 80, targetPort: 8081 }]
    backends: [{ pod: near }]
  - name: kept
    clusterIP: 10.96.0.82
    loadBalancerIPs: [198.51.100.82]
    externalTrafficPolicy: Local
    ports: [{ name: sql, port: 5432, nodePort: 30082 }]
    backends: [{ pod: near }]
  - name: ranged
    clusterIP: 10.96.0.83
    loadBalancerIPs: [198.51.100.83]
    loadBalancerSourceRanges: [10.0.1.2/32, 203.0.113.0/24]
    ports: [{ port: 443, targetPort: 8443, nodePort: 30083 }]
    backends: [{ pod: here }]
  - name: empty
    clusterIPs: [10.96.0.84, "fd96::84"]
    externalIPs: [198.51.100.84]
    ports: [{ port: 80, nodePort: 30084 }]
    backends: []
  - name: away
    clusterIP: 10.96.0.85
    internalTrafficPolicy: Local
    externalTrafficPolicy: Local
    ports: [{ port: 80, nodePort: 30085 }]
    backends: [{ address: 10.0.2.9 }]
`;

export type Tables = ReadonlyMap<TableName, readonly string[]>;

/** kube-proxy's lines on the node, by family. */
export function labTables(
  change: (line: string) => string = (line) => line,
): readonly (readonly [Family, Tables])[] {
  const plan = planTopology(readTopology(CLUSTER, 'lab').spec);
  return ([4, 6] as const).map((family) => {
    const tables = kubeProxyRules(plan, plan.nodes[0], plan.kubeProxy!, family);
    return [family, new Map([...tables].map(([table, lines]) => [table, lines.map(change)]))];
  });
}

/** As iptables-restore reads them: the chains first. */
export function restoreText(tables: Tables): string {
  const sections = [...tables].map(([table, lines]) => {
    const chains = lines.filter((line) => line.startsWith(':'));
    const rules = lines.filter((line) => !line.startsWith(':'));
    return [`*${table}`, ...chains, ...rules, 'COMMIT', ''].join('\n');
  });
  return sections.join('');
}
