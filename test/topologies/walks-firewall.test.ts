/** The host firewall: from outside, from pods here and elsewhere. */
import { NATIVE, twoNodes } from './clusters.js';
import { HOST_FIREWALL } from './scenarios.js';
import { checkScenario } from './walk-support.js';

const FIREWALL = `policies:
  - name: host
    nodeSelector: { role: node1 }
    ingress:
      - fromCIDR: [1.2.3.0/24]
        toPorts: [{ ports: [{ port: 22, protocol: TCP }] }]
      - fromEndpoints: [{ app: pod1 }]
        toPorts: [{ ports: [{ port: 9100, protocol: TCP }] }]
      - fromEntities: [remote-node]
        toPorts: [{ ports: [{ port: 8472, protocol: UDP }] }]
`;

checkScenario(
  'host firewall, BPF host routing',
  twoNodes(`${NATIVE}, enable-host-firewall: true`, FIREWALL),
  HOST_FIREWALL,
  {
    'from outside, allowed': `
    node1/eth0 cil_from_netdev: ok
    consumed
    00:fe > 01:00 1.2.3.4:1000 > 192.168.0.1:22 tcp ttl 64
  `,
    'another port, denied': `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 01:00 1.2.3.4:1000 > 192.168.0.1:23 tcp ttl 64
  `,
    'from elsewhere, denied': `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 01:00 9.9.9.9:1000 > 192.168.0.1:22 tcp ttl 64
  `,
    'the other node has no policy': `
    node2/eth0 cil_from_netdev: ok
    consumed
    00:fe > 02:00 9.9.9.9:1000 > 192.168.0.2:22 tcp ttl 64
  `,
    'a pod of the node, allowed': `
    node1/lxc1 cil_from_container: redirect
    redirect to ingress node1/cilium_net
    node1/cilium_net cil_to_host: ok
    consumed
    01:10 > 01:11 10.1.1.10:1000 > 192.168.0.1:9100 tcp ttl 64
  `,
    'a pod of the node, denied': `
    node1/lxc1 cil_from_container: redirect
    redirect to ingress node1/cilium_net
    node1/cilium_net cil_to_host: drop
    dropped: Policy denied
    01:10 > 01:11 10.1.1.10:1000 > 192.168.0.1:9101 tcp ttl 64
  `,
    'a pod of the other node, denied': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:1000 > 192.168.0.1:9100 tcp ttl 63
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    02:00 > 01:00 10.1.2.10:1000 > 192.168.0.1:9100 tcp ttl 63
  `,
    "what goes to a pod is not the host's": `
    node1/eth0 cil_from_netdev: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 9.9.9.9:1000 > 10.1.1.10:80 tcp ttl 63
  `,
  },
);

checkScenario(
  'host firewall, endpoint routes',
  twoNodes(
    `${NATIVE}, enable-host-firewall: true, enable-host-legacy-routing: true, enable-endpoint-routes: true`,
    FIREWALL,
  ),
  HOST_FIREWALL,
  {
    'from outside, allowed': `
    node1/eth0 cil_from_netdev: ok
    consumed
    00:fe > 01:00 1.2.3.4:1000 > 192.168.0.1:22 tcp ttl 64
  `,
    'another port, denied': `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 01:00 1.2.3.4:1000 > 192.168.0.1:23 tcp ttl 64
  `,
    'from elsewhere, denied': `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 01:00 9.9.9.9:1000 > 192.168.0.1:22 tcp ttl 64
  `,
    'the other node has no policy': `
    node2/eth0 cil_from_netdev: ok
    consumed
    00:fe > 02:00 9.9.9.9:1000 > 192.168.0.2:22 tcp ttl 64
  `,
    'a pod of the node, allowed': `
    node1/lxc1 cil_from_container: ok
    consumed
    01:10 > 01:11 10.1.1.10:1000 > 192.168.0.1:9100 tcp ttl 64
  `,
    'a pod of the node, denied': `
    node1/lxc1 cil_from_container: drop
    dropped: Policy denied
    01:10 > 01:11 10.1.1.10:1000 > 192.168.0.1:9101 tcp ttl 64
  `,
    'a pod of the other node, denied': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:1000 > 192.168.0.1:9100 tcp ttl 63
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    02:00 > 01:00 10.1.2.10:1000 > 192.168.0.1:9100 tcp ttl 63
  `,
    "what goes to a pod is not the host's": `
    node1/eth0 cil_from_netdev: ok
    route node1/lxc1
    node1/lxc1 cil_to_container: ok
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 9.9.9.9:1000 > 10.1.1.10:80 tcp ttl 63
  `,
  },
);

checkScenario(
  'host firewall, VXLAN',
  twoNodes('routing-mode: tunnel, enable-bpf-masquerade: true, enable-host-firewall: true', FIREWALL),
  HOST_FIREWALL,
  {
    'from outside, allowed': `
    node1/eth0 cil_from_netdev: ok
    consumed
    00:fe > 01:00 1.2.3.4:1000 > 192.168.0.1:22 tcp ttl 64
  `,
    'another port, denied': `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 01:00 1.2.3.4:1000 > 192.168.0.1:23 tcp ttl 64
  `,
    'from elsewhere, denied': `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 01:00 9.9.9.9:1000 > 192.168.0.1:22 tcp ttl 64
  `,
    'the other node has no policy': `
    node2/eth0 cil_from_netdev: ok
    consumed
    00:fe > 02:00 9.9.9.9:1000 > 192.168.0.2:22 tcp ttl 64
  `,
    'a pod of the node, allowed': `
    node1/lxc1 cil_from_container: redirect
    redirect to ingress node1/cilium_net
    node1/cilium_net cil_to_host: ok
    consumed
    01:10 > 01:11 10.1.1.10:1000 > 192.168.0.1:9100 tcp ttl 64
  `,
    'a pod of the node, denied': `
    node1/lxc1 cil_from_container: redirect
    redirect to ingress node1/cilium_net
    node1/cilium_net cil_to_host: drop
    dropped: Policy denied
    01:10 > 01:11 10.1.1.10:1000 > 192.168.0.1:9101 tcp ttl 64
  `,
    'a pod of the other node, denied': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:8472 udp ttl 64 vni 1002 | 02:10 > 02:11 10.1.2.10:1000 > 192.168.0.1:9100 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect node1/cilium_net
    peer node1/cilium_host
    node1/cilium_host cil_to_host: drop
    dropped: Policy denied
    00:05 > 00:04 10.1.2.10:1000 > 192.168.0.1:9100 tcp ttl 63
  `,
    "what goes to a pod is not the host's": `
    node1/eth0 cil_from_netdev: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 9.9.9.9:1000 > 10.1.1.10:80 tcp ttl 63
  `,
  },
);
