/** Two nodes, each in a process of its own, joined by a veth: VXLAN between them, and what is on the wire. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { cannotRun, download, Lab, namespacesOf, packetwalk, pause, run, SHA256_OF_100_MB } from './lab.js';

const skip = cannotRun('curl', 'tcpdump', 'ping', 'bash', 'sha256sum', 'ethtool');
const wires = [`pwt${process.pid}a`, `pwt${process.pid}b`];

function ip(...words: string[]): void {
  execFileSync('ip', words);
}

/** A lab of one node of the topology, whose device is an end of the veth. */
function startNode(number: number, plugin = 'af-packet'): Promise<Lab> {
  const device = `node${number}/eth0=${plugin}:wire@${wires[number - 1]}`;
  return Lab.start(['vxlan', '--node', `node${number}`, '-d', device, '--serve']);
}

describe('two nodes in two processes', { skip, timeout: 180_000 }, () => {
  let labs: Lab[] = [];
  before(async () => {
    for (const wire of wires) ip('netns', 'add', wire);
    ip('link', 'add', 'wire', 'netns', wires[0], 'type', 'veth', 'peer', 'name', 'wire', 'netns', wires[1]);
    for (const wire of wires) {
      ip('-n', wire, 'link', 'set', 'wire', 'up');
      // As a real cable: a veth would let unfinished checksums and merged segments pass.
      ip(
        'netns',
        'exec',
        wire,
        'ethtool',
        '-K',
        'wire',
        'tx',
        'off',
        'tso',
        'off',
        'gso',
        'off',
        'gro',
        'off',
      );
    }
    labs = await Promise.all([startNode(1), startNode(2)]);
  });
  after(async () => {
    for (const lab of labs) await lab.stop();
    for (const wire of wires) ip('netns', 'del', wire);
  });

  test('a service of the other node answers, and 100 MB arrive whole', async () => {
    const [first] = labs;
    const { stdout } = await first.run('client', ['curl', '-sm', '5', 'http://10.96.0.80/']);
    assert.match(stdout, /^server answers 10\.0\.1\.10 port \d+\n$/);
    assert.equal(await download(first, 'client', 'http://10.96.0.80/bytes/100000000', 20), SHA256_OF_100_MB);
  });

  test('frames on the wire have right checksums and fit its MTU', async () => {
    const [first] = labs;
    const capture = spawn('ip', [
      'netns',
      'exec',
      wires[1],
      'tcpdump',
      '-nvvi',
      'wire',
      '-c',
      '200',
      'udp port 8472',
    ]);
    let text = '';
    capture.stdout.on('data', (data) => {
      text += data;
    });
    await new Promise((resolve) => capture.stderr.once('data', resolve));
    await pause(200);
    const ended = new Promise((resolve) => capture.once('exit', resolve));
    await download(first, 'client', 'http://10.96.0.80/bytes/3000000');
    await ended;
    // Of each frame: the outer header, then the packet in it.
    const inner = text.match(/10\.0\.[12]\.10\.\d+ > 10\.0\.[12]\.10\.\d+: Flags .*/g) ?? [];
    assert.equal(inner.length, 200);
    assert.equal(inner.filter((line) => !/, cksum 0x[\da-f]{4} \(correct\),/.test(line)).length, 0, inner[0]);
    assert.doesNotMatch(text, /incorrect|bad ip cksum|bad udp cksum/);
    const lengths = [...text.matchAll(/, length (\d+)\)/g)].map(([, length]) => Number(length));
    assert.ok(lengths.length >= 400 && Math.max(...lengths) <= 1500, `longest: ${Math.max(...lengths)}`);
  });

  test('pods of one node see the other node die and come back', async () => {
    const [first, second] = labs;
    await second.stop();
    const { code } = await first.run('client', ['curl', '-sm', '1', 'http://10.96.0.80/']);
    assert.equal(code, 28);
    labs[1] = await startNode(2);
    const { stdout } = await first.run('client', ['curl', '-sm', '5', 'http://10.96.0.80/']);
    assert.match(stdout, /^server answers/);
  });
});

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
      ip('netns', 'add', wires[0]);
      ip('link', 'set', tap, 'netns', wires[0], 'up');
      ip('-n', wires[0], 'addr', 'add', '10.0.1.10/32', 'dev', tap);
      ip('-n', wires[0], 'route', 'add', '10.0.1.1', 'dev', tap);
      // Long enough for somebody to look for the interface where it was made.
      const ping = ['netns', 'exec', wires[0], 'ping', '-c', '8', '-i', '0.1', '-W', '2', '10.0.1.1'];
      const { stdout } = await run('ip', ping);
      assert.match(stdout, /8 received/);
    } finally {
      ip('netns', 'del', wires[0]);
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
      const name = `t${process.pid}-refused-${args.length}`;
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
