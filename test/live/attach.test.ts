/** `packetwalk attach`: what it would do, what it does, and what it refuses. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { cannotRun, Lab, namespacesOf, packetwalk, run } from './lab.js';

const skip = cannotRun('ping');
const namespace = `pwt${process.pid}`;

function ip(...words: string[]): void {
  execFileSync('ip', words);
}

describe('attach', { skip, timeout: 180_000, concurrency: 3 }, () => {
  test('says what it would do, and does nothing', async () => {
    const { code, stdout } = await packetwalk(
      ...[
        'attach',
        '-t',
        'vxlan',
        '-d',
        'client=tap:pod1',
        '-d',
        'node1/eth0=af-packet:veth7@lab',
        '--dry-run',
      ],
    );
    assert.equal(code, 0);
    assert.equal(
      stdout,
      'node1/lxcclient: makes the TAP pod1, or takes the one that is there; it is the device of the pod; MTU at least 1500\n' +
        'node1/eth0: takes the frames of veth7 in lab; what leaves the node there goes out; MTU at least 1500\n',
    );
  });

  test('a pod on a TAP of this namespace reaches its node', async () => {
    const tap = `pwt${process.pid}`;
    const name = `t${process.pid}-attach`;
    const attached = new Lab(['attach', '-t', 'vxlan', '-d', `client=tap:${tap}`, '--name', name], name);
    await attached.saysWithin(/ready: node1\/lxcclient on tap:/, 10_000);
    try {
      ip('netns', 'add', namespace);
      ip('link', 'set', tap, 'netns', namespace, 'up');
      ip('-n', namespace, 'addr', 'add', '10.0.1.10/32', 'dev', tap);
      ip('-n', namespace, 'route', 'add', '10.0.1.1', 'dev', tap);
      // Long enough for somebody to look for the interface where it was made.
      const ping = ['netns', 'exec', namespace, 'ping', '-c', '8', '-i', '0.1', '-W', '2', '10.0.1.1'];
      const { stdout } = await run('ip', ping);
      assert.match(stdout, /8 received/);
    } finally {
      ip('netns', 'del', namespace);
      assert.equal(await attached.kill('SIGTERM'), 0, attached.said);
    }
    assert.deepEqual(namespacesOf(name), []);
  });

  const refused: readonly [string[], number, RegExp][] = [
    [['-d', 'client=tup:x'], 2, /tup:x: there is no plugin "tup"; give one of tap, af-packet/],
    [
      ['-d', 'nobody=tap:x'],
      2,
      /--device nobody: the topology vxlan has no such device; there are node1\/eth0/,
    ],
    [['-d', 'eth0=tap:x'], 2, /--device eth0: which one\? node1\/eth0 or node2\/eth0/],
    [['-d', 'client=af-packet:nosuchif'], 2, /af-packet:nosuchif: there is no such interface; see: ip link/],
    [['-d', 'client=tap:x@nosuchns'], 2, /there is no network namespace nosuchns; see: ip netns list/],
    [['-d', 'client=tap:x', '-d', 'server=tap:x'], 2, /--device server=tap:x: tap:x is bound already/],
    [[], 2, /attach what\? \(--device DEVICE=PLUGIN:INTERFACE\)/],
  ];
  for (const [args, exitCode, message] of refused) {
    test(`refuses ${args.join(' ') || 'nothing'}`, async () => {
      const name = `t${process.pid}-refused-${refused.findIndex(([other]) => other === args)}`;
      const { code, stderr } = await packetwalk('attach', '-t', 'vxlan', '--name', name, ...args);
      assert.match(stderr, message);
      assert.equal(code, exitCode);
    });
  }

  test('without the privilege it says which one is missing, and how to get it', async () => {
    const command = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"';
    const args = [process.execPath, 'dist/src/cli/main.js', 'attach', '-t', 'vxlan', '-d', 'client=tap:x'];
    const { code, stderr } = await run('env', ['XDG_RUNTIME_DIR=/tmp', 'sh', '-c', command, 'sh', ...args]);
    assert.match(stderr, /CAP_NET_ADMIN/);
    assert.equal(code, 3);
  });
});
