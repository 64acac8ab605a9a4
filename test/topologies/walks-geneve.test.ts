/** Whole walks in tunnel mode: what is inside a tunnel stands behind its VNI, which is the sender's identity. */
import { TUNNEL, twoNodes } from './clusters.js';
import { CLUSTER_IPV4, CLUSTER_IPV6 } from './scenarios.js';
import { checkScenario } from './walk-support.js';

checkScenario(
  'Geneve, IPv4, BPF host routing',
  twoNodes(`${TUNNEL}, tunnel-protocol: geneve`),
  CLUSTER_IPV4,
  {
    'pod to service': `
    node1/lxc1 cil_from_container: redirect
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 1001 | 01:10 > 01:11 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 63
  `,
    'the service answers': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_geneve
    node2/cilium_geneve cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:6081 udp ttl 64 vni 1002 | 02:10 > 02:11 10.1.2.10:8080 > 10.1.1.10:1000 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_geneve
    node1/cilium_geneve cil_from_overlay: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.96.0.1:80 > 10.1.1.10:1000 tcp ttl 63
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
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 2 | 00:fe > 01:00 10.1.1.1:63900 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.1:63900 > 10.1.2.10:8080 tcp ttl 62
  `,
    'that backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_geneve
    node2/cilium_geneve cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:6081 udp ttl 64 vni 1002 | 02:10 > 02:11 10.1.2.10:8080 > 10.1.1.1:63900 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_geneve
    node1/cilium_geneve cil_from_overlay: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 63
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
  },
);

checkScenario(
  'Geneve, IPv6, legacy host routing',
  twoNodes(`${TUNNEL}, tunnel-protocol: geneve, enable-host-legacy-routing: true`),
  CLUSTER_IPV6,
  {
    'pod to service': `
    node1/lxc1 cil_from_container: redirect
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 1001 | 01:10 > 01:11 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd01:1::10]:1000 > [fd01:2::10]:8080 tcp ttl 63
  `,
    'the service answers': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_geneve
    node2/cilium_geneve cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:6081 udp ttl 64 vni 1002 | 02:10 > 02:11 [fd01:2::10]:8080 > [fd01:1::10]:1000 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_geneve
    node1/cilium_geneve cil_from_overlay: redirect
    redirect node1/lxc1
    peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [fd96::1]:80 > [fd01:1::10]:1000 tcp ttl 63
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
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 2 | 00:fe > 01:00 [fd01:1::1]:63900 > [fd01:2::10]:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd01:1::1]:63900 > [fd01:2::10]:8080 tcp ttl 62
  `,
    'that backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_geneve
    node2/cilium_geneve cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:6081 udp ttl 64 vni 1002 | 02:10 > 02:11 [fd01:2::10]:8080 > [fd01:1::1]:63900 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_geneve
    node1/cilium_geneve cil_from_overlay: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:30080 > [2001:db8::4]:1002 tcp ttl 63
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

checkScenario(
  'VXLAN over IPv6, IPv4 inside',
  twoNodes(`${TUNNEL}, tunnel-protocol: vxlan, underlay-protocol: ipv6`),
  CLUSTER_IPV4,
  {
    'pod to service': `
    node1/lxc1 cil_from_container: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 fd00::1 > [fd00::2]:8472 udp ttl 64 vni 1001 | 01:10 > 01:11 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:8080 tcp ttl 63
  `,
    'the service answers': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 fd00::2 > [fd00::1]:8472 udp ttl 64 vni 1002 | 02:10 > 02:11 10.1.2.10:8080 > 10.1.1.10:1000 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.96.0.1:80 > 10.1.1.10:1000 tcp ttl 63
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
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 fd00::1 > [fd00::2]:8472 udp ttl 64 vni 2 | 00:fe > 01:00 10.1.1.1:63900 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.1:63900 > 10.1.2.10:8080 tcp ttl 62
  `,
    'that backend answers': `
    node2/lxc2 cil_from_container: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 fd00::2 > [fd00::1]:8472 udp ttl 64 vni 1002 | 02:10 > 02:11 10.1.2.10:8080 > 10.1.1.1:63900 tcp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 63
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
  },
);
