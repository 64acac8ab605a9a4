/**
 * Segments in and out of the windows of a tracked connection, from a client 10.0.1.2 that is masqueraded to a server
 * 10.0.2.2: what is invalid leaves untranslated, or comes to nobody.
 */
import * as frames from './frames.js';
import type { KernelCase, Step } from './kernel-cases.js';
import { ethernetHex } from './lab-addresses.js';

const { a, b, clientMac, serverMac } = ethernetHex;
const OUT: frames.Way = { macs: [a, clientMac], from: '10.0.1.2', to: '10.0.2.2' };
const BACK: frames.Way = { macs: [b, serverMac], from: '10.0.2.2', to: '10.0.2.1' };

const u32 = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];

/** `scale=7`, `sackok`, `sack=6001-6101`, `window=100`, `data=LENGTH`. */
function extras(words: readonly string[]): Partial<frames.Segment> {
  const options: number[] = [];
  const found: { window?: number; payload?: string } = {};
  for (const word of words) {
    const [name, value = ''] = word.split('=');
    if (name === 'scale') options.push(1, 3, 3, Number(value));
    else if (name === 'sackok') options.push(1, 1, 4, 2);
    else if (name === 'sack') {
      const blocks = value
        .split(',')
        .flatMap((block) => block.split('-').flatMap((edge) => u32(Number(edge))));
      options.push(1, 1, 5, 2 + blocks.length, ...blocks);
    } else if (name === 'window') found.window = Number(value);
    else if (name === 'data') found.payload = 'd'.repeat(Number(value));
  }
  return { ...found, options };
}

/** Lines `> FLAGS SEQUENCE ACKNOWLEDGMENT …` of the client, `<` of the server; a number is a pause. */
function talk(port: number, lines: readonly (string | number)[]): (Step | number)[] {
  return lines.map((line) => {
    if (typeof line === 'number') return line;
    const [direction, flags, sequence, acknowledgment, ...more] = line.split(' ');
    const isClient = direction === '>';
    const frame = frames.tcpFrame(isClient ? OUT : BACK, {
      ports: isClient ? [port, 80] : [80, port],
      flags,
      sequence: Number(sequence),
      acknowledgment: Number(acknowledgment),
      ...extras(more),
    });
    return { at: isClient ? 'a' : 'b', frame };
  });
}

const OPEN = ['> S 1000 0', '< SA 5000 1001', '> A 1001 5001'];
const SCALED = ['> S 1000 0 scale=7 sackok', '< SA 5000 1001 scale=7 sackok', '> A 1001 5001 window=502'];
/** The server has acknowledged data since: the numbers are past their first ones. */
const MOVED = [
  ...OPEN,
  '> PA 1001 5001 data=100',
  '< A 5001 1101',
  '< PA 5001 1101 data=50',
  '> A 1101 5051',
];

