/** What is sent, by the client unless said otherwise; a number is a pause in seconds. */
import { arpFrame, changed, icmpFrame, moved, parts, udpFrame } from './frames.js';
import { MACS } from './lab-addresses.js';

export interface Case {
  readonly name: string;
  /** Frames that come back to the client. */
  readonly answers: number;
  readonly steps: readonly (Uint8Array | number)[];
}

const SERVER = '10.0.3.2';
const SERVER_V6 = 'fd00:3::2';
const IP_AT = 14;

/** Each case has a client address of its own, so that the limits on errors begin anew. */
let client = 1;
const next = (): { from: string; v6: string } => {
  client++;
  return { from: `10.0.1.${client}`, v6: `fd00:1::${client.toString(16)}` };
};

function each(name: string, answers: number, make: (from: string, v6: string) => Case['steps']): Case {
  const { from, v6 } = next();
  return { name, answers, steps: make(from, v6) };
}

const repeat = (count: number, frame: Uint8Array): Uint8Array[] => Array.from({ length: count }, () => frame);

export const CASES: readonly Case[] = [
  each('the first packet waits for three neighbours; its answer knows them', 1, (from) => [
    icmpFrame({ from, to: SERVER, typeOfService: 0x10 }),
  ]),
  each('the next ones do not wait', 1, (from) => [icmpFrame({ from, to: SERVER, payload: 64 })]),
  each('IPv6: the same', 2, (_, from) => [
    icmpFrame({ from, to: SERVER_V6, typeOfService: 0x20 }),
    icmpFrame({ from, to: SERVER_V6, payload: 100 }),
  ]),
  each('echo to a router: its near address, its far one, IPv6', 4, (from, v6) => [
    icmpFrame({ from, to: '10.0.1.1' }),
    icmpFrame({ from, to: '10.0.2.1' }),
    icmpFrame({ from: v6, to: 'fd00:1::1' }),
    icmpFrame({ from: v6, to: 'fd00:2::1' }),
  ]),
  each('echo to broadcasts is not answered', 0, (from) => [
    icmpFrame({ from, to: '10.0.1.255' }),
    icmpFrame({ from, to: '255.255.255.255' }),
  ]),
  each('an ICMP checksum that is wrong', 0, (from, v6) => [
    changed(icmpFrame({ from, to: '10.0.1.1' }), IP_AT + 22, 0, 0),
    changed(icmpFrame({ from: v6, to: 'fd00:1::1' }), IP_AT + 42, 0, 0),
  ]),
  each('closed UDP ports', 3, (from, v6) => [
    udpFrame({ from, to: SERVER }),
    udpFrame({ from, to: SERVER, payload: 1000 }),
    udpFrame({ from: v6, to: SERVER_V6 }),
  ]),
  each('TTL 1 and 2, IPv6 too', 4, (from, v6) => [
    udpFrame({ from, to: SERVER, ttl: 1, typeOfService: 0xb8 }),
    udpFrame({ from, to: SERVER, ttl: 2, payload: 900 }),
    udpFrame({ from: v6, to: SERVER_V6, ttl: 1 }),
    udpFrame({ from: v6, to: SERVER_V6, ttl: 2, payload: 1210 }),
  ]),
  each('TTL 0', 2, (from, v6) => [
    udpFrame({ from, to: SERVER, ttl: 0 }),
    udpFrame({ from: v6, to: SERVER_V6, ttl: 0 }),
  ]),
  each('no route', 1, (from) => [udpFrame({ from, to: '203.0.113.1' })]),
  each('no route for IPv6', 1, (_, from) => [udpFrame({ from, to: '2001:db8::1' })]),
  each('blackhole', 0, (from, v6) => [
    udpFrame({ from, to: '10.9.1.1' }),
    udpFrame({ from: v6, to: 'fd00:9:1::1' }),
  ]),
  each('unreachable', 2, (from, v6) => [
    udpFrame({ from, to: '10.9.2.1' }),
    udpFrame({ from: v6, to: 'fd00:9:2::1' }),
  ]),
  each('prohibit', 2, (from, v6) => [
    udpFrame({ from, to: '10.9.3.1' }),
    udpFrame({ from: v6, to: 'fd00:9:3::1' }),
  ]),
  each('too long and not to be fragmented', 2, (from, v6) => [
    udpFrame({ from, to: SERVER, payload: 1400, dontFragment: true }),
    udpFrame({ from: v6, to: SERVER_V6, payload: 1400 }),
  ]),
  each('too long: in fragments, put together by the server, which quotes them', 1, (from) => [
    udpFrame({ from, to: SERVER, payload: 1400 }),
  ]),
  each('a fragment that is fragmented again', 1, (from) =>
    parts(udpFrame({ from, to: SERVER, payload: 2800 }), 1400),
  ),
  each('long echoes in fragments', 3, (from) => parts(icmpFrame({ from, to: SERVER, payload: 3000 }), 1200)),
  each('long echoes in fragments, in reverse, over IPv6', 3, (_, from) =>
    parts(icmpFrame({ from, to: SERVER_V6, payload: 3000 }), 1200).reverse(),
  ),
  each('fragments that overlap are void', 0, (from) => {
    const [first, second, ...rest] = parts(icmpFrame({ from, to: SERVER, payload: 3000 }), 1200);
    return [first, moved(second, -1), second, ...rest];
  }),
  each('no errors about errors, later fragments, or to nobody', 0, (from, v6) => [
    icmpFrame({ from, to: SERVER, ttl: 1 }, 3, 1),
    icmpFrame({ from, to: SERVER, ttl: 1 }, 11),
    icmpFrame({ from: v6, to: SERVER_V6, ttl: 1 }, 1),
    ...parts(udpFrame({ from, to: SERVER, ttl: 1, payload: 1400 }), 800).slice(1),
    udpFrame({ from: '0.0.0.0', to: SERVER, ttl: 1 }),
    udpFrame({ from: v6, to: 'ff0e::1', ttl: 1 }),
  ]),
  each('errors about an echo reply are sent', 1, (from) => [icmpFrame({ from, to: SERVER, ttl: 1 }, 0)]),
  each('martian sources', 0, () => [
    udpFrame({ from: '127.0.0.1', to: SERVER }),
    udpFrame({ from: '10.0.1.1', to: SERVER }),
    udpFrame({ from: '10.0.2.1', to: SERVER }),
    udpFrame({ from: '224.0.0.5', to: SERVER }),
  ]),
  each('rp_filter: loose at a, which wants any way back; strict at c, which wants its own', 1, (from) => [
    udpFrame({ from: '20.0.0.1', to: SERVER }),
    udpFrame({ from: '10.0.3.77', to: SERVER }),
    udpFrame({ from: '10.9.1.1', to: SERVER }),
    udpFrame({ from, to: SERVER }),
  ]),
  each('broken headers', 0, (from, v6) => [
    changed(udpFrame({ from, to: SERVER }), IP_AT + 10, 1, 2),
    changed(udpFrame({ from, to: SERVER }), IP_AT, 0x55),
    changed(udpFrame({ from, to: SERVER }), IP_AT, 0x44),
    udpFrame({ from, to: SERVER }).slice(0, IP_AT + 24),
    changed(udpFrame({ from: v6, to: SERVER_V6 }), IP_AT, 0x40),
    udpFrame({ from: v6, to: SERVER_V6 }).slice(0, IP_AT + 41),
  ]),
  each('at most six errors to one address', 6, (from) => repeat(8, udpFrame({ from, to: SERVER, ttl: 1 }))),
  each('a route that refuses charges twice', 2, (from) => repeat(6, udpFrame({ from, to: '10.9.2.1' }))),
  each('and again after a while', 7, (from) => [
    ...repeat(7, udpFrame({ from, to: SERVER, ttl: 1 })),
    1.2,
    ...repeat(2, udpFrame({ from, to: SERVER, ttl: 1 })),
  ]),
  each('IPv6 limits too', 6, (_, from) => repeat(9, udpFrame({ from, to: SERVER_V6, ttl: 1 }))),
  each('what fits is told without limit', 9, (from) =>
    repeat(9, udpFrame({ from, to: SERVER, payload: 1400, dontFragment: true })),
  ),
  each('ARP for the router, for others, a probe, an announcement', 4, (from) => [
    arpFrame(1, from, '10.0.1.1'),
    arpFrame(1, from, '10.0.2.1'),
    arpFrame(1, from, '10.0.1.77'),
    arpFrame(1, from, '10.0.3.2'),
    arpFrame(1, '0.0.0.0', '10.0.1.1'),
    arpFrame(1, from, from),
    arpFrame(1, '10.0.1.1', '10.0.1.1'),
    arpFrame(2, from, '10.0.1.1', MACS.a),
    arpFrame(1, from, '10.0.1.1', MACS.a),
  ]),
  each('rules: from, an action, to and iif, not', 4, (from) => [
    udpFrame({ from: '10.0.1.40', to: '10.7.0.1' }),
    udpFrame({ from, to: '10.7.0.1' }),
    udpFrame({ from: '10.0.1.41', to: SERVER }),
    udpFrame({ from: '10.0.1.42', to: '10.8.0.1' }),
    udpFrame({ from: '192.0.2.9', to: SERVER }),
  ]),
  each('nobody answers: three questions, then the senders are told', 3, (from, v6) => [
    udpFrame({ from, to: '10.0.2.77' }),
    udpFrame({ from, to: '10.0.2.77' }, 10),
    udpFrame({ from: v6, to: 'fd00:2::77' }),
    3.5,
  ]),
];
