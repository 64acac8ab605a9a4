/** Features that take more than one packet to see: announcements, bandwidth limits, authentication, garbage. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../src/engine/clock.js';
import { FATE_NAMES } from '../../src/engine/fate.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { type Fault, faultText, type TopologyError } from '../../src/topologies/faults.js';
import { readTopology } from '../../src/topologies/load.js';
import { fromHex, toHex } from '../support/hex.js';
import { NATIVE, twoNodes } from './clusters.js';
import { build } from './support.js';
import { makeFrame, type Segment } from './walk-support.js';

function built(topology: string): BuiltTopology {
  return build(readTopology(topology, 'features').spec);
}

/** Without the lines. */
function faults(topology: string): string[] {
  const text = (fault: Fault): string => faultText({ ...fault, line: 0 });
  try {
    return readTopology(topology, 'features').warnings.map(text);
  } catch (error) {
    return (error as TopologyError).faults.map(text);
  }
}

function send(topology: BuiltTopology, podName: string, segment: Segment): string {
  const { device, planned } = topology.pods.find((pod) => pod.planned.name === podName)!;
  const { fate, reason } = topology.walk(device, makeFrame(segment, planned.mac, device.mac));
  return fate === 3 ? topology.dropReasonName(reason) : FATE_NAMES[fate];
}

describe('L2 announcements', () => {
  const topology = (own: string): string =>
    twoNodes(`${NATIVE}, enable-l2-announcements: true`, own).replace(
      'clusterIPs: [',
      'loadBalancerIPs: [203.0.113.7]\n    clusterIPs: [',
    );
  const REQUEST =
    'ffffffffffff 0200000000fe 0806 0001080006040001 0200000000fe c0a800fe 000000000000 cb007107';
  const REPLY = '0200000000fe 020000000100 0806 0001080006040002 020000000100 cb007107 0200000000fe c0a800fe';
  const ask = (made: BuiltTopology, device: string): string[] => {
    const { fate, frame } = made.walk(made.device(device)!, fromHex(REQUEST));
    return [FATE_NAMES[fate], toHex(frame)];
  };

  test('the node with the lease answers for the address', () => {
    const made = built(topology('l2Announcements: [{ service: web, node: node1 }]'));
    assert.deepEqual(ask(made, 'node1/eth0'), ['transmitted', REPLY.replaceAll(' ', '')]);
    assert.deepEqual(ask(made, 'node2/eth0'), ['consumed', REQUEST.replaceAll(' ', '')]);
  });

  test('not longer than its agent lives', () => {
    const made = built(topology('l2Announcements: [{ service: web, node: node1, interfaces: [eth0] }]'));
    made.agent.poll = () => {};
    const clock = made.clock as Clock;
    clock.set(1003e9);
    assert.equal(ask(made, 'node1/eth0')[0], 'transmitted');
    clock.set(1003e9 + 1);
    assert.equal(ask(made, 'node1/eth0')[0], 'consumed');
  });

  test('faults', () => {
    const own = `l2Announcements:
  - { service: wbe, node: node1 }
  - { service: web, node: node3, interfaces: [eth0] }
  - { service: web, node: node1, interfaces: [eth1] }
  - { service: web, node: node2 }
`;
    assert.deepEqual(faults(topology(own)), [
      'l2Announcements[0].service: there is no service wbe; did you mean "web"?',
      'l2Announcements[1].node: there is no node node3; did you mean "node1"?',
      'l2Announcements[2].interfaces[0]: node1 has no native device eth1; did you mean "eth0"?',
      'l2Announcements[3].node: node1 announces web already: one node has the lease',
    ]);
    assert.deepEqual(faults(twoNodes(NATIVE, 'l2Announcements: [{ service: web, node: node1 }]')), [
      'l2Announcements[0].node: enable-l2-announcements is off on node1',
      'warning: l2Announcements[0].service: web has no IPv4 address in loadBalancerIPs or externalIPs',
    ]);
  });
});

