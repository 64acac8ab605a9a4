import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseExpression } from '../../../src/topologies/trace/expression.js';
import { ExpressionError } from '../../../src/topologies/trace/expression-error.js';
import { makeFrame } from '../../../src/topologies/trace/packet-request.js';
import { resolveExpression } from '../../../src/topologies/trace/resolve.js';
import { Tracer } from '../../../src/topologies/trace/tracer.js';
import { toHex } from '../../support/hex.js';
import { buildReady } from '../support.js';

const lifeOfAPacket = buildReady('life-of-a-packet');
const nodePort = buildReady('node-port');
const dualStack = buildReady('dual-stack');
const vxlan = buildReady('vxlan');

function request(built: typeof lifeOfAPacket, text: string): string {
  const { content, origin, text: resolved } = resolveExpression(built, parseExpression(text));
  const where =
    origin.kind === 'stack'
      ? `stack of ${origin.namespace.name}`
      : `${origin.kind} ${origin.device.namespace.name}/${origin.device.name}`;
  return `${resolved} from ${where}${content.vlan < 0 ? '' : ` vlan ${content.vlan}`}`;
}

describe('who is meant', () => {
  const cases: readonly (readonly [typeof lifeOfAPacket, string, string])[] = [
    [lifeOfAPacket, 'pod1 -> web', 'tcp 10.1.1.10:41234 -> 10.96.0.80:80 from stack of pod1'],
    [lifeOfAPacket, 'pod1 -> dns', 'udp 10.1.1.10:41234 -> 10.96.0.53:53 from stack of pod1'],
    [lifeOfAPacket, 'pod1->pod4:9090', 'tcp 10.1.1.10:41234 -> 10.1.2.40:9090 from stack of pod1'],
    [lifeOfAPacket, 'tcp pod1 -> pod4', 'tcp 10.1.1.10:41234 -> 10.1.2.40:8080 from stack of pod1'],
    [lifeOfAPacket, 'pod1 -> pod4', 'icmp 10.1.1.10 -> 10.1.2.40 from stack of pod1'],
    [
      lifeOfAPacket,
      'tcp 10.1.1.10:34000 → 10.96.0.80:80 SYN',
      'tcp 10.1.1.10:34000 -> 10.96.0.80:80 from stack of pod1',
    ],
    [lifeOfAPacket, 'icmp node1 -> pod4', 'icmp 10.255.255.11 -> 10.1.2.40 from stack of node1'],
    [lifeOfAPacket, 'arp pod1 -> 10.1.1.1', 'arp 10.1.1.10 -> 10.1.1.1 from socket pod1/eth0'],
    [
      lifeOfAPacket,
      '203.0.113.9 -> pod4:80',
      'tcp 203.0.113.9:41234 -> 10.1.2.40:80 from device node2/bond0',
    ],
    [
      nodePort,
      'udp outside 8.8.8.8:999 -> node1:30053',
      'udp 8.8.8.8:999 -> 172.16.0.1:30053 from device node1/eth0',
    ],
    [nodePort, 'outside -> web', 'tcp 198.51.100.7:41234 -> 192.0.2.80:80 from device node1/eth0'],
    [nodePort, 'outside -> svc/dns', 'udp 198.51.100.7:41234 -> 172.16.0.1:30053 from device node1/eth0'],
    [dualStack, 'tcp6 client -> web', 'tcp [fd00:a:1::10]:41234 -> [fd00:c::80]:80 from stack of client'],
    [dualStack, 'client -> fd00:a:2::10', 'icmpv6 fd00:a:1::10 -> fd00:a:2::10 from stack of client'],
    [
      dualStack,
      'tcp client -> [fd00:a:2::10]:81',
      'tcp [fd00:a:1::10]:41234 -> [fd00:a:2::10]:81 from stack of client',
    ],
    [
      dualStack,
      'outside -> pod/server:8080',
      'tcp 198.51.100.7:41234 -> 10.0.2.10:8080 from device router/uplink',
    ],
    [
      vxlan,
      'tcp client -> server:1 vlan 7',
      'tcp 10.0.1.10:41234 -> 10.0.2.10:1 from stack of client vlan 7',
    ],
  ];
  for (const [built, text, expected] of cases) test(text, () => assert.equal(request(built, text), expected));
});

describe('what it is like', () => {
  const frame = (text: string): string => {
    const { content } = resolveExpression(lifeOfAPacket, parseExpression(text));
    return toHex(makeFrame(content)).slice(28);
  };
  test('a SYN, checksums and all', () => {
    const hex = '450000281d0c4000400606910a01010a0a01022803e80050000003e8000000005002faf0959e0000';
    assert.equal(frame('tcp pod1:1000 -> 10.1.2.40:80'), hex);
  });
  test('TCP flags', () => {
    assert.equal(frame('tcp pod1 -> pod4:80 SYN,ACK').slice(40 + 26, 40 + 28), '12');
    assert.equal(frame('tcp pod1 -> pod4:80 FIN ACK').slice(40 + 26, 40 + 28), '11');
    assert.equal(frame('pod1 -> pod4:80 RST').slice(40 + 26, 40 + 28), '04');
  });
  test('TTL, length, TOS, no DF', () => {
    const hex = frame('udp pod1 -> pod4:53 ttl 3 length=100 tos 0xb8 no-df id 258');
    assert.equal(hex.slice(0, 20), '45b800640102000003' + '11');
    assert.equal(hex.length, 200);
  });
  test('fragments', () => {
    assert.equal(frame('udp pod1 -> pod4:53 fragment first').slice(12, 16), '2000');
    assert.equal(frame('udp pod1 -> pod4:53 fragment 1480').slice(12, 16), '20b9');
    assert.equal(frame('udp pod1 -> pod4:53 fragment 1480 last').slice(12, 16), '00b9');
  });
  test('ICMP', () => {
    assert.equal(frame('icmp pod1 -> pod4').slice(40, 44), '0800');
    assert.equal(frame('icmp pod1 -> pod4 frag-needed').slice(40, 44), '0304');
    assert.equal(frame('icmp pod1 -> pod4 type 13 code 2').slice(40, 44), '0d02');
  });
  test('another protocol', () => assert.equal(frame('ip pod1 -> pod4 proto 47').slice(18, 20), '2f'));
});