const CASES: readonly (readonly [name: string, lines: readonly (string | number)[]])[] = [
  ['data far over the window', [...OPEN, '> PA 80000 5001 data=10', '< A 5001 80010']],
  [
    'data a little over the window, which is acknowledged',
    [...OPEN, '> PA 65300 5001 data=10', '< A 5001 65310', '> PA 65310 5001 data=5'],
  ],
  ['the last byte of the window', [...OPEN, '> PA 65240 5001 data=1', '< A 5001 1001']],
  ['an acknowledgment of what nobody sent', [...OPEN, '> A 1001 6000', '> A 1001 5001']],
  ['old data', [...MOVED, '> PA 1001 5051 data=100']],
  ['very old data', [...MOVED, '> PA 4294900000 5051 data=10']],
  ['a very old acknowledgment', [...MOVED, '> A 1101 4294900000']],
  ['a keepalive and its answer', [...MOVED, '> A 1100 5051', '< A 5051 1101']],
  [
    'scaled windows',
    [
      ...SCALED,
      '< A 5001 1001 window=502',
      '> PA 60000 5001 window=502 data=10',
      '> PA 70000 5001 window=502 data=10',
    ],
  ],
  [
    'windows without the scale of the other end',
    [
      '> S 1000 0 scale=7',
      '< SA 5000 1001',
      '> A 1001 5001 window=502',
      '< A 5001 1001 window=502',
      '> PA 70000 5001 data=10',
    ],
  ],
  [
    'a scale over 14 is 14',
    [
      '> S 1000 0 scale=99',
      '< SA 5000 1001 scale=99',
      '> A 1001 5001 window=4',
      '< A 5001 1001 window=4',
      '> PA 66000 5001 window=4 data=10',
      '> PA 140000 5001 window=4 data=10',
    ],
  ],
  [
    'selective acknowledgments',
    [
      ...SCALED,
      '< PA 5001 1001 data=10',
      '< PA 5021 1001 data=10',
      '> A 1001 5011 sack=5021-5031',
      '> A 1001 5011 sack=7000-7100',
      '> A 1001 5031',
    ],
  ],
  [
    'selective acknowledgments without permission',
    [...OPEN, '< PA 5001 1001 data=10', '> A 1001 5011 sack=7000-7100'],
  ],
  [
    'a window of 0, and open again',
    [...MOVED, '< A 5051 1101 window=0', '> PA 1101 5051 data=1', '< A 5051 1102'],
  ],
  ['a window of 0 stays', [...MOVED, '< A 5051 1101 window=0']],
  [
    'a window that grows',
    [...OPEN, '< A 5001 1001 window=65535', '> PA 66400 5001 data=10', '> PA 66536 5001 data=10'],
  ],
  [
    'three retransmissions',
    [...OPEN, ...Array.from({ length: 4 }, () => '> PA 1001 5001 data=10'), '< A 5001 1011'],
  ],
  [
    'two retransmissions',
    [...OPEN, ...Array.from({ length: 3 }, () => '> PA 1001 5001 data=10'), '< A 5001 1011'],
  ],
  [
    'numbers wrap',
    [
      '> S 4294967290 0',
      '< SA 4294967295 4294967291',
      '> A 4294967291 0',
      '> PA 4294967291 0 data=20',
      '< A 0 15',
      '< PA 0 15 data=8',
      '> A 15 8',
      '> PA 90000 8 data=1',
    ],
  ],
  ['a reset of the number that is expected', [...MOVED, '< R 5051 0']],
  ['a reset within the window', [...MOVED, '< R 5060 0']],
  ['a reset before it', [...MOVED, '< R 5001 0', '< A 5051 1101']],
  ['a reset far outside', [...MOVED, '< R 900000 0']],
  ['a reset behind data of its sender', [...MOVED, '< PA 5051 1101 data=10', '< R 5061 1101']],
  ['a reset that acknowledges 0', [...MOVED, '> RA 1101 0']],
  ['a reset of number 0 in answer to a SYN', ['> S 1000 0', '< RA 0 1001']],
  ['a reset of number 0 in answer to a SYN, without ACK', ['> S 1000 0', '< R 0 0']],
  ['a reset of number 0 in a connection', [...MOVED, '< R 0 0']],
  ['a reset while it closes', [...MOVED, '> FA 1101 5051', '< R 77 0']],
  ['a FIN out of the window', [...MOVED, '> FA 400000 5051']],
  ['both end it out of the window', [...MOVED, '> FA 400000 5051', '< RA 800000 1101']],
  ['a SYN in a connection is let through', [...MOVED, '> S 777000 0']],
  [
    'and answered: another connection',
    [
      ...MOVED,
      '> S 777000 0 scale=3',
      '< SA 999000 777001 scale=3',
      '> A 777001 999001',
      '> PA 777001 999001 data=4',
      '< A 999001 777005',
    ],
  ],
  [
    'and answered with a challenge, which is reset',
    [...MOVED, '> S 777000 0', '< A 5051 1101', '> R 1101 0'],
  ],
  ['and reset', [...MOVED, '> S 777000 0', '< RA 0 777001']],
  [
    'a challenge in LAST_ACK',
    [
      ...MOVED,
      '< FA 5051 1101',
      '> A 1101 5052',
      '> FA 1101 5052',
      '> S 777000 0',
      '< A 5052 1101',
      '< A 5052 1102',
    ],
  ],
  ['an acknowledgment in answer to a SYN, then a reset', ['> S 1000 0', '< A 7000 555', '> R 555 0']],
  ['the SYN again lives no longer', ['> S 1000 0', 2, '> S 1000 0']],
  [
    'another SYN with other options',
    ['> S 1000 0', '> S 3000 0 scale=2 sackok', '< SA 5000 3001 scale=2 sackok', '> A 3001 5001'],
  ],
  [
    'the SYN/ACK again, with another number',
    ['> S 1000 0', '< SA 5000 1001', '< SA 9000 1001', '> A 1001 9001'],
  ],
  ['both open at once', ['> S 1000 0', '< S 5000 0', '> SA 1000 5001', '< SA 5000 1001', '> A 1001 5001']],
  [
    'both open at once, the acknowledgment alone comes',
    ['> S 1000 0', '< S 5000 0', '> SA 1000 5001', '< A 5001 1001', '> PA 1001 5001 data=3'],
  ],
  [
    'met in the middle, windows of any kind',
    ['> PA 1001 5001 data=10', '< A 5001 1011', '> PA 400000 5001 data=10', '< PA 900000 1011 data=4'],
  ],
  ['met in the middle by the FIN of the other end', ['> A 1001 5001', '< FA 5001 1001', '> A 1001 5002']],
  [
    'a half-closed connection goes on',
    [
      ...MOVED,
      '> FA 1101 5051',
      '< A 5051 1102',
      '< PA 5051 1102 data=500',
      '> A 1102 5551',
      '< FA 5551 1102',
      '> A 1102 5552',
    ],
  ],
];

export const WINDOW_CASES: readonly KernelCase[] = CASES.map(([name, lines], i) => ({
  name: `window: ${name}`,
  steps: talk(42000 + i, lines),
}));