describe('bandwidth', () => {
  const topology = (annotations: string): string =>
    twoNodes(`${NATIVE}, enable-bandwidth-manager: true`).replace(
      'labels: { app: pod1 }',
      `labels: { app: pod1 }\n        annotations: { ${annotations} }`,
    );
  /** 62 bytes on the wire. */
  const OUT: Segment = { from: '10.1.1.10:1000', to: '9.9.9.9:53', protocol: 'tcp' };

  test('what a pod sends gets departure times', () => {
    const made = built(topology('kubernetes.io/egress-bandwidth: 10M'));
    const departures = [1, 2, 3].map(() => {
      assert.equal(send(made, 'pod1', OUT), 'transmitted');
      return made.walker.packet.departureNs;
    });
    // 62 bytes at 1,250,000 bytes/s take 49,600 ns.
    assert.deepEqual(departures, [0, 1000e9 + 49600, 1000e9 + 99200]);
  });

  test('what would have to wait for 2 s is dropped', () => {
    const made = built(topology('kubernetes.io/egress-bandwidth: 1k'));
    const fates = Array.from({ length: 7 }, () => send(made, 'pod1', OUT));
    // 62 bytes at 125 bytes/s take 0.496 s.
    assert.deepEqual(fates, [
      ...Array(5).fill('transmitted'),
      ...Array(2).fill('dropped by a program without a reason'),
    ]);
  });

  test('what a pod receives is policed', () => {
    const made = built(topology('kubernetes.io/ingress-bandwidth: 1k'));
    const eth0 = made.device('node1/eth0')!;
    const frame = makeFrame(
      { from: '10.1.2.10:1000', to: '10.1.1.10:80' },
      fromHex('0200000000fe'),
      eth0.mac,
    );
    const fates = [1, 2, 3].map(() => FATE_NAMES[made.walk(eth0, frame).fate]);
    // A second's worth is 125 bytes: two frames of 62.
    assert.deepEqual(fates, ['delivered', 'delivered', 'dropped']);
  });

  test('faults', () => {
    const annotations =
      'kubernetes.io/egress-bandwidth: fast, kubernetes.io/ingress-bandwidth: 2X, bandwidth.cilium.io/priority: -1';
    assert.deepEqual(faults(topology(annotations)), [
      'nodes[0].pods[0].annotations["bandwidth.cilium.io/priority"]: is not a priority from 0 to 10000',
      'nodes[0].pods[0].annotations["kubernetes.io/egress-bandwidth"]: "fast" is not bits per second such as 10M',
      'nodes[0].pods[0].annotations["kubernetes.io/ingress-bandwidth"]: "2X" is not bits per second such as 10M',
    ]);
    const off = topology('kubernetes.io/egress-bandwidth: 10M').replace(
      'enable-bandwidth-manager: true',
      'enable-bandwidth-manager: false',
    );
    assert.deepEqual(faults(off), [
      'warning: nodes[0].pods[0].annotations["kubernetes.io/egress-bandwidth"]: has no effect on node1: enable-bandwidth-manager is off',
    ]);
  });
});

describe('mutual authentication', () => {
  const topology = (config: string): string =>
    twoNodes(
      `${NATIVE}, ${config}`,
      `policies:
  - endpointSelector: { app: pod2 }
    ingress:
      - fromEndpoints: [{ app: pod1 }]
        authentication: { mode: required }
`,
    );
  const SEGMENT: Segment = { from: '10.1.1.10:1000', to: '10.1.2.10:80' };

  test('the first packet asks for the handshake, and those a second later pass', () => {
    const made = built(topology('mesh-auth-mutual-enabled: true'));
    const clock = made.clock as Clock;
    assert.equal(send(made, 'pod1', SEGMENT), 'Authentication required');
    clock.set(1001e9);
    assert.equal(send(made, 'pod1', SEGMENT), 'delivered');
    // For an hour, on the node of the pod that wants it: local and remote identity, the remote's node, SPIRE.
    clock.set(4600e9);
    assert.equal(send(made, 'pod1', SEGMENT), 'delivered');
    clock.set(4602e9);
    assert.equal(send(made, 'pod1', SEGMENT), 'Authentication required');
    const [node1, node2] = made.nodes.map(({ datapath }) => datapath.authentication);
    assert.equal(node1.size, 0);
    assert.equal(toHex(node2.bytes, node2.keyAt(node2.next(-1)), 12), 'ea030000e903000001000100');
  });

  test('without it nobody passes, which is said', () => {
    const made = built(topology('mesh-auth-mutual-enabled: false'));
    assert.equal(send(made, 'pod1', SEGMENT), 'Authentication required');
    (made.clock as Clock).set(1001e9);
    assert.equal(send(made, 'pod1', SEGMENT), 'Authentication required');
    assert.deepEqual(faults(topology('mesh-auth-mutual-enabled: false')), [
      'warning: policies[0].ingress[0].authentication: nobody authenticates: mesh-auth-mutual-enabled is off, and what the rule allows is dropped',
    ]);
  });
});

describe('the agent', () => {
  test('conntrack-gc-interval: connections go at fixed times', () => {
    const made = built(twoNodes(`${NATIVE}, conntrack-gc-interval: 30s`));
    const clock = made.clock as Clock;
    assert.equal(
      send(made, 'pod1', { from: '10.1.1.10:1000', to: '9.9.9.9:53', protocol: 'udp' }),
      'transmitted',
    );
    const runs: number[] = [];
    for (let second = 1; second <= 91; second++) {
      clock.set((1000 + second) * 1e9);
      made.agent.poll();
      runs.push(made.agent.collected[0].runs);
    }
    assert.deepEqual([runs[28], runs[29], runs[58], runs[59], runs[88], runs[89]], [0, 1, 1, 2, 2, 3]);
  });

  test('ids of nodes: 0 for its own', () => {
    const made = built(twoNodes(NATIVE));
    const listed = made.nodes.map(({ datapath: { nodes } }) => {
      const found: string[] = [];
      for (let at = nodes.next(-1); at >= 0; at = nodes.next(at)) {
        found.push(`${toHex(nodes.bytes, nodes.keyAt(at) + 3, 5)} ${nodes.words[nodes.valueAt(at) >> 2]}`);
      }
      return found.filter((text) => text.startsWith('01c0')).sort();
    });
    assert.deepEqual(listed, [
      ['01c0a80001 0', '01c0a80002 1'],
      ['01c0a80001 1', '01c0a80002 0'],
    ]);
  });
});