describe('mistakes are told with their place', () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['', 0, /^an empty expression/],
    ['tcp', 3, /^who sends it is missing/],
    ['tcp pod1', 8, /^expected -> between/],
    ['tcp pod1 web:80', 9, /^expected -> .*not "web:80"/],
    ['tcp pod1 ->', 11, /^who it is for is missing/],
    ['tpc pod1 -> web', 0, /^"tpc" is no protocol; did you mean "tcp"\?/],
    ['tcp podd1 -> web', 4, /is called "podd1"; did you mean "pod1"\?/],
    ['tcp pod1 -> wbe', 12, /is called "wbe"; did you mean "web"\?/],
    ['tcp web -> pod1', 4, /^web is a service; packets come from pods/],
    ['tcp pod1 -> web:81', 12, /^service web has no port 81\/tcp in IPv4; it has 80\/tcp/],
    ['tcp pod1 -> 10.1.2.400:80', 12, /^10\.1\.2\.400 is no IPv4 address/],
    ['tcp pod1 -> pod4:70000', 12, /^70000 is not a port/],
    ['tcp pod1 -> pod4:http', 12, /^"http" is no port/],
    ['tcp pod1 -> fd00::1', 4, /^pod1 has no IPv6 address/],
    ['icmp pod1 -> fd00::1', 13, /^fd00::1 is not an IPv4 address/],
    ['tcp pod1 -> pod4:80 SYNN', 20, /^"SYNN" says nothing about a packet; did you mean "SYN"\?/],
    ['tcp pod1 -> pod4:80 ttl 256', 24, /^ttl takes a number from 0 to 255, not "256"/],
    ['tcp pod1 -> pod4:80 ttl', 23, /^ttl takes a number/],
    ['udp pod1 -> pod4:80 fragment 7', 29, /^fragment takes "first" or an offset/],
  ];
  for (const [text, at, message] of cases) {
    test(text === '' ? 'nothing' : text, () => {
      assert.throws(
        () => resolveExpression(lifeOfAPacket, parseExpression(text)),
        (error) => {
          assert.ok(error instanceof ExpressionError);
          assert.match(error.message, message);
          assert.equal(error.at, at);
          assert.equal(
            error.message.split('\n')[2],
            `  ${' '.repeat(at)}${'^'.repeat(Math.max(1, error.length))}`,
          );
          return true;
        },
      );
    });
  }
});

const WORDS = [
  'tcp',
  'udp',
  'icmp',
  'icmpv6',
  'arp',
  'ip',
  'sctp',
  'tcp6',
  'outside',
  '->',
  '->',
  '->',
  'pod1',
  'pod4',
  'web',
  'dns',
  'web:80',
  'pod4:8080',
  'node1',
  'node2',
  'node1:22',
  '10.1.1.10',
  '10.1.2.40:9090',
  '10.1.1.1',
  '1.1.1.1',
  'fd00::1',
  '224.0.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '127.0.0.1',
  '169.254.1.1',
  'SYN',
  'ACK',
  'RST',
  'ttl',
  '0',
  '1',
  '255',
  'length',
  '65535',
  '9000',
  'vlan',
  'fragment',
  'first',
  '8',
  'last',
  'no-df',
  'echo',
  'echo-reply',
  'frag-needed',
  'mark',
  '0xf00',
  'proto',
  '50',
  'type',
  'code',
  '[::1]:80',
  'pod1:0',
  '',
  '=',
  'ttl=1',
];

test('any words are a mistake with a place, or a trace', () => {
  const tracers = [new Tracer(buildReady('life-of-a-packet')), new Tracer(buildReady('node-port'))];
  const word = fc.constantFrom(...WORDS);
  const end = fc.constantFrom(...WORDS.slice(12, 31));
  const protocol = fc.constantFrom('tcp', 'udp', 'icmp', 'arp', 'ip', 'sctp');
  const joined = (words: readonly string[]): string => words.join(' ');
  const likely = fc
    .tuple(protocol, end, end, fc.array(word, { maxLength: 2 }))
    .map(([name, from, to, rest]) => joined([name, from, '->', to, ...rest]));
  const any = fc.array(word, { maxLength: 8 }).map(joined);
  const words = fc.oneof({ weight: 4, arbitrary: likely }, any, fc.string({ maxLength: 30 }));
  let traced = 0;
  fc.assert(
    fc.property(words, fc.nat(1), fc.boolean(), (text, i, established) => {
      const tracer = tracers[i];
      try {
        const made = resolveExpression(tracer.built, parseExpression(text));
        const trace = tracer.trace(made, { reply: true, established });
        assert.deepEqual(JSON.parse(JSON.stringify(trace)), trace);
        traced++;
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        assert.ok(error.at >= 0 && error.at <= text.length);
      }
    }),
    { numRuns: 1500, seed: 7 },
  );
  assert.ok(traced > 200, `${traced} of them were traced`);
});
