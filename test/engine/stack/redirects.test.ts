/**
 * ICMP redirects as Linux sends them and goes by them. What a stack says itself leaves after the packet in hand here,
 * and before it there, so that frames are compared without their order.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddress } from '../../../src/engine/address-text.js';
import type { Namespace } from '../../../src/engine/namespace.js';
import { i32le } from '../../../src/engine/wire/bytes.js';
import * as checksum from '../../../src/engine/wire/checksum.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from '../netfilter/frames.js';
import type { KernelCase } from '../netfilter/kernel-cases.js';
import { runOnKernel, whyNoLab } from '../netfilter/kernel-lab.js';
import { ethernetHex } from '../netfilter/lab-addresses.js';
import { ModelLab } from '../netfilter/model-lab.js';
import { type CaseResult, checkOutputs } from '../netfilter/results.js';

const { a, b, clientMac, serverMac } = ethernetHex;
const OTHER_MAC = '020000000a03';
const STEP_NS = 32e6;

const reason = whyNoLab();

/** In one order, and without the identifications of what the stack sends itself. */
function comparable(result: CaseResult): CaseResult {
  const outputs = result.outputs.map(([device, hex]): [string, string] => {
    const frame = fromHex(hex);
    const at = 14;
    const isEchoReply = ipv4.protocol(frame, at) === ipv4.PROTOCOL_ICMP && frame[at + 20] === 0;
    if (isEchoReply) {
      ipv4.putIdentification(frame, at, 0);
      ipv4.putHeaderChecksum(frame, at, 0);
    }
    return [device, toHex(frame)];
  });
  return { ...result, outputs: outputs.sort() };
}

function compare(cases: readonly KernelCase[], setUp: string, configure: (lab: ModelLab) => void): void {
  const kernel = reason === null ? runOnKernel(cases, ['', ''], setUp) : [];
  cases.forEach((one, i) => {
    test(one.name, () => {
      const lab = new ModelLab({ tables: [], stepNs: STEP_NS });
      configure(lab);
      checkOutputs(comparable(lab.run(one)), comparable(kernel[i]));
    });
  });
}

const route = (host: Namespace, prefix: string, length: number, ifindex: number, gateway: string): void => {
  host.ipv4Routes.add({
    prefix: parseAddress(prefix)!,
    prefixLength: length,
    ifindex,
    gateway: parseAddress(gateway)!,
  });
};

const atB = (from: string, to: string) => ({ macs: [b, serverMac], from, to }) as const;
const server = (frame: Uint8Array) => ({ at: 'b', frame }) as const;
const udp = (from: string, to: string) => server(frames.udpFrame(atB(from, to), [4000, 53], 'question'));
/** Each case has senders of its own, so that the limits begin anew. */
const FAR = '10.9.1.1';

function withTtl(frame: Uint8Array, ttl: number): Uint8Array {
  const copy = frame.slice();
  ipv4.putTimeToLive(copy, 14, ttl);
  checksum.fillIpv4Header(copy, 14);
  return copy;
}

const ROUTER_CASES: readonly KernelCase[] = [
  { name: 'to a neighbour of the sender', steps: [udp('10.0.2.20', '10.0.2.3')] },
  { name: 'by a gateway on the link', steps: [udp('10.0.2.21', FAR)] },
  { name: 'a gateway of another network on the link', steps: [udp('10.0.2.22', '10.8.1.1')] },
  { name: 'a sender that is behind a gateway', steps: [udp('10.9.2.2', '10.0.2.3')] },
  { name: 'a sender that belongs to another device', steps: [udp('10.0.1.9', FAR)] },
  { name: 'out of another device', steps: [udp('10.0.2.23', '10.0.1.2')] },
  {
    name: 'about an echo, about an error, of a packet that ends here',
    steps: [
      server(frames.icmpFrame(atB('10.0.2.24', FAR), 8, 1)),
      server(
        frames.errorFrame(atB('10.0.2.25', FAR), 3, 1, frames.udpFrame(atB(FAR, '10.0.2.25'), [1, 2], '')),
      ),
      server(withTtl(frames.udpFrame(atB('10.0.2.26', FAR), [1, 2], 'late'), 1)),
    ],
  },
  {
    name: 'a long packet is quoted in part',
    steps: [server(frames.udpFrame(atB('10.0.2.27', FAR), [1, 2], 'x'.repeat(900)))],
  },
  {
    name: 'the second after 40 ms, the third after 80',
    steps: [
      udp('10.0.2.28', FAR),
      udp('10.0.2.28', FAR),
      0.1,
      udp('10.0.2.28', FAR),
      udp('10.0.2.28', FAR),
      0.2,
      udp('10.0.2.28', FAR),
    ],
  },
  {
    name: 'at most nine',
    steps: [0.05, 0.1, 0.2, 0.4, 0.8, 1.4, 2.7, 5.3]
      .flatMap((pause) => [udp('10.0.2.29', FAR), pause])
      .concat([udp('10.0.2.29', FAR), 10.5, udp('10.0.2.29', FAR)]),
  },
];

