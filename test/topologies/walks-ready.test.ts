/** A walk through each ready-made topology, of what it is there to show. */
import { checkWalks } from './walk-support.js';

checkWalks('vxlan', 'vxlan', [
  [
    'client to the service',
    (walks) => walks.fromPod('client', { from: '10.0.1.10:1000', to: '10.96.0.80:80' }),
    `
    node1/lxcclient cil_from_container: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 00:01 > 00:02 172.16.0.1 > 172.16.0.2:8472 udp ttl 64 vni 256 | 00:06 > 00:06 10.0.1.10:1000 > 10.0.2.10:8080 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect_peer server/eth0
    delivered server/eth0
    00:06 > 00:06 10.0.1.10:1000 > 10.0.2.10:8080 tcp ttl 63
  `,
  ],
  [
    'another port: policy',
    (walks) => walks.fromPod('client', { from: '10.0.1.10:1000', to: '10.0.2.10:9090' }),
    `
    node1/lxcclient cil_from_container: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 00:01 > 00:02 172.16.0.1 > 172.16.0.2:8472 udp ttl 64 vni 256 | 00:06 > 00:06 10.0.1.10:1000 > 10.0.2.10:9090 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: drop
    dropped: Policy denied
    00:06 > 00:06 10.0.1.10:1000 > 10.0.2.10:9090 tcp ttl 63
  `,
  ],
]);

checkWalks('node-port', 'node-port', [
  [
    'TCP: DSR',
    (walks) => walks.fromOutside('node1/eth0', { from: '198.51.100.7:1000', to: '192.0.2.80:80' }),
    `
    node1/eth0 cil_xdp_entry: tx
    xdp node1/eth0
    link node2/eth0: 00:01 > 00:02 198.51.100.7:1000 > 10.0.2.10:8080 tcp ttl 63 options 9a085000500200c0
    node2/eth0 cil_xdp_entry: pass
    node2/eth0 cil_from_netdev: redirect
    redirect_peer web1/eth0
    delivered web1/eth0
    00:05 > 00:05 198.51.100.7:1000 > 10.0.2.10:8080 tcp ttl 62 options 9a085000500200c0
  `,
  ],
  [
    'UDP: SNAT',
    (walks) =>
      walks.fromOutside('node1/eth0', { from: '198.51.100.7:1000', to: '172.16.0.1:30053', protocol: 'udp' }),
    `
    node1/eth0 cil_xdp_entry: tx
    xdp node1/eth0
    link node2/eth0: 00:01 > 00:02 172.16.0.1:35769 > 10.0.2.10:5353 udp ttl 63
    node2/eth0 cil_xdp_entry: pass
    node2/eth0 cil_from_netdev: redirect
    redirect_peer web1/eth0
    delivered web1/eth0
    00:05 > 00:05 172.16.0.1:35769 > 10.0.2.10:5353 udp ttl 62
  `,
  ],
  [
    'not in the source range',
    (walks) => walks.fromOutside('node1/eth0', { from: '203.0.113.7:1000', to: '192.0.2.80:80' }),
    `
    node1/eth0 cil_xdp_entry: drop
    dropped: Denied by LB src range check
    00:fe > 00:01 203.0.113.7:1000 > 192.0.2.80:80 tcp ttl 64
  `,
  ],
]);

