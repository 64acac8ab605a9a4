/** Whole walks where the kernel masquerades: iptables rules of the agent, conntrack of the node. */
import { NATIVE_ROUTING, twoNodes } from './clusters.js';
import { checkWalks } from './walk-support.js';

const IPTABLES = `${NATIVE_ROUTING}, enable-ipv4-masquerade: true, enable-ipv6-masquerade: true, bpf-lb-sock: false`;

checkWalks('masquerading by iptables', twoNodes(IPTABLES), [
  [
    'pod to the world',
    (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1001', to: '8.8.8.8:53', protocol: 'udp' }),
    `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:1001 > 8.8.8.8:53 udp ttl 62
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.answer('node1/eth0', last),
    `
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1001 udp ttl 62
  `,
  ],
  [
    'pod to a pod of the other node: not masqueraded',
    (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1002', to: '10.1.2.10:80' }),
    `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1002 > 10.1.2.10:80 tcp ttl 62
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1002 > 10.1.2.10:80 tcp ttl 60
  `,
  ],
  [
    'pod to the other node: not masqueraded',
    (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1003', to: '192.168.0.2:53', protocol: 'udp' }),
    `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1003 > 192.168.0.2:53 udp ttl 62
    node2/eth0 cil_from_netdev: ok
    consumed
    01:00 > 02:00 10.1.1.10:1003 > 192.168.0.2:53 udp ttl 62
  `,
  ],
  [
    'pod to the world over IPv6',
    (walks) => walks.fromPod('pod1', { from: '[fd01:1::10]:1004', to: '[2001:db8::1]:80' }),
    `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:1004 > [2001:db8::1]:80 tcp ttl 62
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.answer('node1/eth0', last),
    `
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [2001:db8::1]:80 > [fd01:1::10]:1004 tcp ttl 62
  `,
  ],
]);

checkWalks(
  'masquerading by iptables, VXLAN',
  twoNodes('routing-mode: tunnel, enable-ipv4-masquerade: true, bpf-lb-sock: false'),
  [
    [
      'pod to the world',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1001', to: '8.8.8.8:53', protocol: 'udp' }),
      `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:1001 > 8.8.8.8:53 udp ttl 62
  `,
    ],
    [
      'its answer',
      (walks, last) => walks.answer('node1/eth0', last),
      `
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1001 udp ttl 62
  `,
    ],
    [
      'pod to a pod of the other node',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1002', to: '10.1.2.10:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:8472 udp ttl 64 vni 1001 | 01:10 > 01:11 10.1.1.10:1002 > 10.1.2.10:80 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1002 > 10.1.2.10:80 tcp ttl 63
  `,
    ],
  ],
);
