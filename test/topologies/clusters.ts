/** Two nodes on one link with a gateway outside it, for walks; what a test adds comes behind. */

/** Configurations of Cilium that tests begin with: how pods reach those of the other node, and what is masqueraded. */
export const NATIVE_ROUTING =
  'routing-mode: native, auto-direct-node-routes: true, ipv4-native-routing-cidr: 10.1.0.0/16, ipv6-native-routing-cidr: "fd01::/16"';
const MASQUERADE = 'enable-bpf-masquerade: true, enable-ipv6-masquerade: true';
export const NATIVE = `${NATIVE_ROUTING}, ${MASQUERADE}`;
export const TUNNEL = `routing-mode: tunnel, ${MASQUERADE}`;

const NODE = (number: number, config: string): string => `
  - name: node${number}
    podCIDRs: [10.1.${number}.0/24, "fd01:${number}::/64"]
    labels: { role: node${number} }
    devices:
      - name: eth0
        mac: "02:00:00:00:0${number}:00"
        addresses: [192.168.0.${number}/24, "fd00::${number}/64"]
    routes:
      - { to: default, via: 192.168.0.254, dev: eth0 }
      - { to: default6, via: "fd00::fe", dev: eth0 }
    neighbours:
      - { address: 192.168.0.254, mac: "02:00:00:00:00:fe", dev: eth0 }
      - { address: "fd00::fe", mac: "02:00:00:00:00:fe", dev: eth0 }${config}
    pods:
      - name: pod${number}
        labels: { app: pod${number} }
        ips: [10.1.${number}.10, "fd01:${number}::10"]
        mac: "02:00:00:00:0${number}:10"
        device: { name: lxc${number}, mac: "02:00:00:00:0${number}:11" }
        identity: 100${number}
`;

/** pod1 on node1, pod2 on node2; service `web` 10.96.0.1:80, node port 30080, backend pod2. */
export function twoNodes(cilium: string, rest = '', node1 = '', node2 = ''): string {
  return `
cilium: { enable-ipv6: true, kube-proxy-replacement: true, bpf-lb-sock-hostns-only: true, ${cilium} }
nodes:${NODE(1, node1)}${NODE(2, node2)}
links:
  - { name: lan, devices: [node1/eth0, node2/eth0] }
services:
  - name: web
    clusterIPs: [10.96.0.1, "fd96::1"]
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
    backends: [{ pod: pod2 }]
${rest}`;
}
