/** The egress gateway: a pod whose packets to some destinations leave by the other node, under its address. */
import { NATIVE, twoNodes } from './clusters.js';
import { checkScenario, type Scenario } from './walk-support.js';

const GATEWAY = `egressGateways:
  - name: out
    podSelector: { app: pod1 }
    destinationCIDRs: [8.0.0.0/8]
    excludedCIDRs: [8.9.0.0/16]
    gateway: node2
`;

const SCENARIO = {
  'the pod, to a destination of the policy': (walks) =>
    walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '8.8.8.8:53', protocol: 'udp' }),
  'the answer to the gateway': (walks, last) => walks.answer('node2/eth0', last),
  'to an excluded one': (walks) =>
    walks.fromPod('pod1', { from: '10.1.1.10:1001', to: '8.9.8.8:53', protocol: 'udp' }),
  'to another one': (walks) =>
    walks.fromPod('pod1', { from: '10.1.1.10:1002', to: '9.9.9.9:53', protocol: 'udp' }),
  'another pod, on the gateway': (walks) =>
    walks.fromPod('pod2', { from: '10.1.2.10:1003', to: '8.8.8.8:53', protocol: 'udp' }),
} satisfies Scenario;

checkScenario(
  'egress gateway, native routing',
  twoNodes(`${NATIVE}, enable-egress-gateway: true`, GATEWAY),
  SCENARIO,
  {
    'the pod, to a destination of the policy': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:8472 udp ttl 64 vni 1001 | 01:00 > 00:fe 10.1.1.10:1000 > 8.8.8.8:53 udp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:35769 > 8.8.8.8:53 udp ttl 62
  `,
    'the answer to the gateway': `
    node2/eth0 cil_from_netdev: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:8472 udp ttl 64 vni 2 | 00:fe > 02:00 8.8.8.8:53 > 10.1.1.10:1000 udp ttl 63
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1000 udp ttl 62
  `,
    'to an excluded one': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:52344 > 8.9.8.8:53 udp ttl 63
  `,
    'to another one': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:53502 > 9.9.9.9:53 udp ttl 63
  `,
    'another pod, on the gateway': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:63900 > 8.8.8.8:53 udp ttl 63
  `,
  },
);

checkScenario(
  'egress gateway, Geneve, legacy host routing',
  twoNodes(
    'routing-mode: tunnel, tunnel-protocol: geneve, enable-bpf-masquerade: true, enable-egress-gateway: true, enable-host-legacy-routing: true',
    GATEWAY,
  ),
  SCENARIO,
  {
    'the pod, to a destination of the policy': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 1001 | 01:00 > 00:fe 10.1.1.10:1000 > 8.8.8.8:53 udp ttl 62
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:35769 > 8.8.8.8:53 udp ttl 61
  `,
    'the answer to the gateway': `
    node2/eth0 cil_from_netdev: redirect
    redirect node2/cilium_geneve
    node2/cilium_geneve cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:6081 udp ttl 64 vni 2 | 00:fe > 02:00 8.8.8.8:53 > 10.1.1.10:1000 udp ttl 63
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_geneve
    node1/cilium_geneve cil_from_overlay: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1000 udp ttl 62
  `,
    'to an excluded one': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:52344 > 8.9.8.8:53 udp ttl 62
  `,
    'to another one': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:53502 > 9.9.9.9:53 udp ttl 62
  `,
    'another pod, on the gateway': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:63900 > 8.8.8.8:53 udp ttl 62
  `,
  },
);
