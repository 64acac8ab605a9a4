import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readyFiles } from '../support/ready-files.js';
import { lab, packetwalk } from './run.js';

describe('help and version', () => {
  test('--version prints the version alone', () => {
    assert.deepEqual(packetwalk(['--version']), { exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });

  test('help, --help and -h list the commands', () => {
    const { exitCode, stdout, stderr } = packetwalk(['help']);
    assert.equal(exitCode, 0);
    assert.equal(stderr, '');
    assert.match(stdout, /packetwalk replay CAPTURE +walk the frames/);
    assert.match(stdout, /packetwalk topologies \[NAME\] \[FILE\.\.\] +list the ready-made/);
    assert.equal(packetwalk(['--help']).stdout, stdout);
    assert.equal(packetwalk(['-h']).stdout, stdout);
  });

  test('help of a command tells its options', () => {
    const { stdout } = packetwalk(['help', 'replay']);
    assert.equal(packetwalk(['replay', '--help']).stdout, stdout);
    for (const option of ['topology', 'at', 'one-way', 'pod-cidr', 'save-topology', 'out', 'only', 'limit']) {
      assert.match(stdout, new RegExp(`--${option} `));
    }
    for (const option of ['speed', 'seed', 'json']) assert.match(stdout, new RegExp(`--${option} `));
  });
});

/** Arguments, and the one line that standard error has to say. */
const WRONG: readonly (readonly [args: readonly string[], line: string])[] = [
  [[], 'which command? (packetwalk help)'],
  [['reply'], 'unknown command reply; did you mean "replay"? (packetwalk help)'],
  [['walk'], 'unknown command walk (packetwalk help)'],
  [['--jsn'], 'which command? (packetwalk help)'],
  [['replay'], 'which capture? (packetwalk replay CAPTURE, - for standard input)'],
  [['replay', 'a.pcap', 'b.pcap'], 'one argument too many: b.pcap (packetwalk replay --help)'],
  [['replay', 'a.pcap', '-'], 'one argument too many: - (packetwalk replay --help)'],
  [
    ['replay', 'a.pcap', '--tpology', 'x'],
    'unknown option --tpology; did you mean "topology"? (packetwalk replay --help)',
  ],
  [['replay', 'a.pcap', '--limit'], 'not enough arguments following: limit (packetwalk replay --help)'],
  [['replay', 'a.pcap', '--limit', '0'], '--limit takes a whole number from 1 on'],
  [['replay', 'a.pcap', '--limit', 'ten'], '--limit takes a whole number from 1 on'],
  [['replay', 'a.pcap', '--seed=-1'], '--seed takes a whole number from 0 on'],
  [['replay', 'a.pcap', '--speed', 'fast'], '--speed fast: not max, realtime or a factor such as 10x'],
  [['replay', 'a.pcap', '--speed', '0x'], '--speed 0x: not max, realtime or a factor such as 10x'],
  [['replay', 'a.pcap', '--pod-cidr', '10.0/8'], '--pod-cidr 10.0/8: not a prefix such as 10.0.0.0/16'],
  [
    ['replay', 'a.pcap', '-t', 'same-node', '--pod-cidr', '10.0.0.0/8'],
    '--pod-cidr helps to infer a topology; with --topology it says nothing',
  ],
  [['replay', 'a.pcap', '--only', 'droped'], '--only droped: no such fate; did you mean "dropped"?'],
  [
    ['replay', 'a.pcap', '--only', 'dropped,lost'],
    '--only lost: no such fate; it is one of dropped, forwarded, delivered, transmitted, stack, answered, held',
  ],
  [
    ['replay', lab('same-node-client.pcap'), '-t', 'same-node', '--at', 'lxc77'],
    '--at lxc77: no such device in topology same-node; there are aq-dev-server/ens5, ' +
      'aq-dev-server/cilium_host, aq-dev-server/cilium_net, aq-dev-server/lxcb56ea4219379, ' +
      'aq-dev-server/lxcserver',
  ],
  [
    ['replay', lab('life-of-a-packet-pod1.pcap'), '-t', 'life-of-a-packet', '--at', 'bond0'],
    '--at bond0: 2 nodes have it; give node1/bond0 or node2/bond0',
  ],
  [['topologies', 'same-nod'], 'no ready-made topology same-nod; did you mean "same-node"?'],
];

describe('a command line that is wrong ends with code 2 and one line that says what to do', () => {
  for (const [args, line] of WRONG) {
    test(`packetwalk ${args.join(' ')}`, () => {
      const { exitCode, stdout, stderr } = packetwalk(args);
      assert.equal(stderr, `packetwalk: error: ${line}\n`);
      assert.equal(stdout, '');
      assert.equal(exitCode, 2);
    });
  }
});

describe('topologies', () => {
  test('lists the ready-made ones', () => {
    const { exitCode, stdout } = packetwalk(['topologies']);
    assert.equal(exitCode, 0);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)[0]),
      readyFiles(),
    );
  });

  test('lists them as JSON', () => {
    const list = JSON.parse(packetwalk(['topologies', '--json']).stdout);
    assert.deepEqual(
      list.find(({ name }: { name: string }) => name === 'same-node'),
      {
        name: 'same-node',
        description: 'One node with two pods, client and server',
      },
    );
  });

  test('prints one as it is declared', () => {
    const { stdout } = packetwalk(['topologies', 'life-of-a-packet']);
    assert.match(stdout, /^name: life-of-a-packet$/m);
    assert.match(stdout, /^ {2}- name: node1$/m);
    assert.equal(
      JSON.parse(packetwalk(['topologies', 'life-of-a-packet', '--json']).stdout).nodes[1].name,
      'node2',
    );
  });
});
