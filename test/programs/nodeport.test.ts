/** NodePort and DSR where the recorded vectors do not reach. Frames were worked out by hand from the RFCs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TC_ACT_REDIRECT, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX } from '../../src/engine/hooks/verdict.js';
import { writeIdentity } from '../../src/programs/tables/ipcache.js';
import { L7_LOADBALANCER, ROUTABLE } from '../../src/programs/tables/services.js';
import { toHex } from '../support/hex.js';
import { getHex, setHex } from '../support/map-hex.js';
import { address, NATIVE_IFINDEX, NodePortNode, word } from './nodeport-node.js';

const DSR_IPIP = { dsr: true, dsrMode: 2 };
const DSR_GENEVE = { dsr: true, dsrMode: 3, tunnelProtocol: 2, tunnelPort: 6081, encapIfindex: 42 };

/** 172.16.5.5:40000 asks 192.168.0.11:31001 by UDP; 2001:db8:5::5 asks fd00::11. */
const REQUEST =
  '020000000010 020000000001 0800' +
  '4500002012340000 4011f6d0 ac100505 c0a8000b' +
  '9c407919000c9ff0 64617461';
const REQUEST_IPV6 =
  '020000000010 020000000001 86dd' +
  '60000000000c1140 20010db8000500000000000000000005 fd000000000000000000000000000011' +
  '9c407919000ce6e4 64617461';
const PLAIN = REQUEST.replaceAll(' ', '');
const PLAIN_IPV6 = REQUEST_IPV6.replaceAll(' ', '');

function withServices(kind: 'xdp' | 'host', options: ConstructorParameters<typeof NodePortNode>[1]) {
  const node = new NodePortNode(kind, options);
  node.addService('192.168.0.11', 31001, '10.245.2.10', 8080);
  node.addService('fd00::11', 31001, 'fd00:10:2::10', 8080);
  return node;
}

describe('DSR by IPIP', () => {
  const prefixes = {
    ipv4RssPrefix: { address: word('10.99.0.0'), prefixLength: 16 },
    ipv6RssPrefix: { address: address('fd99::'), prefixLength: 80 },
  };

  test('XDP keeps the packet inside, the source spreads clients over a prefix', () => {
    const node = withServices('xdp', { features: DSR_IPIP, constants: prefixes });
    assert.deepEqual(node.runHex(REQUEST), {
      verdict: XDP_TX,
      frame: `020000000001020000000010080045000034123400003f0420250a63320c0af5020a${PLAIN.slice(28)}`,
    });
  });

  test('IPv6: the same, the hop limit stays', () => {
    const node = withServices('xdp', { features: DSR_IPIP, constants: prefixes });
    assert.deepEqual(node.runHex(REQUEST_IPV6), {
      verdict: XDP_TX,
      frame:
        '02000000000102000000001086dd' +
        '6000000000342940fd990000000000000000e1ad0cad6cbcfd000010000200000000000000000010' +
        PLAIN_IPV6.slice(28),
    });
  });

  test('tc leaves zeros for the inner IPv6 header', () => {
    const node = withServices('host', { features: DSR_IPIP });
    assert.deepEqual(node.runHex(REQUEST_IPV6), {
      verdict: TC_ACT_REDIRECT,
      frame:
        '02000000000102000000001086dd' +
        '6000000000342940fd000000000000000000000000000011fd000010000200000000000000000010' +
        '00'.repeat(40) +
        PLAIN_IPV6.slice(108),
    });
  });

  test('what would be too big is answered, also by XDP; the answer counts as drop 136', () => {
    const node = withServices('xdp', { features: { ...DSR_IPIP, dsrIcmpErrors: true } });
    const big = PLAIN.replace('45000020123400004011f6d0', '450005d2123400004011f11e');
    assert.deepEqual(node.runHex(big), {
      verdict: XDP_TX,
      frame:
        '0200000000010200000000100800' +
        '45000038123440004001b6c8c0a8000bac100505' +
        '030441dd000005c8' +
        '450005d2123400004011f11eac100505c0a8000b9c407919000c9ff0',
    });
    assert.equal(node.counted(136, 2), 1);
  });
});

test('DSR by Geneve, IPv6: the service in an option of 24 bytes', () => {
  const node = withServices('host', { features: DSR_GENEVE });
  const backend = { identity: 2001, tunnelEndpoint: address('192.168.0.12') };
  writeIdentity(node.datapath.map('cilium_ipcache_v2'), address('fd00:10:2::10'), 128, backend);
  const { verdict } = node.runHex(REQUEST_IPV6);
  const { packet } = node;
  assert.equal(verdict, TC_ACT_REDIRECT);
  assert.equal(packet.redirectIfindex, 42);
  assert.equal(toHex(packet.tunnelKey, 0, 8), '020000000c00a8c0');
  assert.equal(
    toHex(packet.tunnelOption, 0, packet.tunnelOptionLength),
    '014b8105fd000000000000000000000000000011' + '79190000',
  );
});

test('DSR by Geneve, IPv6 in XDP: the tunnel header is written, its TTL stays', () => {
  const node = withServices('xdp', { features: DSR_GENEVE });
  const backend = { identity: 2001, tunnelEndpoint: address('192.168.0.12') };
  writeIdentity(node.datapath.map('cilium_ipcache_v2'), address('fd00:10:2::10'), 128, backend);
  const { verdict, frame } = node.runHex(REQUEST_IPV6);
  assert.equal(verdict, XDP_TX);
  assert.equal(
    frame.slice(0, 68),
    `${'0200000000010200000000100800'}${'4500007e000000004011f907c0a8000bc0a8000c'}`,
  );
  // Behind the source port, which is a hash.
  assert.equal(
    frame.slice(72, 152),
    '17c1006a0000' + '0600655800000200' + '014b8105fd00000000000000000000000000001179190000' + '0200',
  );
});