describe('faults of VTEP, local redirects and SRv6', () => {
  test('VTEP', () => {
    const of = (config: string): string[] => faults(twoNodes(config));
    const lists = 'vtep-endpoint: "192.168.0.7 192.168.0.8", vtep-mac: "02:00:00:00:00:07"';
    assert.deepEqual(of(`routing-mode: tunnel, enable-vtep: true, vtep-cidr: 10.7.0.0/24, ${lists}`), [
      'cilium.vtep-mac: VTEP needs vtep-endpoint, vtep-cidr and vtep-mac, and as many of each',
    ]);
    assert.deepEqual(
      of(
        'enable-vtep: true, vtep-endpoint: 192.168.0.7, vtep-cidr: 10.7.0.0/24, vtep-mac: "02:00:00:00:00:07"',
      ),
      ['cilium.enable-vtep: VTEP requires routing-mode: tunnel with tunnel-protocol: vxlan'],
    );
    assert.deepEqual(of('vtep-endpoint: here, vtep-mask: 24, vtep-cidr: 10.7.0.0, vtep-mac: 7'), [
      'cilium.vtep-endpoint: "here" is not up to 8 IPv4 addresses',
      'cilium.vtep-mask: 24 is not a mask such as 255.255.255.0',
      'cilium.vtep-mac: 7 is not up to 8 MAC addresses',
    ]);
  });

  test('local redirects', () => {
    const of = (policies: string, on = 'true'): string[] =>
      faults(twoNodes(`${NATIVE}, enable-local-redirect-policy: ${on}`, `localRedirectPolicies:${policies}`));
    const backend = 'redirectBackend: { localEndpointSelector: { app: pod1 }, toPorts: [{ port: 80 }] }';
    const web = 'redirectFrontend: { serviceMatcher: { serviceName: web } }';
    assert.deepEqual(of(`\n  - { ${web}, ${backend} }`, 'false'), [
      'localRedirectPolicies[0]: enable-local-redirect-policy is off on node1',
    ]);
    assert.deepEqual(
      of(`
  - { redirectFrontend: {}, ${backend} }
  - { redirectFrontend: { serviceMatcher: { serviceName: wbe } }, ${backend} }
  - { redirectFrontend: { addressMatcher: { ip: 10.96.0.1, toPorts: [{ port: 80 }] } }, ${backend} }
  - { ${web}, redirectBackend: { localEndpointSelector: { app: none }, toPorts: [{ port: http }] } }
`),
      [
        'localRedirectPolicies[0].redirectFrontend: needs either addressMatcher or serviceMatcher: what is redirected',
        'localRedirectPolicies[1].redirectFrontend.serviceMatcher.serviceName: there is no service wbe; did you mean "web"?',
        'localRedirectPolicies[2].redirectFrontend.addressMatcher.ip: 10.96.0.1 is an address of service web; use serviceMatcher',
        'warning: localRedirectPolicies[3].redirectBackend.localEndpointSelector: selects no pod: nothing is redirected',
        'localRedirectPolicies[3].redirectBackend.toPorts[0].port: "http" is not a port from 1 to 65535',
        "localRedirectPolicies[3].redirectBackend.toPorts: has no port named (none) as the frontend's",
        "localRedirectPolicies[3].redirectBackend.toPorts: has no port named (none) as the frontend's",
      ].filter((text, i, all) => all.indexOf(text) === i),
    );
  });

  test('SRv6', () => {
    const srv6 = `srv6:
  vrfs:
    - { id: 1, rules: [{ destinationCIDRs: [10.0.0.0/8] }], segments: [{ node: node9, sid: 10.0.0.1 }] }
    - { id: 1 }
  egressPolicies: [{ vrf: 2, destinationCIDRs: [10.0.0.0/8], destinationSID: "fd00::9" }]
`;
    assert.deepEqual(faults(twoNodes(`${NATIVE}, enable-srv6: true`, srv6)), [
      'srv6.vrfs[0].rules[0]: needs either podSelector or pods: whose packets belong to the VRF',
      'srv6.vrfs[0].segments[0].sid: 10.0.0.1 is no IPv6 address: segments are',
      'srv6.vrfs[0].segments[0].node: there is no node node9; did you mean "node1"?',
      'srv6.vrfs[1].id: 1 is also the id of another VRF (srv6.vrfs[0].id)',
      'srv6.egressPolicies[0].vrf: there is no VRF 2',
    ]);
    assert.deepEqual(faults(twoNodes(NATIVE, 'srv6: { vrfs: [] }')), [
      'srv6: enable-srv6 is off on node1',
      'srv6: enable-srv6 is off on node2',
    ]);
  });
});
