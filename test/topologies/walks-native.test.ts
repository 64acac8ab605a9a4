/** Whole walks with native routing: a pod to a service on the other node, to the world, and node ports. */
import { NATIVE, twoNodes } from './clusters.js';
import { CLUSTER_IPV4 } from './scenarios.js';
import { checkScenario } from './walk-support.js';

checkScenario('IPv4, BPF host routing', twoNodes(NATIVE), CLUSTER_IPV4, {
  'pod to service': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 62
  `,
  'the service answers': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 10.1.1.10:1000 tcp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.96.0.1:80 > 10.1.1.10:1000 tcp ttl 62
  `,
  'pod to the world': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:52344 > 8.8.8.8:53 udp ttl 63
  `,
  'the world answers': `
    node1/eth0 cil_from_netdev: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1001 udp ttl 63
  `,
  'node port, backend elsewhere: SNAT': `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 62
  `,
  'that backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 192.168.0.1:63900 tcp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 62
  `,
  'node port, backend here': `
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1003 > 10.1.2.10:8080 tcp ttl 63
  `,
  'this backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:30080 > 1.2.3.4:1003 tcp ttl 63
  `,
});

checkScenario(
  'IPv4, legacy host routing',
  twoNodes(`${NATIVE}, enable-host-legacy-routing: true`),
  CLUSTER_IPV4,
  {
    'pod to service': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 62
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 60
  `,
    'the service answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 10.1.1.10:1000 tcp ttl 62
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.96.0.1:80 > 10.1.1.10:1000 tcp ttl 60
  `,
    'pod to the world': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:52344 > 8.8.8.8:53 udp ttl 62
  `,
    'the world answers': `
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1001 udp ttl 62
  `,
    'node port, backend elsewhere: SNAT': `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 61
  `,
    'that backend answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 192.168.0.1:63900 tcp ttl 62
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 61
  `,
    'node port, backend here': `
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1003 > 10.1.2.10:8080 tcp ttl 62
  `,
    'this backend answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:30080 > 1.2.3.4:1003 tcp ttl 62
  `,
  },
);

checkScenario(
  'IPv4, endpoint routes',
  twoNodes(`${NATIVE}, enable-host-legacy-routing: true, enable-endpoint-routes: true`),
  CLUSTER_IPV4,
  {
    'pod to service': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    route node2/lxc2
    node2/lxc2 cil_to_container: ok
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 62
  `,
    'the service answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 10.1.1.10:1000 tcp ttl 63
    node1/eth0 cil_from_netdev: ok
    route node1/lxc1
    node1/lxc1 cil_to_container: ok
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.96.0.1:80 > 10.1.1.10:1000 tcp ttl 62
  `,
    'pod to the world': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:52344 > 8.8.8.8:53 udp ttl 63
  `,
    'the world answers': `
    node1/eth0 cil_from_netdev: ok
    route node1/lxc1
    node1/lxc1 cil_to_container: ok
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 8.8.8.8:53 > 10.1.1.10:1001 udp ttl 63
  `,
    'node port, backend elsewhere: SNAT': `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    route node2/lxc2
    node2/lxc2 cil_to_container: ok
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:63900 > 10.1.2.10:8080 tcp ttl 62
  `,
    'that backend answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 192.168.0.1:63900 tcp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 62
  `,
    'node port, backend here': `
    node2/eth0 cil_from_netdev: ok
    route node2/lxc2
    node2/lxc2 cil_to_container: ok
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1003 > 10.1.2.10:8080 tcp ttl 63
  `,
    'this backend answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:30080 > 1.2.3.4:1003 tcp ttl 63
  `,
  },
);
