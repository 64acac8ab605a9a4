/**
 * What is shown to a router that masquerades, Linux's and ours: clients 10.0.1.2 and .3 behind its device `a`, servers
 * 10.0.2.2 and .3 behind `b`, where it has 10.0.2.1; likewise fd00:1:: and fd00:2::.
 */
import type { Segment, Way } from './frames.js';
import * as frames from './frames.js';
import { ethernetHex } from './lab-addresses.js';

export interface Step {
  /** Device of the router that the frame arrives at. */
  readonly at: 'a' | 'b';
  readonly frame: Uint8Array;
}

export interface KernelCase {
  readonly name: string;
  /** A number is a pause in seconds. */
  readonly steps: readonly (Step | number)[];
}

/** Of the router, by family. */
export const MASQUERADE_RULES = [
  '*nat\n-A POSTROUTING -s 10.0.1.0/24 ! -d 10.0.1.0/24 -o b -j MASQUERADE\nCOMMIT\n',
  '*nat\n-A POSTROUTING -s fd00:1::/64 -o b -j MASQUERADE\nCOMMIT\n',
] as const;

const { a, b, clientMac, serverMac } = ethernetHex;
const out = (from = '10.0.1.2', to = '10.0.2.2'): Way => ({ macs: [a, clientMac], from, to });
const back = (from = '10.0.2.2', to = '10.0.2.1'): Way => ({ macs: [b, serverMac], from, to });
const out6: Way = { macs: [a, clientMac], from: 'fd00:1::2', to: 'fd00:2::2' };
const back6: Way = { macs: [b, serverMac], from: 'fd00:2::2', to: 'fd00:2::1' };

const fromClient = (frame: Uint8Array): Step => ({ at: 'a', frame });
const fromServer = (frame: Uint8Array): Step => ({ at: 'b', frame });

/** Segments of a connection from a client's port to port 80; `>` to the server, `<` back. */
function conversation(
  port: number,
  lines: readonly string[],
  ways: readonly [Way, Way] = [out(), back()],
): Step[] {
  return lines.map((line) => {
    const [direction, flags, sequence, acknowledgment, payload = ''] = line.split(' ');
    const segment: Omit<Segment, 'ports'> = {
      flags,
      sequence: Number(sequence),
      acknowledgment: Number(acknowledgment),
      payload,
    };
    return direction === '>'
      ? fromClient(frames.tcpFrame(ways[0], { ...segment, ports: [port, 80] }))
      : fromServer(frames.tcpFrame(ways[1], { ...segment, ports: [80, port] }));
  });
}

const HANDSHAKE = ['> S 1000 0', '< SA 5000 1001', '> A 1001 5001'];
const CLOSE = ['> FA 1001 5001', '< FA 5001 1002', '> A 1002 5002'];
const UDP = 17;
const ICMP = 1;
const longPayload = 'x'.repeat(40);