test('DSR by Geneve without a tunnel to the backend is drop 160', () => {
  const node = withServices('host', { features: DSR_GENEVE });
  node.run(REQUEST.replaceAll(' ', ''));
  assert.equal(node.counted(160, 2), 1);
});

describe('the way out of XDP', () => {
  test('a request needs the next hop from the FIB', () => {
    const node = withServices('xdp', {});
    node.fib.knowsNeighbour = false;
    assert.equal(node.run(PLAIN).verdict, XDP_DROP);
    assert.equal(node.counted(169, 2), 1);
  });

  test('a reply may go to the MAC that the request came from', () => {
    const node = withServices('xdp', {});
    node.run(PLAIN);
    assert.equal(getHex(node.datapath.map('cilium_nodeport_neigh4'), 'ac100505'), '0200000000010000');
    node.fib.knowsNeighbour = false;
    const reply = '4500002012340000 40119ae7 0af5020ac0a8000b 1f909c40000c9d90 64617461'.replaceAll(' ', '');
    assert.deepEqual(node.runHex(`0200000000100200000000220800${reply}`), {
      verdict: XDP_TX,
      frame:
        '0200000000010200000000990800' + '45000020123400003f11f7d0c0a8000bac10050579199c40000c9ff064617461',
    });
  });

  test('another device than the one it came by is a redirect', () => {
    const node = withServices('xdp', {});
    node.fib.ifindex = 11;
    assert.equal(node.run(PLAIN).verdict, XDP_REDIRECT);
    assert.equal(node.packet.redirectIfindex, 11);
  });

  test('what is no service is passed on with a word for tc in front', () => {
    const node = withServices('xdp', {});
    const { verdict, frame } = node.runHex(PLAIN.replace('7919', '7918'));
    assert.equal(verdict, XDP_PASS);
    assert.equal(frame, PLAIN.replace('7919', '7918'));
    assert.equal(node.packet.metaLength, 4);
    assert.equal(toHex(node.packet.bytes, node.packet.start - 4, 4), '01000000');
  });
});

describe('prefilter', () => {
  const features = { prefilter: true };

  test('a prefix and an address are dropped, uncounted', () => {
    const node = withServices('xdp', { features });
    setHex(node.datapath.map('cilium_cidr_v4_dyn'), '0c000000ac100000', '00');
    setHex(node.datapath.map('cilium_cidr_v6_fix'), '8000000020010db8000500000000000000000005', '00');
    assert.equal(node.run(PLAIN).verdict, XDP_DROP);
    assert.equal(node.run(PLAIN_IPV6).verdict, XDP_DROP);
    assert.equal(node.datapath.metrics.map.size, 0);
  });

  test('a neighbour of the prefix is not', () => {
    const node = withServices('xdp', { features });
    setHex(node.datapath.map('cilium_cidr_v4_dyn'), '10000000ac110000', '00');
    assert.equal(node.run(PLAIN).verdict, XDP_TX);
  });

  test('a truncated header is dropped, uncounted', () => {
    const node = withServices('xdp', { features });
    assert.equal(node.run(PLAIN.slice(0, 60)).verdict, XDP_DROP);
    assert.equal(node.datapath.metrics.map.size, 0);
  });
});

test('TPROXY: a packet to an L7 service goes into the stack through cilium_net', () => {
  const node = new NodePortNode('host', {
    features: { tproxy: true, l7LoadBalancer: true },
    config: { interfaceMac: Uint8Array.of(2, 0, 0, 0, 0, 0x10) },
  });
  node.addService('192.168.0.11', 31001, '10.245.2.10', 8080, ROUTABLE | L7_LOADBALANCER);
  // The word that holds the affinity of other services is the proxy's port of these.
  setHex(node.datapath.map('cilium_lb4_services_v2'), 'c0a8000b7919000000000000', '303900000100000140040000');
  const { verdict, frame } = node.runHex(PLAIN);
  assert.equal(verdict, TC_ACT_REDIRECT);
  assert.equal(node.packet.redirectIfindex, 4);
  assert.equal(node.packet.cb0 >>> 0, 0x39300200);
  assert.equal(frame.slice(0, 46), '0200000000030200000000100800' + '45000020123400003f');
});

test('SNAT between clusters takes no identity that only this cluster knows', () => {
  const node = withServices('host', {
    features: { interClusterSnat: true },
    config: { secctxFromIpcache: true },
  });
  writeIdentity(node.datapath.map('cilium_ipcache_v2'), address('172.16.5.5'), 32, { identity: 16777217 });
  node.run(PLAIN);
  assert.equal(node.counted(171, 1), 1);
});

test('without FIB lookups a request leaves by the direct routing device', () => {
  const node = withServices('host', { features: { skipFib: true } });
  assert.equal(node.run(PLAIN).verdict, TC_ACT_REDIRECT);
  assert.equal(node.packet.redirectIfindex, NATIVE_IFINDEX);
  assert.equal(node.packet.redirectNeighbourLength, 0);
});
