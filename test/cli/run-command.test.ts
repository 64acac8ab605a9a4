/** `packetwalk run` as users run it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { inTemporaryDirectory, packetwalk } from './run.js';

function run(...args: readonly string[]) {
  return packetwalk(['run', '-t', 'socket-lb', ...args]);
}

describe('packetwalk run', () => {
  test('prints what the tool prints, and nothing else', () => {
    const { exitCode, stdout, stderr } = run('client: wget -O - http://1.1');
    assert.equal(exitCode, 0);
    assert.match(stdout, /^world \(1\.0\.0\.1\) answers 172\.16\.0\.1:\d+\n$/);
    const bar = '*'.repeat(32);
    assert.equal(
      stderr,
      `Connecting to 1.1 (1.0.0.1:80)\nwriting to stdout\n-                    100% |${bar}|    ${stdout.length}  0:00:00 ETA\nwritten to stdout\n`,
    );
  });

  test('a failed command: exit code 1, and what became of its packets', () => {
    const { exitCode, stdout, stderr } = run('client: ping -c 2 -W 1 10.0.2.10');
    assert.equal(exitCode, 1);
    assert.match(stdout, /^2 packets transmitted, 0 received, 100% packet loss, time 2000ms$/m);
    assert.equal(
      stderr,
      'packetwalk: client: exit code 1; 2 packets dropped at node2/eth0: Policy denied (133)\n',
    );
  });

  test('an address that nobody outside has', () => {
    const { stderr } = run('client: ping -c 1 -W 1 8.8.8.8');
    assert.equal(
      stderr,
      'packetwalk: client: exit code 1; 1 packet left the network at node1/eth0 for an address that no host outside has\n',
    );
  });

  test('--json, the same each time', () => {
    const args = ['--json', 'client: curl -s http://web/', 'client: ping -c 1 -W 1 web1'];
    const [first, second] = [run(...args), run(...args)];
    assert.equal(first.stdout, second.stdout);
    const [page, ping] = JSON.parse(first.stdout);
    assert.deepEqual(
      [page.host, page.command, page.exitCode, page.losses],
      ['client', 'curl -s http://web/', 0, []],
    );
    assert.deepEqual(ping.losses, [{ at: 'node2/eth0', reason: 'Policy denied (133)', count: 1 }]);
    assert.notEqual(run('--seed', '2', ...args).stdout, first.stdout);
  });

  test('--parallel: all in the time of the longest', () => {
    const sleeps = ['client: sleep 3', 'world: sleep 2'];
    const seconds = (...args: string[]): number[] =>
      JSON.parse(run('--json', ...args, ...sleeps).stdout).map(
        (result: { seconds: number }) => result.seconds,
      );
    assert.deepEqual(seconds('--parallel'), [3, 2]);
  });

  test('pipes', () => {
    const { stdout } = run(
      'client: curl -sv http://10.96.0.80/ | wc -l',
      'client: echo hello | nc -u -w 1 1.1 7',
    );
    assert.match(stdout, /^client\$ [^\n]+\n1\nclient\$ [^\n]+\nhello\n$/);
  });

  test('--out records every hook, a packet under one number', () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'walk.pcapng');
      assert.equal(run('client: ping -c 1 1.1', '-o', file).exitCode, 0);
      assert.ok(existsSync(file));
      const text = readFileSync(file).toString('latin1');
      for (const place of [
        'client:stack',
        'node1:lxcclient:tcx-ingress:cil_from_container',
        'node1:eth0:out',
        'world:eth0:in',
      ]) {
        assert.ok(text.includes(place), place);
      }
    });
  });

  test('wrong command lines end with 2 and say what to do', () => {
    const cases: [string[], RegExp][] = [
      [
        ['clint: ping 1.1'],
        /^packetwalk: error: clint: no such pod, node or host; did you mean "client"\?\n$/,
      ],
      [['ping 1.1'], /^packetwalk: error: "ping 1\.1": give HOST: COMMAND/],
      [['client: pong 1.1'], /^packetwalk: error: client: pong: no such tool here; there are ping, /],
      [['client: ping'], /^packetwalk: error: client: ping: usage error: Destination address required\n$/],
      [['client: ping -Z 1.1'], /^packetwalk: error: client: ping: option -Z is not emulated\n$/],
      [['client: ping -c x 1.1'], /^packetwalk: error: client: ping: -c x: not a number from 1 to 65535\n$/],
      [['client: curl ftp://1.1/'], /^packetwalk: error: client: curl: ftp: only http is emulated\n$/],
      [['client: curl http://1.1/ ; ls'], /; is not understood here/],
      [['client: curl http://1.1/ | ls'], /\| ls: not known behind a pipe/],
      [[], /^packetwalk: error: run what\?/],
    ];
    for (const [args, message] of cases) {
      const { exitCode, stdout, stderr } = run(...args);
      assert.equal(exitCode, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
    assert.match(packetwalk(['run', 'a: ping b']).stderr, /run in which topology\?/);
  });
});
