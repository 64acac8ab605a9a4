/** Node ports whose backend is on another node: DSR in its three dispatches, hybrid, and XDP. */
import { NATIVE, twoNodes } from './clusters.js';
import { checkWalks } from './walk-support.js';

const OUTSIDE = `  - name: outside
    loadBalancerIPs: [10.9.9.9]
    ports: [{ port: 443 }]
    backends: [{ address: 192.168.0.50 }]
`;
const NEIGHBOUR = `
      - { address: 192.168.0.50, mac: "02:00:00:00:00:50", dev: eth0 }`;
const DNS = `  - name: dns
    clusterIP: 10.96.0.53
    ports: [{ port: 53, protocol: UDP, nodePort: 30053 }]
    backends: [{ pod: pod2 }]
`;

checkWalks('DSR by IP option', twoNodes(`${NATIVE}, bpf-lb-mode: dsr`), [
  [
    'client',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63 options 9a0880750100a8c0
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 62 options 9a0880750100a8c0
  `,
  ],
  [
    'its answer',
    (walks) => walks.fromPod('pod2', { from: '10.1.2.10:8080', to: '1.2.3.4:1002', flags: 0x12 }),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 63
  `,
  ],
  [
    'goes on',
    (walks) =>
      walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080', flags: 0x10 }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
]);

checkWalks(
  'DSR by IP option, legacy host routing',
  twoNodes(`${NATIVE}, bpf-lb-mode: dsr, enable-host-legacy-routing: true`),
  [
    [
      'client',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63 options 9a0880750100a8c0
    node2/eth0 cil_from_netdev: ok
    route node2/cilium_host
    node2/cilium_host cil_from_host: redirect
    redirect node2/lxc2
    peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 61 options 9a0880750100a8c0
  `,
    ],
    [
      'its answer',
      (walks) => walks.fromPod('pod2', { from: '10.1.2.10:8080', to: '1.2.3.4:1002', flags: 0x12 }),
      `
    node2/lxc2 cil_from_container: ok
    route node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 62
  `,
    ],
  ],
);

checkWalks('DSR by IPv6 extension header', twoNodes(`${NATIVE}, bpf-lb-mode: dsr`), [
  [
    'client',
    (walks) => walks.fromOutside('node1/eth0', { from: '[2001:db8::4]:1002', to: '[fd00::1]:30080' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 [2001:db8::4]:1002 > [fd01:2::10]:8080 tcp ttl 64 options 06021b14fd00000000000000000000000000000175800000
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [2001:db8::4]:1002 > [fd01:2::10]:8080 tcp ttl 63 options 06021b14fd00000000000000000000000000000175800000
  `,
  ],
  [
    'its answer',
    (walks) => walks.fromPod('pod2', { from: '[fd01:2::10]:8080', to: '[2001:db8::4]:1002', flags: 0x12 }),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe [fd00::1]:30080 > [2001:db8::4]:1002 tcp ttl 63
  `,
  ],
]);

checkWalks(
  'DSR by Geneve',
  twoNodes(`${NATIVE}, bpf-lb-mode: dsr, bpf-lb-dsr-dispatch: geneve, tunnel-protocol: geneve`),
  [
    [
      'client',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 2 014b8102c0a8000175800000 | 00:fe > 01:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63
  `,
    ],
    [
      'its answer',
      (walks) => walks.fromPod('pod2', { from: '10.1.2.10:8080', to: '1.2.3.4:1002', flags: 0x12 }),
      `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 63
  `,
    ],
    [
      'goes on',
      (walks) =>
        walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080', flags: 0x10 }),
      `
    node1/eth0 cil_from_netdev: redirect
    redirect node1/cilium_geneve
    node1/cilium_geneve cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:6081 udp ttl 64 vni 2 | 00:fe > 01:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 64
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_geneve
    node2/cilium_geneve cil_from_overlay: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63
  `,
    ],
  ],
);

checkWalks('DSR by IP option and XDP', twoNodes(`${NATIVE}, bpf-lb-mode: dsr, bpf-lb-acceleration: native`), [
  [
    'client',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
    `
    node1/eth0 cil_xdp_entry: tx
    xdp node1/eth0
    link node2/eth0: 01:00 > 02:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63 options 9a0880750100a8c0
    node2/eth0 cil_xdp_entry: pass
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 62 options 9a0880750100a8c0
  `,
  ],
  [
    'its answer',
    (walks) => walks.fromPod('pod2', { from: '10.1.2.10:8080', to: '1.2.3.4:1002', flags: 0x12 }),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 63
  `,
  ],
]);

checkWalks('SNAT and XDP', twoNodes(`${NATIVE}, bpf-lb-acceleration: native`), [
  [
    'client',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
    `
    node1/eth0 cil_xdp_entry: tx
    xdp node1/eth0
    link node2/eth0: 01:00 > 02:00 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 63
    node2/eth0 cil_xdp_entry: pass
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:52344 > 10.1.2.10:8080 tcp ttl 62
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.podAnswers('pod2', last),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:8080 > 192.168.0.1:52344 tcp ttl 63
    node1/eth0 cil_xdp_entry: tx
    xdp node1/eth0
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30080 > 1.2.3.4:1002 tcp ttl 62
  `,
  ],
  [
    'backend here',
    (walks) => walks.fromOutside('node2/eth0', { from: '1.2.3.4:1003', to: '192.168.0.2:30080' }),
    `
    node2/eth0 cil_xdp_entry: pass
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1003 > 10.1.2.10:8080 tcp ttl 63
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.podAnswers('pod2', last),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe 192.168.0.2:30080 > 1.2.3.4:1003 tcp ttl 63
  `,
  ],
]);

checkWalks(
  'DSR by IPIP and XDP: a backend outside the cluster',
  twoNodes(
    `${NATIVE}, bpf-lb-mode: dsr, bpf-lb-dsr-dispatch: ipip, bpf-lb-acceleration: native`,
    OUTSIDE,
    NEIGHBOUR,
  ),
  [
    [
      'client',
      (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '10.9.9.9:443' }),
      `
    node1/eth0 cil_xdp_entry: tx
    xdp node1/eth0
    transmitted node1/eth0
    01:00 > 00:50 192.168.0.1 > 192.168.0.50 protocol 4 ttl 63
  `,
    ],
  ],
);

checkWalks('hybrid: DSR for TCP, SNAT for UDP', twoNodes(`${NATIVE}, bpf-lb-mode: hybrid`, DNS), [
  [
    'client',
    (walks) => walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 63 options 9a0880750100a8c0
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 1.2.3.4:1002 > 10.1.2.10:8080 tcp ttl 62 options 9a0880750100a8c0
  `,
  ],
  [
    'UDP',
    (walks) =>
      walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30053', protocol: 'udp' }),
    `
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1:53502 > 10.1.2.10:53 udp ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 192.168.0.1:53502 > 10.1.2.10:53 udp ttl 62
  `,
  ],
  [
    'its answer',
    (walks, last) => walks.podAnswers('pod2', last),
    `
    node2/lxc2 cil_from_container: redirect
    redirect_neigh node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 10.1.2.10:53 > 192.168.0.1:53502 udp ttl 63
    node1/eth0 cil_from_netdev: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:30053 > 1.2.3.4:1002 udp ttl 62
  `,
  ],
]);
