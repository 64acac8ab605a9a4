/** WireGuard: pods of two nodes talk through cilium_wg0, in packets as long as WireGuard's. */
import { NATIVE, twoNodes } from './clusters.js';
import { checkWalks } from './walk-support.js';

const WIREGUARD = `${NATIVE}, enable-wireguard: true`;

checkWalks('WireGuard, native routing', twoNodes(WIREGUARD), [
  [
    'pod to pod',
    (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.1.2.10:80' }),
    `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_wg0
    node1/cilium_wg0 cil_to_wireguard: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:51871 udp ttl 64 type 4 index 1 counter 0 padded 0 | 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_wg0
    node2/cilium_wg0 cil_from_wireguard: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 62
  `,
  ],
  [
    'the answer',
    (walks, last) => walks.podAnswers('pod2', last),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: redirect
    redirect node2/cilium_wg0
    node2/cilium_wg0 cil_to_wireguard: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:51871 udp ttl 64 type 4 index 2 counter 0 padded 0 | 10.1.2.10:80 > 10.1.1.10:1000 tcp ttl 63
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_wg0
    node1/cilium_wg0 cil_from_wireguard: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.1.2.10:80 > 10.1.1.10:1000 tcp ttl 62
  `,
  ],
  [
    'pod to a service over IPv6',
    (walks) => walks.fromPod('pod1', { from: '[fd01:1::10]:1000', to: '[fd96::1]:80' }),
    `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_wg0
    node1/cilium_wg0 cil_to_wireguard: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:51871 udp ttl 64 type 4 index 1 counter 1 padded 12 | [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_wg0
    node2/cilium_wg0 cil_from_wireguard: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 62
  `,
  ],
  [
    'the answer comes from the service',
    (walks, last) => walks.podAnswers('pod2', last),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: redirect
    redirect node2/cilium_wg0
    node2/cilium_wg0 cil_to_wireguard: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:51871 udp ttl 64 type 4 index 2 counter 1 padded 12 | [fd01:2::10]:8080 > [fd01:1::10]:1000 tcp ttl 63
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_wg0
    node1/cilium_wg0 cil_from_wireguard: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [fd96::1]:80 > [fd01:1::10]:1000 tcp ttl 62
  `,
  ],
  [
    'from outside to a node port: the node speaks, whose packets stay as they are',
    (walks) => walks.fromOutside('node1/eth0', { from: '8.8.8.8:999', to: '192.168.0.1:30080' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:53502 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:53502 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
  [
    'to the world',
    (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1001', to: '9.9.9.9:80' }),
    `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:63900 > 9.9.9.9:80 tcp ttl 63
  `,
  ],
]);

checkWalks(
  'WireGuard, native routing, routes per endpoint through the stack',
  twoNodes(
    'routing-mode: native, auto-direct-node-routes: true, enable-wireguard: true, enable-host-legacy-routing: true, enable-endpoint-routes: true',
  ),
  [
    [
      'pod to pod',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.1.2.10:80' }),
      `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_wg0
    node1/cilium_wg0 cil_to_wireguard: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:51871 udp ttl 64 type 4 index 1 counter 0 padded 0 | 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_wg0
    node2/cilium_wg0 cil_from_wireguard: ok
    route node2/lxc2
    node2/lxc2 cil_to_container: ok
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 62
  `,
    ],
  ],
);

checkWalks(
  'WireGuard around VXLAN',
  twoNodes('routing-mode: tunnel, enable-bpf-masquerade: true, enable-wireguard: true'),
  [
    [
      'pod to pod: the tunnel packet is what is enclosed',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.1.2.10:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_wg0
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:51871 udp ttl 64 type 4 index 1 counter 0 padded 14 | 192.168.0.1 > 192.168.0.2:8472 udp ttl 64 vni 1001 | 01:10 > 01:11 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_wg0
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 63
  `,
    ],
    [
      'the answer',
      (walks, last) => walks.podAnswers('pod2', last),
      `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: redirect
    redirect node2/cilium_wg0
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:51871 udp ttl 64 type 4 index 2 counter 0 padded 14 | 192.168.0.2 > 192.168.0.1:8472 udp ttl 64 vni 1002 | 02:10 > 02:11 10.1.2.10:80 > 10.1.1.10:1000 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_wg0
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.1.2.10:80 > 10.1.1.10:1000 tcp ttl 63
  `,
    ],
  ],
);

checkWalks('WireGuard for nodes, too', twoNodes(`${WIREGUARD}, encrypt-node: true`), [
  [
    'from outside to a node port, on to the other node',
    (walks) => walks.fromOutside('node1/eth0', { from: '8.8.8.8:999', to: '192.168.0.1:30080' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_wg0
    node1/cilium_wg0 cil_to_wireguard: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:51871 udp ttl 64 type 4 index 1 counter 0 padded 0 | 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_wg0
    node2/cilium_wg0 cil_from_wireguard: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
  [
    'the answer',
    (walks, last) => walks.podAnswers('pod2', last),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: redirect
    redirect node2/cilium_wg0
    node2/cilium_wg0 cil_to_wireguard: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:51871 udp ttl 64 type 4 index 2 counter 0 padded 0 | 10.1.2.10:8080 > 192.168.0.1:52344 tcp ttl 63
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_wg0
    node1/cilium_wg0 cil_from_wireguard: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 8.8.8.8:999 tcp ttl 62
  `,
  ],
]);

checkWalks(
  'strict mode: the other node has no WireGuard',
  twoNodes(
    `${WIREGUARD}, enable-encryption-strict-mode: true, encryption-strict-mode-cidr: 10.1.0.0/16`,
    '',
    '',
    '\n    cilium: { enable-wireguard: false, enable-encryption-strict-mode: false }',
  ),
  [
    [
      'pod to pod',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.1.2.10:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: drop
    dropped: Traffic is unencrypted
    01:00 > 02:00 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 63
  `,
    ],
    [
      'to the world',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1001', to: '9.9.9.9:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:35769 > 9.9.9.9:80 tcp ttl 63
  `,
    ],
  ],
);
