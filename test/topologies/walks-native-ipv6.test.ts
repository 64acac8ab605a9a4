/** Whole walks with native routing: a pod to a service on the other node, to the world, and node ports. */
import { NATIVE, twoNodes } from './clusters.js';
import { CLUSTER_IPV6 } from './scenarios.js';
import { checkScenario } from './walk-support.js';

checkScenario('IPv6, BPF host routing', twoNodes(NATIVE), CLUSTER_IPV6, {
  'pod to service': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 62
  `,
  'the service answers': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 [fd01:2::10]:8080 > [fd01:1::10]:1000 tcp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [fd96::1]:80 > [fd01:1::10]:1000 tcp ttl 62
  `,
  'pod to the world': `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:52344 > [2001:db8::8]:53 udp ttl 63
  `,
  'the world answers': `
    node1/eth0 cil_from_netdev: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [2001:db8::8]:53 > [fd01:1::10]:1001 udp ttl 63
  `,
  'node port, backend elsewhere: SNAT': `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 [fd00::1]:63900 > [fd01:2::10]:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd00::1]:63900 > [fd01:2::10]:8080 tcp ttl 62
  `,
  'that backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 [fd01:2::10]:8080 > [fd00::1]:63900 tcp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:30080 > [2001:db8::4]:1002 tcp ttl 62
  `,
  'node port, backend here': `
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [2001:db8::4]:1003 > [fd01:2::10]:8080 tcp ttl 63
  `,
  'this backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe [fd00::2]:30080 > [2001:db8::4]:1003 tcp ttl 63
  `,
});

checkScenario(
  'IPv6, legacy host routing',
  twoNodes(`${NATIVE}, enable-host-legacy-routing: true`),
  CLUSTER_IPV6,
  {
    'pod to service': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 62
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 60
  `,
    'the service answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 [fd01:2::10]:8080 > [fd01:1::10]:1000 tcp ttl 62
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [fd96::1]:80 > [fd01:1::10]:1000 tcp ttl 60
  `,
    'pod to the world': `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:52344 > [2001:db8::8]:53 udp ttl 62
  `,
    'the world answers': `
    node1/eth0 cil_from_netdev: ok
    route node1/cilium_host
    node1/cilium_host cil_from_host: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [2001:db8::8]:53 > [fd01:1::10]:1001 udp ttl 62
  `,
    'node port, backend elsewhere: SNAT': `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 [fd00::1]:63900 > [fd01:2::10]:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd00::1]:63900 > [fd01:2::10]:8080 tcp ttl 61
  `,
    'that backend answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 [fd01:2::10]:8080 > [fd00::1]:63900 tcp ttl 62
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:30080 > [2001:db8::4]:1002 tcp ttl 61
  `,
    'node port, backend here': `
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [2001:db8::4]:1003 > [fd01:2::10]:8080 tcp ttl 62
  `,
    'this backend answers': `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe [fd00::2]:30080 > [2001:db8::4]:1003 tcp ttl 62
  `,
  },
);