export const KERNEL_CASES: readonly KernelCase[] = [
  { name: 'SYN', steps: conversation(40001, ['> S 1000 0']) },
  { name: 'SYN and SYN/ACK', steps: conversation(40002, HANDSHAKE.slice(0, 2)) },
  { name: 'handshake', steps: conversation(40003, HANDSHAKE) },
  {
    name: 'data without acknowledgment',
    steps: conversation(40004, [...HANDSHAKE, '> PA 1001 5001 hello']),
  },
  {
    name: 'data with acknowledgment',
    steps: conversation(40005, [...HANDSHAKE, '> PA 1001 5001 hello', '< A 5001 1006']),
  },
  { name: 'closed by the client', steps: conversation(40006, [...HANDSHAKE, ...CLOSE]) },
  { name: 'half closed', steps: conversation(40007, [...HANDSHAKE, '> FA 1001 5001', '< A 5001 1002']) },
  {
    name: 'closed by the server, last ACK to come',
    steps: conversation(40008, [...HANDSHAKE, '< FA 5001 1001', '> FA 1001 5002']),
  },
  { name: 'reset by the server', steps: conversation(40009, [...HANDSHAKE, '< R 5001 0']) },
  { name: 'refused', steps: conversation(40010, ['> S 1000 0', '< RA 0 1001']) },
  { name: 'opened anew', steps: conversation(40011, [...HANDSHAKE, ...CLOSE, '> S 9000 0']) },
  { name: 'picked up in the middle', steps: conversation(40012, ['> A 1001 5001']) },
  { name: 'a FIN of no connection', steps: conversation(40013, ['> FA 1001 5001']) },
  { name: 'SYN with FIN', steps: conversation(40014, ['> SF 1000 0']) },
  { name: 'SYN/ACK of no connection', steps: conversation(40015, ['> SA 1000 0']) },
  { name: 'SYN in an established connection', steps: conversation(40016, [...HANDSHAKE, '> S 1000 0']) },
  {
    name: 'UDP without answer',
    steps: [fromClient(frames.udpFrame(out(), [50001, 53], 'query'))],
  },
  {
    name: 'UDP with answer',
    steps: [
      fromClient(frames.udpFrame(out(), [50002, 53], 'query')),
      fromServer(frames.udpFrame(back(), [53, 50002], 'answer')),
    ],
  },
  {
    name: 'UDP without checksum',
    steps: [fromClient(frames.withoutUdpChecksum(frames.udpFrame(out(), [50003, 53], 'query')))],
  },
  {
    name: 'UDP stream',
    steps: [
      fromClient(frames.udpFrame(out(), [50004, 53], 'one')),
      fromServer(frames.udpFrame(back(), [53, 50004], 'two')),
      2.5,
      fromClient(frames.udpFrame(out(), [50004, 53], 'three')),
    ],
  },
  {
    name: 'privileged port',
    steps: [fromClient(frames.udpFrame(out(), [123, 123], 'time'))],
  },
  {
    name: 'ping',
    steps: [fromClient(frames.icmpFrame(out(), 8, 777)), fromServer(frames.icmpFrame(back(), 0, 777))],
  },
  { name: 'echo reply of no echo', steps: [fromClient(frames.icmpFrame(out(), 0, 778))] },
  {
    name: 'timestamp request',
    steps: [fromClient(frames.icmpFrame(out(), 13, 779, 'abcdefghijkl'))],
  },
  {
    name: 'port unreachable from the server',
    steps: [
      fromClient(frames.udpFrame(out(), [50005, 54], 'query')),
      fromServer(
        frames.errorFrame(back(), 3, 3, frames.udpFrame(back('10.0.2.1', '10.0.2.2'), [50005, 54], 'query')),
      ),
    ],
  },
  {
    name: 'time exceeded from a router on the way, with eight bytes of TCP',
    steps: [
      ...conversation(40017, ['> S 1000 0']),
      fromServer(
        frames.errorFrame(
          back('10.0.2.9'),
          11,
          0,
          frames.tcpFrame(back('10.0.2.1', '10.0.2.2'), { ports: [40017, 80], flags: 'S' }),
          28,
        ),
      ),
    ],
  },
  {
    name: 'fragmentation needed, about a ping',
    steps: [
      fromClient(frames.icmpFrame(out(), 8, 780)),
      fromServer(
        frames.errorFrame(back('10.0.2.9'), 3, 4, frames.icmpFrame(back('10.0.2.1', '10.0.2.2'), 8, 780)),
      ),
    ],
  },
  {
    name: 'an error about no connection',
    steps: [
      fromServer(
        frames.errorFrame(back(), 3, 3, frames.udpFrame(back('10.0.2.1', '10.0.2.2'), [50099, 54], 'query')),
      ),
    ],
  },
  {
    name: 'an error from the client about an answer',
    steps: [
      fromClient(frames.udpFrame(out(), [50006, 53], 'query')),
      fromServer(frames.udpFrame(back(), [53, 50006], 'answer')),
      fromClient(
        frames.errorFrame(out(), 3, 3, frames.udpFrame(out('10.0.2.2', '10.0.1.2'), [53, 50006], 'answer')),
      ),
    ],
  },
  {
    name: 'fragments of a datagram',
    steps: frames.fragments(out(), UDP, frames.udpDatagram([50007, 53], longPayload), 24).map(fromClient),
  },
  {
    name: 'fragments of a ping',
    steps: frames
      .fragments(out(), ICMP, frames.icmpFrame(out(), 8, 781, longPayload).subarray(34), 24)
      .map(fromClient),
  },
  {
    name: 'a protocol without ports',
    steps: [fromClient(frames.ipFrame(out(), 253, Buffer.from('anything')))],
  },
  {
    name: 'the same port to two servers',
    steps: [
      fromClient(frames.udpFrame(out(), [50008, 53], 'one')),
      fromClient(frames.udpFrame(out('10.0.1.2', '10.0.2.3'), [50008, 53], 'two')),
    ],
  },
  {
    name: 'two clients with one port, to two servers',
    steps: [
      fromClient(frames.udpFrame(out(), [50009, 53], 'one')),
      fromClient(frames.udpFrame(out('10.0.1.3', '10.0.2.3'), [50009, 53], 'two')),
    ],
  },
  {
    name: 'IPv6: handshake',
    steps: conversation(40020, HANDSHAKE, [out6, back6]),
  },
  {
    name: 'IPv6: UDP with answer',
    steps: [
      fromClient(frames.udpFrame(out6, [50020, 53], 'query')),
      fromServer(frames.udpFrame(back6, [53, 50020], 'answer')),
    ],
  },
  {
    name: 'IPv6: ping',
    steps: [fromClient(frames.icmpFrame(out6, 128, 790)), fromServer(frames.icmpFrame(back6, 129, 790))],
  },
  {
    name: 'IPv6: port unreachable',
    steps: [
      fromClient(frames.udpFrame(out6, [50021, 54], 'query')),
      fromServer(
        frames.errorFrame(
          back6,
          1,
          4,
          frames.udpFrame({ ...back6, from: 'fd00:2::1', to: 'fd00:2::2' }, [50021, 54], 'query'),
        ),
      ),
    ],
  },
];
