/** Combinations of features that the Cilium agent refuses are refused with its reason, where they are written. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkTopology } from '../../src/topologies/check.js';
import { faultText } from '../../src/topologies/faults.js';
import type { CiliumConfigSpec } from '../../src/topologies/spec.js';
import { build } from './support.js';

const faults = (cilium: CiliumConfigSpec): string[] =>
  checkTopology({
    cilium,
    nodes: [
      { name: 'n', podCIDR: '10.0.0.0/24', devices: [{ name: 'eth0', addresses: ['192.168.0.1/24'] }] },
    ],
  }).faults.faults.map(faultText);

const KPR = { 'kube-proxy-replacement': true };
const MASQUERADE = { ...KPR, 'enable-bpf-masquerade': true, 'ipv4-native-routing-cidr': '10.0.0.0/8' };

describe('refused', () => {
  const cases: [CiliumConfigSpec, string[]][] = [
    [{ 'enable-ipv4': false }, ['cilium.enable-ipv4: either IPv4 or IPv6 must be enabled']],
    [
      { ...KPR, 'routing-mode': 'tunnel', 'bpf-lb-mode': 'dsr' },
      ['cilium.bpf-lb-mode: DSR cannot be used with VXLAN tunneling'],
    ],
    [
      {
        ...KPR,
        'routing-mode': 'tunnel',
        'tunnel-protocol': 'geneve',
        'bpf-lb-mode': 'hybrid',
        'bpf-lb-dsr-dispatch': 'opt',
      },
      ['cilium.bpf-lb-dsr-dispatch: DSR with tunnel routing requires bpf-lb-dsr-dispatch: geneve'],
    ],
    [
      { ...KPR, 'bpf-lb-mode': 'dsr', 'bpf-lb-dsr-dispatch': 'geneve' },
      ['cilium.bpf-lb-dsr-dispatch: DSR by Geneve requires tunnel-protocol: geneve'],
    ],
    [
      { ...KPR, 'bpf-lb-mode': 'dsr', 'bpf-lb-dsr-dispatch': 'ipip' },
      [
        'cilium.bpf-lb-dsr-dispatch: DSR by IPIP is only available under XDP acceleration (bpf-lb-acceleration: native)',
      ],
    ],
    [
      { ...KPR, 'bpf-lb-rss-ipv4-src-cidr': '10.0.0.0/8' },
      ['cilium.bpf-lb-rss-ipv4-src-cidr: is only supported with bpf-lb-dsr-dispatch: ipip'],
    ],
    [
      { ...KPR, 'routing-mode': 'tunnel', 'underlay-protocol': 'ipv6', 'bpf-lb-acceleration': 'native' },
      ['cilium.bpf-lb-acceleration: XDP acceleration cannot be used with an IPv6 underlay'],
    ],
    [
      { 'enable-bpf-masquerade': true, 'ipv4-native-routing-cidr': '10.0.0.0/8' },
      [
        'cilium.enable-bpf-masquerade: BPF masquerade requires kube-proxy-replacement: true (or enable-node-port)',
      ],
    ],
    [
      { ...KPR, 'enable-bpf-masquerade': true, 'enable-ipv4-masquerade': false },
      [
        'cilium.enable-ipv4-masquerade: BPF masquerade requires enable-ipv4-masquerade or enable-ipv6-masquerade',
      ],
    ],
    [
      { ...KPR, 'enable-bpf-masquerade': true },
      [
        'cilium.enable-bpf-masquerade: masquerading with native routing requires ipv4-native-routing-cidr (or enable-ip-masq-agent)',
      ],
    ],
    [
      { ...KPR, 'enable-ip-masq-agent': true },
      ['cilium.enable-ip-masq-agent: requires enable-bpf-masquerade: true and masquerading of IPv4 or IPv6'],
    ],
    [
      { ...KPR, 'enable-egress-gateway': true },
      ['cilium.enable-egress-gateway: requires enable-ipv4-masquerade: true and enable-bpf-masquerade: true'],
    ],
    [
      { 'routing-mode': 'tunnel', 'auto-direct-node-routes': true },
      ['cilium.auto-direct-node-routes: cannot be used with tunneling: packets go through the tunnel device'],
    ],
    [
      { 'enable-host-firewall': true, 'enable-ipsec': true },
      ['cilium.enable-host-firewall: the host firewall cannot be used with IPsec'],
    ],
    [
      { 'enable-wireguard': true, 'enable-ipsec': true },
      ['cilium.enable-ipsec: WireGuard and IPsec cannot be enabled both'],
    ],
    [
      { 'enable-l2-announcements': true },
      ['cilium.enable-l2-announcements: L2 announcements require kube-proxy-replacement: true'],
    ],
    [{ 'enable-srv6': true }, ['cilium.enable-srv6: SRv6 requires enable-ipv6: true']],
    [
      { ...KPR, 'bpf-lb-maglev-table-size': 1000 },
      [
        'cilium.bpf-lb-maglev-table-size: 1000 is not one of 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071',
      ],
    ],
    [{ devices: 'ens3' }, ['nodes[0].cilium.devices: n has no physical device ens3']],
  ];
  for (const [cilium, expected] of cases) {
    test(expected[0], () => {
      const errors = faults(cilium).filter((fault) => !fault.startsWith('warning'));
      assert.deepEqual(errors, expected);
    });
  }
});

test('what the agent only warns of', () => {
  assert.deepEqual(faults({ ...KPR, 'enable-host-legacy-routing': false }), [
    'warning: cilium.enable-host-legacy-routing: BPF host routing requires enable-bpf-masquerade; falls back to legacy host routing',
  ]);
  assert.deepEqual(faults({ 'enable-ipv4-masquerade': true }), []);
});

test('host routing is BPF where nothing needs the stack', () => {
  const hostRouting = (cilium: CiliumConfigSpec): boolean =>
    build({ cilium, nodes: [{ name: 'n' }] }).nodes[0].datapath.features.hostRouting;
  assert.equal(hostRouting(MASQUERADE), true);
  assert.equal(hostRouting({ ...MASQUERADE, 'enable-host-legacy-routing': true }), false);
  assert.equal(hostRouting(KPR), false);
  assert.equal(hostRouting({ ...KPR, 'enable-ipv4-masquerade': false }), true);
  assert.equal(hostRouting({ 'enable-ipv4-masquerade': false }), false);
});
