/** Which packets a service lets in, and which backends it has where. */
import { twoNodes } from './clusters.js';
import { checkWalks } from './walk-support.js';

const NATIVE =
  'routing-mode: native, auto-direct-node-routes: true, ipv4-native-routing-cidr: 10.1.0.0/16, enable-bpf-masquerade: true';
const SERVICES = `  - name: local
    clusterIP: 10.96.0.2
    loadBalancerIPs: [10.9.0.2]
    externalTrafficPolicy: Local
    ports: [{ port: 80, targetPort: 8080, nodePort: 30082 }]
    backends: [{ pod: pod2 }]
  - name: inside
    clusterIP: 10.96.0.3
    internalTrafficPolicy: Local
    ports: [{ port: 80, targetPort: 8080, nodePort: 30083 }]
    backends: [{ pod: pod2 }]
  - name: ranges
    clusterIP: 10.96.0.4
    loadBalancerIPs: [10.9.0.4]
    loadBalancerSourceRanges: [1.2.3.0/24]
    ports: [{ port: 80, targetPort: 8080 }]
    backends: [{ pod: pod2 }]
  - name: denied
    loadBalancerIPs: [10.9.0.5]
    loadBalancerSourceRanges: [1.2.3.0/24]
    sourceRangesPolicy: Deny
    ports: [{ port: 80, targetPort: 8080 }]
    backends: [{ pod: pod2 }]
  - name: sticky
    externalIPs: [10.9.0.6]
    sessionAffinity: ClientIP
    ports: [{ port: 80, targetPort: 8080 }]
    backends: [{ pod: pod1 }, { pod: pod2 }]
`;

checkWalks(
  'externalTrafficPolicy Local: from outside no backend on this node, from inside all',
  twoNodes(NATIVE, SERVICES),
  [
    [
      'load balancer',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '10.9.0.2:80' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 10.9.0.2 > 1.2.3.4 icmp ttl 64
  `,
    ],
    [
      'node port',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '192.168.0.1:30082' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1 > 1.2.3.4 icmp ttl 64
  `,
    ],
    [
      'cluster IP',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.96.0.2:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 62
  `,
    ],
    [
      'load balancer, from a pod',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.9.0.2:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 62
  `,
    ],
  ],
);

checkWalks(
  'internalTrafficPolicy Local: from inside no backend on this node, from outside all',
  twoNodes(NATIVE, SERVICES),
  [
    [
      'cluster IP',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.96.0.3:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.96.0.3 > 10.1.1.10 icmp ttl 64
  `,
    ],
    [
      'node port',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '192.168.0.1:30083' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 62
  `,
    ],
  ],
);

checkWalks('source ranges', twoNodes(NATIVE, SERVICES), [
  [
    'in the range',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '10.9.0.4:80' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
  [
    'outside it',
    (walks) => walks.fromOutside('node1/eth0', { from: '9.9.9.9:1000', to: '10.9.0.4:80' }),
    `
    node1/eth0 cil_from_netdev: drop
    dropped: Denied by LB src range check
    00:fe > 01:00 9.9.9.9:1000 > 10.9.0.4:80 tcp ttl 64
  `,
  ],
  [
    'in a range that is denied',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '10.9.0.5:80' }),
    `
    node1/eth0 cil_from_netdev: drop
    dropped: Denied by LB src range check
    00:fe > 01:00 1.2.3.4:1000 > 10.9.0.5:80 tcp ttl 64
  `,
  ],
  [
    'outside that',
    (walks) => walks.fromOutside('node1/eth0', { from: '9.9.9.9:1000', to: '10.9.0.5:80' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
]);

checkWalks('a cluster IP is no service for the outside', twoNodes(NATIVE, SERVICES), [
  [
    'cluster IP',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '10.96.0.4:80' }),
    `
    node1/eth0 cil_from_netdev: drop
    dropped: Is a ClusterIP
    00:fe > 01:00 1.2.3.4:1000 > 10.96.0.4:80 tcp ttl 64
  `,
  ],
]);

checkWalks("node port from a pod, by another node's address", twoNodes(NATIVE, SERVICES), [
  [
    'node2',
    (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '192.168.0.2:30080' }),
    `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1000 > 192.168.0.2:30080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
]);

checkWalks(
  'Maglev',
  twoNodes(`${NATIVE}, bpf-lb-algorithm: maglev, bpf-lb-maglev-table-size: 251`, SERVICES),
  [
    [
      'one client',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '10.9.0.6:80' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:35769 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:35769 > 10.1.2.10:8080 tcp ttl 62
  `,
    ],
    [
      'another port: affinity',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1001', to: '10.9.0.6:80' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 62
  `,
    ],
  ],
);