checkWalks('dual-stack', 'dual-stack', [
  [
    'IPv4 service',
    (walks) => walks.fromPod('client', { from: '10.0.1.10:1000', to: '10.96.0.80:80' }),
    `
    node1/lxcclient cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link router/port1: 00:01 > 01:fe 10.0.1.10:1000 > 10.0.2.10:8080 tcp ttl 63
    route router/port2
    link node2/eth0: 02:fe > 00:02 10.0.1.10:1000 > 10.0.2.10:8080 tcp ttl 62
    node2/eth0 cil_from_netdev: redirect
    redirect_peer server/eth0
    delivered server/eth0
    00:05 > 00:05 10.0.1.10:1000 > 10.0.2.10:8080 tcp ttl 61
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.podAnswers('server', last),
    `
    node2/lxcserver cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link router/port2: 00:02 > 02:fe 10.0.2.10:8080 > 10.0.1.10:1000 tcp ttl 63
    route router/port1
    link node1/eth0: 01:fe > 00:01 10.0.2.10:8080 > 10.0.1.10:1000 tcp ttl 62
    node1/eth0 cil_from_netdev: redirect
    redirect_peer client/eth0
    delivered client/eth0
    00:05 > 00:05 10.96.0.80:80 > 10.0.1.10:1000 tcp ttl 61
  `,
  ],
  [
    'IPv6 service',
    (walks) => walks.fromPod('client', { from: '[fd00:a:1::10]:1000', to: '[fd00:c::80]:80' }),
    `
    node1/lxcclient cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link router/port1: 00:01 > 01:fe [fd00:a:1::10]:1000 > [fd00:a:2::10]:8080 tcp ttl 63
    route router/port2
    link node2/eth0: 02:fe > 00:02 [fd00:a:1::10]:1000 > [fd00:a:2::10]:8080 tcp ttl 62
    node2/eth0 cil_from_netdev: redirect
    redirect_peer server/eth0
    delivered server/eth0
    00:05 > 00:05 [fd00:a:1::10]:1000 > [fd00:a:2::10]:8080 tcp ttl 61
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.podAnswers('server', last),
    `
    node2/lxcserver cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link router/port2: 00:02 > 02:fe [fd00:a:2::10]:8080 > [fd00:a:1::10]:1000 tcp ttl 63
    route router/port1
    link node1/eth0: 01:fe > 00:01 [fd00:a:2::10]:8080 > [fd00:a:1::10]:1000 tcp ttl 62
    node1/eth0 cil_from_netdev: redirect
    redirect_peer client/eth0
    delivered client/eth0
    00:05 > 00:05 [fd00:c::80]:80 > [fd00:a:1::10]:1000 tcp ttl 61
  `,
  ],
  [
    'IPv6 world',
    (walks) => walks.fromPod('client', { from: '[fd00:a:1::10]:1001', to: '[2001:db8::1]:443' }),
    `
    node1/lxcclient cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link router/port1: 00:01 > 01:fe [fd00:b:1::1]:53502 > [2001:db8::1]:443 tcp ttl 63
    route router/uplink
    transmitted router/uplink
    00:fd > 00:fe [fd00:b:1::1]:53502 > [2001:db8::1]:443 tcp ttl 62
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.answer('router/uplink', last),
    `
    route router/port1
    link node1/eth0: 01:fe > 00:01 [2001:db8::1]:443 > [fd00:b:1::1]:53502 tcp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect_peer client/eth0
    delivered client/eth0
    00:05 > 00:05 [2001:db8::1]:443 > [fd00:a:1::10]:1001 tcp ttl 62
  `,
  ],
]);

checkWalks('host-firewall', 'host-firewall', [
  [
    'ssh from the office',
    (walks) => walks.fromOutside('node1/eth0', { from: '198.51.100.7:1000', to: '172.16.0.1:22' }),
    `
    node1/eth0 cil_from_netdev: ok
    consumed
    00:fe > 00:01 198.51.100.7:1000 > 172.16.0.1:22 tcp ttl 64
  `,
  ],
  [
    'ssh from elsewhere',
    (walks) => walks.fromOutside('node1/eth0', { from: '203.0.113.7:1000', to: '172.16.0.1:22' }),
    `
    node1/eth0 cil_from_netdev: drop
    dropped: Policy denied
    00:fe > 00:01 203.0.113.7:1000 > 172.16.0.1:22 tcp ttl 64
  `,
  ],
  [
    'metrics for prometheus',
    (walks) => walks.fromPod('prometheus', { from: '10.0.1.10:1000', to: '172.16.0.1:9100' }),
    `
    node1/lxcprometheus cil_from_container: redirect
    redirect to ingress node1/cilium_net
    node1/cilium_net cil_to_host: ok
    consumed
    00:05 > 00:05 10.0.1.10:1000 > 172.16.0.1:9100 tcp ttl 64
  `,
  ],
  [
    'metrics for another pod',
    (walks) => walks.fromPod('web', { from: '10.0.1.20:1000', to: '172.16.0.1:9100' }),
    `
    node1/lxcweb cil_from_container: redirect
    redirect to ingress node1/cilium_net
    node1/cilium_net cil_to_host: drop
    dropped: Policy denied
    00:06 > 00:06 10.0.1.20:1000 > 172.16.0.1:9100 tcp ttl 64
  `,
  ],
]);

checkWalks('egress-gateway', 'egress-gateway', [
  [
    'to the partner',
    (walks) => walks.fromPod('billing', { from: '10.0.1.10:1000', to: '192.0.2.9:443' }),
    `
    node1/lxcbilling cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 00:01 > 00:02 172.16.0.1 > 172.16.0.2:8472 udp ttl 64 vni 256 | 00:01 > 00:fe 10.0.1.10:1000 > 192.0.2.9:443 tcp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    00:02 > 00:fe 172.16.0.200:35769 > 192.0.2.9:443 tcp ttl 62
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.answer('node2/eth0', last),
    `
    node2/eth0 cil_from_netdev: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 00:02 > 00:01 172.16.0.2 > 172.16.0.1:8472 udp ttl 64 vni 2 | 00:fe > 00:02 192.0.2.9:443 > 10.0.1.10:1000 tcp ttl 63
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect_peer billing/eth0
    delivered billing/eth0
    00:06 > 00:06 192.0.2.9:443 > 10.0.1.10:1000 tcp ttl 62
  `,
  ],
  [
    'to others',
    (walks) => walks.fromPod('billing', { from: '10.0.1.10:1001', to: '198.51.100.9:443' }),
    `
    node1/lxcbilling cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    00:01 > 00:fe 172.16.0.1:52344 > 198.51.100.9:443 tcp ttl 63
  `,
  ],
]);
