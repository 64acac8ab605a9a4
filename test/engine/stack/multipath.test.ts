/**
 * Routes with several next hops: the hash by its published vectors, and which flow takes which way against Linux, whose
 * hash is keyed with the same seed.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddress } from '../../../src/engine/address-text.js';
import type { Namespace } from '../../../src/engine/namespace.js';
import { sipHash32 } from '../../../src/engine/stack/siphash.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import { fromHex } from '../../support/hex.js';
import * as frames from '../netfilter/frames.js';
import type { KernelCase } from '../netfilter/kernel-cases.js';
import { runOnKernel, whyNoLab } from '../netfilter/kernel-lab.js';
import { ethernetHex } from '../netfilter/lab-addresses.js';
import { ModelLab } from '../netfilter/model-lab.js';
import { checkOutputs } from '../netfilter/results.js';

const { a, clientMac, serverMac } = ethernetHex;

test('SipHash-2-4 of the paper: key 00 … 0f, bytes 00, 01, …', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
  const words = new Int32Array(bytes.buffer);
  const hash = (count: number): number => sipHash32(words, count, words.slice(0, 4)) >>> 0;
  // The lower halves of its vectors for 0, 4 and 8 bytes: 310e0edd…, b7877127…, 6224939a….
  assert.deepEqual([0, 1, 2].map(hash), [0xdd0e0e31, 0x277187b7, 0x9a932462]);
});

const SEED = 0x5eed1234;
/** MACs of the gateways; the first is the server's. */
const GATEWAYS = [serverMac, '020000000b03', '020000000b09'];
const WEIGHTS = [1, 2, 5];

const mac = (hex: string): string => hex.replace(/..(?=.)/g, '$&:');

/** Towards 198.51.100.0/24 and 2001:db8::/32 by three gateways at b. */
const SET_UP = `
for i in 2:${mac(GATEWAYS[0])} 3:${mac(GATEWAYS[1])} 9:${mac(GATEWAYS[2])}; do
  ip neigh replace 10.0.2.\${i%%:*} lladdr \${i#*:} dev b; ip neigh replace fd00:2::\${i%%:*} lladdr \${i#*:} dev b
done
ip route add 198.51.100.0/24 ${hops('10.0.2.')}
ip -6 route add 2001:db8::/32 ${hops('fd00:2::')}
sysctl -qw net.ipv4.fib_multipath_hash_seed=${SEED}
`;

function hops(network: string): string {
  return [2, 3, 9].map((host, i) => `nexthop via ${network}${host} dev b weight ${WEIGHTS[i]}`).join(' ');
}

function configure(host: Namespace, policy: number): void {
  for (const [network, prefix, prefixLength] of [
    ['10.0.2.', '198.51.100.0', 24],
    ['fd00:2::', '2001:db8::', 32],
  ] as const) {
    const nextHops = [2, 3, 9].map((last, i) => {
      const gateway = parseAddress(`${network}${last}`)!;
      host.neighbours.set(3, gateway, fromHex(GATEWAYS[i]));
      return { ifindex: 3, gateway, weight: WEIGHTS[i] };
    });
    const address = parseAddress(prefix)!;
    const { ifindex, gateway } = nextHops[0];
    host.routes(address.length).add({ prefix: address, prefixLength, ifindex, gateway, nextHops });
  }
  host.flowHash.seed = SEED;
  host.flowHash.ipv4Policy = policy;
  host.flowHash.ipv6Policy = policy;
}

const way = (from: string, to: string): frames.Way => ({ macs: [a, clientMac], from, to });
const step = (frame: Uint8Array): { at: 'a'; frame: Uint8Array } => ({ at: 'a', frame });
const numbers = Array.from({ length: 40 }, (_, i) => i);
const udp = (from: string, to: string, port: number) =>
  step(frames.udpFrame(way(from, to), [port, 53], 'question'));

function labelled(frame: Uint8Array, label: number): Uint8Array {
  const copy = frame.slice();
  ipv6.putTrafficClassAndFlowLabel(copy, 14, 0, label);
  return copy;
}

const error = (from: string, to: string, quoted: Uint8Array) =>
  step(frames.errorFrame(way(from, to), 3, 1, quoted));

const CASES: readonly KernelCase[] = [
  { name: 'many destinations', steps: numbers.map((i) => udp('10.0.1.2', `198.51.100.${i + 1}`, 4000)) },
  { name: 'many sources', steps: numbers.map((i) => udp(`203.0.113.${i + 1}`, '198.51.100.7', 4000)) },
  { name: 'many ports', steps: numbers.map((i) => udp('10.0.1.2', '198.51.100.7', 4000 + 7 * i)) },
  {
    name: 'TCP, echoes, and protocols without ports',
    steps: numbers.flatMap((i) => [
      step(frames.tcpFrame(way('10.0.1.3', '198.51.100.9'), { ports: [5000 + i, 80], flags: 'S' })),
      step(frames.icmpFrame(way('10.0.1.3', `198.51.100.${i + 1}`), 8, i)),
      step(frames.ipFrame(way('10.0.1.3', `198.51.100.${i + 1}`), 47, new Uint8Array(8))),
    ]),
  },
  {
    name: 'fragments',
    steps: numbers.flatMap((i) => {
      const datagram = frames.udpDatagram([4000 + i, 53], 'x'.repeat(40));
      return frames.fragments(way('10.0.1.2', '198.51.100.7'), 17, datagram, 24).map(step);
    }),
  },
  {
    name: 'errors go the way of what they are about',
    steps: numbers.map((i) => {
      const quoted = frames.udpFrame(way(`198.51.100.${i + 1}`, '10.0.1.2'), [53, 4000], 'answer');
      return error('10.0.1.3', `198.51.100.${i + 1}`, quoted);
    }),
  },
  {
    name: 'IPv6: destinations, ports, flow labels',
    steps: numbers.flatMap((i) => [
      udp('fd00:1::2', `2001:db8::${i + 1}`, 4000),
      udp('fd00:1::2', '2001:db8::1', 4000 + i),
      step(labelled(frames.udpFrame(way('fd00:1::2', '2001:db8::1'), [4000, 53], 'question'), 7919 * i)),
      step(frames.icmpFrame(way('fd00:1::2', `2001:db8::${i + 1}`), 128, i)),
    ]),
  },
];

const reason = whyNoLab();

for (const policy of [0, 1]) {
  describe(`ways as Linux chooses them, hash policy ${policy}`, { skip: reason ?? false }, () => {
    const setUp = `${SET_UP}sysctl -qw net.ipv4.fib_multipath_hash_policy=${policy} net.ipv6.fib_multipath_hash_policy=${policy}`;
    const kernel = reason === null ? runOnKernel(CASES, ['', ''], setUp) : [];
    CASES.forEach((one, i) => {
      test(one.name, () => {
        const model = new ModelLab({ tables: [], configure: (host) => configure(host, policy) });
        assert.equal(kernel[i].outputs.length, one.steps.length);
        checkOutputs(model.run(one), kernel[i]);
      });
    });
  });
}
