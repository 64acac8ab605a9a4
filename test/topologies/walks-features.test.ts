/** Features that the agent's state brings to life: what a packet meets because of them, and what answers it. */
import { NATIVE, twoNodes } from './clusters.js';
import { checkWalks } from './walk-support.js';

checkWalks(
  'VTEP: a network behind an external VXLAN endpoint',
  twoNodes(
    'routing-mode: tunnel, enable-bpf-masquerade: true, enable-vtep: true, vtep-endpoint: 192.168.0.77, vtep-cidr: 10.77.0.0/24, vtep-mask: 255.255.255.0, vtep-mac: "02:00:00:00:77:77"',
    '',
    '\n      - { address: 192.168.0.77, mac: "02:00:00:00:00:77", dev: eth0 }',
  ),
  [
    [
      'a pod to a machine there',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.77.0.5:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:77 192.168.0.1 > 192.168.0.77:8472 udp ttl 64 vni 2 | 01:10 > 77:77 10.1.1.10:1000 > 10.77.0.5:80 tcp ttl 64
  `,
    ],
  ],
);

checkWalks(
  'local redirect: on the node that has the backend, the service is this one',
  twoNodes(
    `${NATIVE}, enable-local-redirect-policy: true, bpf-lb-sock: false`,
    `localRedirectPolicies:
  - name: cache
    redirectFrontend: { serviceMatcher: { serviceName: web } }
    redirectBackend:
      localEndpointSelector: { app: pod1 }
      toPorts: [{ port: 9090, protocol: TCP }]
    skipRedirectFromBackend: true
  - name: metadata
    redirectFrontend: { addressMatcher: { ip: 169.254.169.254, toPorts: [{ port: 80 }] } }
    redirectBackend: { localEndpointSelector: { app: pod2 }, toPorts: [{ port: 8181 }] }
`,
  ).replace(
    '        identity: 1001\n',
    '        identity: 1001\n      - { name: client, ip: 10.1.1.11, mac: "02:00:00:00:01:12", device: { name: lxc3, mac: "02:00:00:00:01:13" } }\n',
  ),
  [
    [
      'a client next to the backend gets it',
      (walks) => walks.fromPod('client', { from: '10.1.1.11:1000', to: '10.96.0.1:80' }),
      `
    node1/lxc3 cil_from_container: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 10.1.1.11:1000 > 10.1.1.10:9090 tcp ttl 63
  `,
    ],
    [
      'which answers as the service',
      (walks, last) => walks.podAnswers('pod1', last),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_peer client/eth0
    delivered client/eth0
    01:13 > 01:12 10.96.0.1:80 > 10.1.1.11:1000 tcp ttl 63
  `,
    ],
    [
      'what the backend sends is not redirected, nor translated at all',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.96.0.1:80' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe 192.168.0.1:53502 > 10.96.0.1:80 tcp ttl 63
  `,
    ],
    [
      'on a node without backends the service is as it was',
      (walks) => walks.fromPod('pod2', { from: '10.1.2.10:1000', to: '10.96.0.1:80' }),
      `
    node2/lxc2 cil_from_container: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 169.254.42.1:1000 > 10.1.2.10:8080 tcp ttl 63
  `,
    ],
    [
      'an address outside that a pod of the node answers for',
      (walks) => walks.fromPod('pod2', { from: '10.1.2.10:1001', to: '169.254.169.254:80' }),
      `
    node2/lxc2 cil_from_container: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 169.254.42.1:1001 > 10.1.2.10:8181 tcp ttl 63
  `,
    ],
  ],
);

checkWalks(
  'SRv6: from a pod to a VPN whose segment the other node ends',
  twoNodes(
    `${NATIVE}, enable-srv6: true, enable-policy: never`,
    `srv6:
  vrfs:
    - id: 7
      rules: [{ podSelector: { app: pod1 }, destinationCIDRs: [10.1.2.0/24, "fd01:2::/64"] }]
      segments: [{ node: node2, sid: "fd05::2" }]
  egressPolicies:
    - { vrf: 7, destinationCIDRs: [10.1.2.0/24, "fd01:2::/64"], destinationSID: "fd05::2" }
`,
    '',
    '',
  ).replace(
    '- { to: default6, via: "fd00::fe", dev: eth0 }',
    '- { to: default6, via: "fd00::fe", dev: eth0 }\n      - { to: "fd05::/64", via: "fd00::2", dev: eth0 }',
  ),
  [
    [
      'IPv4',
      (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.1.2.10:80' }),
      `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 fd01:1::1 > fd05::2 protocol 4 ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 10.1.1.10:1000 > 10.1.2.10:80 tcp ttl 63
  `,
    ],
    [
      'IPv6',
      (walks) => walks.fromPod('pod1', { from: '[fd01:1::10]:1000', to: '[fd01:2::10]:80' }),
      `
    node1/lxc1 cil_from_container: ok
    route node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 fd01:1::1 > fd05::2 protocol 41 ttl 63
    node2/eth0 cil_from_netdev: redirect
    redirect_peer pod2/eth0
    delivered pod2/eth0
    02:11 > 02:10 [fd01:1::10]:1000 > [fd01:2::10]:80 tcp ttl 63
  `,
    ],
    [
      'to elsewhere',
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

checkWalks(
  'egress gateway for IPv6',
  twoNodes(
    `${NATIVE}, enable-egress-gateway: true`,
    `egressGateways:
  - podSelector: { app: pod1 }
    destinationCIDRs: ["2001:db8::/32", 8.0.0.0/8]
    excludedCIDRs: ["2001:db8:9::/48"]
    gateway: node2
`,
  ),
  [
    [
      'the pod, to a destination of the policy',
      (walks) =>
        walks.fromPod('pod1', { from: '[fd01:1::10]:1000', to: '[2001:db8::8]:53', protocol: 'udp' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: redirect
    redirect node1/cilium_vxlan
    node1/cilium_vxlan cil_to_overlay: ok
    encapsulate node1/eth0
    node1/eth0 cil_to_netdev: ok
    link node2/eth0: 01:00 > 02:00 192.168.0.1 > 192.168.0.2:8472 udp ttl 64 vni 1001 | 01:00 > 00:fe [fd01:1::10]:1000 > [2001:db8::8]:53 udp ttl 63
    node2/eth0 cil_from_netdev: ok
    decapsulate node2/cilium_vxlan
    node2/cilium_vxlan cil_from_overlay: redirect
    redirect node2/eth0
    node2/eth0 cil_to_netdev: ok
    transmitted node2/eth0
    02:00 > 00:fe [fd00::2]:35769 > [2001:db8::8]:53 udp ttl 62
  `,
    ],
    [
      'the answer to the gateway',
      (walks, last) => walks.answer('node2/eth0', last),
      `
    node2/eth0 cil_from_netdev: redirect
    redirect node2/cilium_vxlan
    node2/cilium_vxlan cil_to_overlay: ok
    encapsulate node2/eth0
    node2/eth0 cil_to_netdev: ok
    link node1/eth0: 02:00 > 01:00 192.168.0.2 > 192.168.0.1:8472 udp ttl 64 vni 2 | 00:fe > 02:00 [2001:db8::8]:53 > [fd01:1::10]:1000 udp ttl 64
    node1/eth0 cil_from_netdev: ok
    decapsulate node1/cilium_vxlan
    node1/cilium_vxlan cil_from_overlay: redirect
    redirect_peer pod1/eth0
    delivered pod1/eth0
    01:11 > 01:10 [2001:db8::8]:53 > [fd01:1::10]:1000 udp ttl 63
  `,
    ],
    [
      'to an excluded one',
      (walks) =>
        walks.fromPod('pod1', { from: '[fd01:1::10]:1001', to: '[2001:db8:9::8]:53', protocol: 'udp' }),
      `
    node1/lxc1 cil_from_container: redirect
    redirect_neigh node1/eth0
    node1/eth0 cil_to_netdev: ok
    transmitted node1/eth0
    01:00 > 00:fe [fd00::1]:52344 > [2001:db8:9::8]:53 udp ttl 63
  `,
    ],
  ],
);