const ROUTES: readonly (readonly [prefix: string, length: number, gateway: string])[] = [
  ['10.9.0.0', 16, '10.0.2.3'],
  ['10.8.0.0', 16, '10.77.0.1'],
];
const ROUTER_SET_UP = `
ip neigh add 10.77.0.1 lladdr ${serverMac.replace(/..(?=.)/g, '$&:')} dev b
for i in $(seq 20 40); do ip neigh add 10.0.2.$i lladdr ${serverMac.replace(/..(?=.)/g, '$&:')} dev b; done
ip route add 10.9.0.0/16 via 10.0.2.3 dev b
ip route add 10.8.0.0/16 via 10.77.0.1 dev b onlink
sysctl -qw net.ipv4.conf.b.send_redirects=1
`;

function makeRouter({ node }: ModelLab): void {
  const { host } = node;
  const know = (address: string): void => host.neighbours.set(3, parseAddress(address)!, fromHex(serverMac));
  know('10.77.0.1');
  for (let i = 20; i <= 40; i++) know(`10.0.2.${i}`);
  for (const [prefix, length, gateway] of ROUTES) route(host, prefix, length, 3, gateway);
  host.deviceNamed('b')!.sendRedirects = true;
}

describe('a router tells of a better way', { skip: reason ?? false }, () => {
  compare(ROUTER_CASES, ROUTER_SET_UP, makeRouter);
});

describe('where the medium is not shared', { skip: reason ?? false }, () => {
  const setUp = `${ROUTER_SET_UP}sysctl -qw net.ipv4.conf.all.shared_media=0 net.ipv4.conf.b.shared_media=0`;
  compare(ROUTER_CASES.slice(0, 6), setUp, (lab) => {
    makeRouter(lab);
    lab.stack.redirects.sharesOnAll = false;
    lab.node.host.deviceNamed('b')!.sharesMedia = false;
  });
});

const atA = (from: string, to: string) => ({ macs: [a, clientMac], from, to }) as const;
/** From where the host's answers go by its gateway. */
const ping = (from: string, id: number) =>
  ({ at: 'a', frame: frames.icmpFrame(atA(from, '10.0.1.1'), 8, id) }) as const;

/** A redirect from `from` to `gateway`, about the host's answer to `about`. */
function redirect(from: string, about: string, gateway: string, code = 1): KernelCase['steps'][number] {
  const quoted = frames.icmpFrame(atA('10.0.1.1', about), 0, 1);
  const frame = frames.errorFrame(atA(from, '10.0.1.1'), 5, code, quoted, 28);
  const address = parseAddress(gateway)!;
  frame.set(address, 14 + 20 + 4);
  frame.fill(0, 14 + 20 + 2, 14 + 20 + 4);
  checksum.fill(frame, 34, frame.length - 34, 36);
  assert.equal(i32le(frame, 38), i32le(address, 0));
  return { at: 'a', frame };
}

const GATEWAY = '10.0.1.2';
const BETTER = '10.0.1.3';
const HOST_CASES: readonly KernelCase[] = [
  {
    name: 'goes by it',
    steps: [
      ping('10.5.0.1', 1),
      redirect(GATEWAY, '10.5.0.1', BETTER),
      ping('10.5.0.1', 2),
      ping('10.5.0.2', 3),
    ],
  },
  {
    name: 'of a network',
    steps: [redirect(GATEWAY, '10.5.1.1', BETTER, 0), ping('10.5.1.1', 2), ping('10.5.1.2', 3)],
  },
  {
    name: 'and by another one after it',
    steps: [
      redirect(GATEWAY, '10.5.2.1', BETTER),
      redirect(BETTER, '10.5.2.1', GATEWAY),
      ping('10.5.2.1', 2),
    ],
  },
  {
    name: 'not from another than its gateway',
    steps: [
      redirect(BETTER, '10.5.3.1', BETTER),
      redirect('10.0.1.9', '10.5.3.1', BETTER),
      ping('10.5.3.1', 2),
    ],
  },
  {
    name: 'not to a broadcast, to itself, to a group',
    steps: ['10.0.1.255', '10.0.1.1', '224.0.0.1', '0.0.0.0'].flatMap((to, i) => [
      redirect(GATEWAY, '10.5.4.1', to),
      ping('10.5.4.1', i),
    ]),
  },
  {
    name: 'not with another code, nor a wrong checksum',
    steps: [
      redirect(GATEWAY, '10.5.5.1', BETTER, 4),
      broken(redirect(GATEWAY, '10.5.5.1', BETTER)),
      ping('10.5.5.1', 2),
    ],
  },
];

function broken(step: KernelCase['steps'][number]): KernelCase['steps'][number] {
  if (typeof step === 'number') return step;
  const frame = step.frame.slice();
  frame[36] ^= 1;
  return { ...step, frame };
}

const mac = (hex: string): string => hex.replace(/..(?=.)/g, '$&:');

describe('a host goes by what it is told', { skip: reason ?? false }, () => {
  const setUp = `
sysctl -qw net.ipv4.ip_forward=0
ip neigh replace 10.0.1.3 lladdr ${mac(OTHER_MAC)} dev a
ip route add default via 10.0.1.2 dev a
`;
  compare(HOST_CASES, setUp, ({ node: { host } }) => {
    host.ipv4Forwarding = false;
    host.neighbours.set(2, parseAddress('10.0.1.3')!, fromHex(OTHER_MAC));
    route(host, '0.0.0.0', 0, 2, '10.0.1.2');
  });
});
