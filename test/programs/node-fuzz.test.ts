/** Whatever arrives at the node's programs: one verdict, no exception, nothing read that is not of the frame. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT } from '../../src/engine/hooks/verdict.js';
import type { Features } from '../../src/programs/features.js';
import { hostPrograms } from '../../src/programs/host.js';
import { networkPrograms } from '../../src/programs/network.js';
import { overlayPrograms } from '../../src/programs/overlay.js';
import { writeBackend } from '../../src/programs/tables/backends.js';
import { writeEndpoint } from '../../src/programs/tables/endpoints.js';
import { Struct, writeEntry } from '../../src/programs/tables/entry.js';
import { writeIdentity } from '../../src/programs/tables/ipcache.js';
import { ROUTABLE, writeService, writeServiceBackend } from '../../src/programs/tables/services.js';
import { wireguardPrograms } from '../../src/programs/wireguard.js';
import { fromHex } from '../support/hex.js';
import { address, SmallNode } from './small-node.js';

const NATIVE = 10;
const RUNS = 400;
const MACS = '020000000001 020000000002';

/** Frames to start from: TCP, UDP, ICMP errors, fragments, ARP, IPv6 with extensions, neighbour discovery, SRv6. */
const FRAMES = [
  `${MACS} 0800 45000028 00010000 40060000 ac100505 c0a8000b 03e80050 00000001 00000000 50020000 00000000`,
  `${MACS} 0800 45000020 00010000 40110000 ac100505 0a000101 03e807d0 000c0000 64617461`,
  `${MACS} 0800 45000020 00012000 40110000 ac100505 c0a8000b 03e80050 000c0000 64617461`,
  `${MACS} 0800 45000038 00010000 40010000 c0a80001 c0a8000b 03010000 00000000
    4500001c 00010000 40110000 c0a8000b ac100505 80500050 00080000`,
  `${MACS} 0800 45000028 00010000 40320000 c0a8000c c0a8000b 00000001 00000001 ${'00'.repeat(12)}`,
  'ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 c0a80001 000000000000 0a000101',
  `${MACS} 86dd 60000000 0014 06 40 fd000000000000000000000000000001 fd000000000000000000000000000011
    03e80050 00000001 00000000 50020000 00000000`,
  `${MACS} 86dd 60000000 0018 3c 40 fd000000000000000000000000000001 fd000000000000000000000000000011
    1104 00000000 0000 03e80050 00100000 6461746164617461`,
  `${MACS} 86dd 60000000 0018 3a ff fd000000000000000000000000000001 fd000000000000000000000000000011
    87000000 00000000 fd000000000000000000000000000011`,
  `${MACS} 86dd 60000000 0028 29 40 fd000000000000000000000000000001 fd000000000000000000000000000077
    60000000 0000 3b 40 fd000000000000000000000000000001 fd000000000000000000000000000011`,
].map(fromHex);

/** Everything that may be on at once, and the same with other ways to deliver. */
const FEATURES: Record<string, Partial<Features>> = {
  'host routing, firewall, gateway, WireGuard': {
    hostRouting: true,
    routing: true,
    hostFirewall: true,
    egressGateway: true,
    wireguard: true,
    nodeEncryption: true,
    masqueradeIpv4: true,
    masqueradeIpv6: true,
    srv6: true,
    srv6RoutingHeader: true,
    l2Announcements: true,
    icmpRules: true,
  },
  'tunnel, IPsec, VTEP, clusters': {
    routing: true,
    tunnelMode: true,
    encapIfindex: 5,
    ipsec: true,
    vtep: true,
    clusterAwareAddressing: true,
    interClusterSnat: true,
    bandwidthManager: true,
    encryptionStrictMode: true,
    healthCheck: true,
  },
  'endpoint routes, DSR': {
    ingressPolicyAtDevice: true,
    hostFirewall: true,
    dsr: true,
    dsrHybrid: true,
    policyAuditMode: true,
    debug: true,
    monitorAggregation: 0,
  },
};

