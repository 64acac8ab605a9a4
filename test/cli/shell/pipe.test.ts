/** What stands behind a pipe does what the real tool does with the same lines. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Pipe } from '../../../src/cli/shell/pipe.js';
import { readArguments, readCommandLine } from '../../../src/cli/shell/words.js';

const LINES = [
  'TCP OUT 10.244.0.213:46486 -> 1.0.0.1:80 expires=17755044 RxPackets=4',
  'ICMP OUT 10.244.0.213:0 -> 1.0.0.1:0 related expires=17755093',
  '25: lxcf4cd39e34601@if24: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500',
  '    link/ether f6:93:7d:11:4d:37 brd ff:ff:ff:ff:ff:ff link-netnsid 0',
  '    inet6 fe80::f493:7dff:fe11:4d37/64 scope link ',
  '',
  'a+b a.b (x|y) {2} [q] ^ $ \\ *',
  'masquerade                             true',
  'Masq MASQ masq',
];

function ours(command: string, text: string): { readonly text: string; readonly exitCode: number } {
  const pipe = new Pipe(readCommandLine(command));
  // In pieces, as a monitor gives it.
  const middle = Math.floor(text.length / 2);
  const out = pipe.text(text.slice(0, middle)) + pipe.text(text.slice(middle)) + pipe.end();
  return { text: out, exitCode: pipe.exitCode(0) };
}

function real(command: string, text: string): { readonly text: string; readonly exitCode: number | null } {
  const { stdout, status } = spawnSync('sh', ['-c', command], {
    input: text,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  return { text: stdout.replace(/^ +(\d+)\n$/, '$1\n'), exitCode: status };
}

const COMMANDS = [
  'grep 1.0.0.1',
  "grep '1\\.0\\.0\\.1:80'",
  'grep -i masq',
  'grep -c TCP',
  'grep -c nothing',
  'grep -v OUT',
  'grep -A1 -B1 f6:93:7d:11:4d:37',
  'grep -A 1 inet6',
  'grep -B1 -n OUT',
  'grep -C1 link',
  'grep -E "TCP|ICMP"',
  'egrep "(TCP|ICMP) OUT"',
  'grep "TCP\\|ICMP"',
  'grep "a+b"',
  'grep -E "a\\+b"',
  'grep -F "(x|y) {2} [q]"',
  'grep -o "[0-9]*"',
  'grep -oE "[[:digit:]]+"',
  'grep -w link',
  'grep -x ""',
  'grep -n ""',
  'grep -e TCP -e Masq',
  'grep -q TCP',
  'grep "^ *inet6"',
  'grep "*"',
  'head -n 3',
  'head -2',
  'tail -n 2',
  'tail -n +3',
  'sort',
  'sort -r',
  'sort -u',
  'sort | uniq -c',
  'uniq',
  'wc -l',
  'grep OUT | grep -v ICMP | wc -l',
  'cat',
];

describe('as the real tools', () => {
  const text = `${LINES.join('\n')}\n`;
  for (const command of COMMANDS) {
    test(`| ${command}`, () => assert.deepEqual(ours(command, text), real(command, text)));
  }

  test('on any lines', () => {
    const line = fc.constantFrom(...LINES, 'x', 'x', 'y TCP');
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom(...COMMANDS), (lines, command) => {
        const input = lines.map((one) => `${one}\n`).join('');
        assert.deepEqual(ours(command, input), real(command, input));
      }),
      { numRuns: 60 },
    );
  });

  test('numbers sort as numbers, by column', () => {
    const numbers = 'b 10\na 9\nc 100\n';
    assert.equal(ours('sort -n -k2', numbers).text, 'a 9\nb 10\nc 100\n');
    assert.equal(ours('sort -k2', numbers).text, real('sort -k2', numbers).text);
  });
});

test('a line of words, quotes and pipes', () => {
  assert.deepEqual(readCommandLine(`ip a | grep -A1 "a b" |wc -l`), [
    ['ip', 'a'],
    ['grep', '-A1', 'a b'],
    ['wc', '-l'],
  ]);
  assert.deepEqual(readCommandLine(`grep 'it''s' a\\ b ""`), [['grep', 'its', 'a b', '']]);
  assert.deepEqual(readCommandLine('grep "->"'), [['grep', '->']]);
  assert.deepEqual(readArguments(['arp', '-an', '|', 'grep', 'a b']), [
    ['arp', '-an'],
    ['grep', 'a b'],
  ]);
});

test('what is not understood is said', () => {
  const told = (command: string, message: RegExp): void => {
    assert.throws(() => ours(command, ''), { name: 'UsageError', message });
  };
  told('awk 1', /\| awk: not known behind a pipe; there are grep, /);
  told('grep', /grep what\?/);
  told('grep x /etc/passwd', /reads what comes through the pipe, no file \/etc\/passwd/);
  told('grep -E "("', /not a regular expression/);
  told('grep -Z x', /no option -Z/);
  told('head -n x', /-n x: not a whole number/);
  told('wc -c', /no option -c/);
  assert.throws(() => readCommandLine('a > b'), /> is not understood here/);
  assert.throws(() => readCommandLine("a 'b"), /the quote ' does not end/);
});