function fuzzedNode(features: Partial<Features>): SmallNode {
  const node = new SmallNode({
    ipv6: true,
    nodePort: true,
    sctp: true,
    sessionAffinity: true,
    noBackendResponse: true,
    ipv4Fragments: true,
    ipv6Fragments: true,
    policyVerdictEvents: true,
    ...features,
  });
  node.datapath.events.mode = 'discard';
  const ipcache = node.map('cilium_ipcache_v2');
  for (const [text, identity] of [
    ['192.168.0.11', 1],
    ['192.168.0.12', 6],
    ['10.0.1.1', 1001],
    ['fd00::11', 1],
  ] as const) {
    writeIdentity(ipcache, address(text), text.includes(':') ? 128 : 32, { identity });
  }
  const tunnelEndpoint = address('192.168.0.12');
  writeIdentity(ipcache, address('10.0.2.0'), 24, { identity: 2001, key: 255, tunnelEndpoint });
  writeEndpoint(node.map('cilium_lxc'), address('10.0.1.1'), {
    ifindex: 21,
    id: 7,
    identity: 1001,
    mac: Uint8Array.of(2, 0, 0, 0, 1, 1),
    nodeMac: Uint8Array.of(2, 0, 0, 0, 1, 2),
  });
  const frontend = { address: address('192.168.0.11'), port: 80, protocol: 0 };
  const services = node.map('cilium_lb4_services_v2');
  writeService(services, frontend, { backendCount: 2, reverseNatId: 1, flags: ROUTABLE });
  const backends = node.map('cilium_lb4_backends_v3');
  for (const [id, text] of [
    [1, '10.0.1.1'],
    [2, '10.0.2.1'],
  ] as const) {
    writeServiceBackend(services, frontend, id, id, 1);
    writeBackend(backends, id, { address: address(text), port: 8080, protocol: 0 });
  }
  writeEntry(
    node.map('cilium_node_map_v2'),
    new Struct(20).u8(3, 1).copy(4, tunnelEndpoint),
    new Struct(4).u32le(0, 3),
  );
  writeEntry(
    node.map('cilium_srv6_sid'),
    new Struct(16).copy(0, address('fd00::77')),
    new Struct(4).u32le(0, 1),
  );
  return node;
}

/** A frame with bytes changed and maybe cut, and what the packet brings along. */
const arrival = fc.record({
  template: fc.nat({ max: FRAMES.length - 1 }),
  changes: fc.array(fc.tuple(fc.nat({ max: 120 }), fc.nat({ max: 255 })), { maxLength: 4 }),
  length: fc.option(fc.nat({ max: 100 })),
  mark: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 15 }).map((magic) => magic << 8),
    fc.integer(),
  ),
  cb: fc.nat({ max: 1 }),
  tcIndex: fc.nat({ max: 31 }),
  entry: fc.nat({ max: 20 }),
  tunnelId: fc.option(fc.nat({ max: 0xffffff })),
});

type Arrival = typeof arrival extends fc.Arbitrary<infer T> ? T : never;

function frameOf({ template, changes, length }: Arrival): Uint8Array {
  const frame = FRAMES[template].slice(0, length ?? undefined);
  for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
  return frame;
}

class Fuzzed {
  readonly node: SmallNode;
  readonly #entries;

  constructor(
    features: Partial<Features>,
    readonly poison: number,
  ) {
    const node = fuzzedNode(features);
    this.node = node;
    const config = { interfaceIfindex: NATIVE, secctxFromIpcache: true, securityLabel: 1 };
    this.#entries = [
      ...Object.values(hostPrograms(node.instance('host', config))),
      ...Object.values(overlayPrograms(node.instance('overlay', config))),
      ...Object.values(networkPrograms(node.instance('network', config))),
      ...Object.values(wireguardPrograms(node.instance('wireguard', { ...config, ethernetHeaderLength: 0 }))),
    ];
  }

  /** Verdict and frame of one arrival; `null` as frame when it was dropped. */
  run(what: Arrival): string {
    const program = this.#entries[what.entry % this.#entries.length];
    const isLayer3 = program.name.endsWith('wireguard');
    const frame = frameOf(what);
    const packet = this.node.lay(isLayer3 ? frame.slice(14) : frame, NATIVE, this.poison);
    if (isLayer3) {
      packet.layer3Device = 1;
      packet.protocol = frame.length < 14 ? 0 : (frame[12] << 8) | frame[13];
    }
    packet.mark = what.mark;
    packet.cb3 = what.cb;
    packet.tcIndex = what.tcIndex;
    if (what.tunnelId !== null) {
      packet.receivedKeyResult = 0;
      new DataView(packet.receivedKey.buffer).setUint32(0, what.tunnelId, true);
    }
    const verdict = program.run(packet);
    assert.ok([TC_ACT_OK, TC_ACT_SHOT, TC_ACT_REDIRECT].includes(verdict), `${program.name}: ${verdict}`);
    assert.ok(
      packet.start >= packet.headLimit && packet.end <= packet.tailLimit && packet.start <= packet.end,
    );
    const words = [verdict, packet.mark, packet.tcIndex, packet.redirectIfindex, packet.dropReason];
    return `${program.name} ${words.join(' ')} ${this.node.frame()}`;
  }
}

describe('random and mutated frames', () => {
  for (const [name, features] of Object.entries(FEATURES)) {
    test(name, () => {
      const one = new Fuzzed(features, 0xa5);
      const other = new Fuzzed(features, 0x5a);
      fc.assert(
        fc.property(fc.array(arrival, { minLength: 1, maxLength: 8 }), (arrivals) => {
          for (const what of arrivals) assert.equal(one.run(what), other.run(what));
        }),
        { numRuns: RUNS, seed: 1 },
      );
    });
  }
});
