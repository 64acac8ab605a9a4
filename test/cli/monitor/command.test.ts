/** `packetwalk monitor`, `replay --monitor` and `run --monitor`, run as users do. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { split as splitMonitorArguments } from '../../../src/cli/commands/monitor.js';
import { ciliumMonitor } from '../../../src/cli/monitor/cilium-flags.js';
import { Monitor } from '../../../src/cli/monitor/monitor.js';
import { fromHex } from '../../support/hex.js';
import { inTemporaryDirectory, lab, packetwalk } from '../run.js';
import { builtTopology, toStack } from './records.js';

const BANNER = 'Listening for events on 1 CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n';
const POD = lab('digitalocean-pod.pcap');
const monitor = (...words: readonly string[]) =>
  packetwalk(['monitor', '-t', 'digitalocean-pod', '--capture', POD, ...words]);

test('a request of the write-up, in the words of its version', () => {
  const { stdout, stderr, exitCode } = monitor(
    '--cilium-version',
    '1.10',
    'cilium monitor --type trace | grep 1.0.0.1 | grep tcp',
  );
  assert.equal(exitCode, 0);
  assert.equal(
    stdout,
    `-> stack flow 0x0 identity 42837->world state new ifindex 0 orig-ip 0.0.0.0: 10.244.0.213:58250 -> 1.0.0.1:80 tcp SYN
-> endpoint 762 flow 0x0 identity world->42837 state reply ifindex lxcf4cd39e34601 orig-ip 1.0.0.1: 1.0.0.1:80 -> 10.244.0.213:58250 tcp SYN, ACK
-> endpoint 762 flow 0x0 identity world->42837 state reply ifindex lxcf4cd39e34601 orig-ip 1.0.0.1: 1.0.0.1:80 -> 10.244.0.213:58250 tcp ACK, FIN
-> stack flow 0x0 identity 42837->world state established ifindex 0 orig-ip 0.0.0.0: 10.244.0.213:58250 -> 1.0.0.1:80 tcp ACK, FIN
`,
  );
  assert.equal(stderr, `${BANNER}level=info msg="Initializing dissection cache..." subsys=monitor\n`);
});

test('options of the tool may stand alone', () => {
  assert.match(
    monitor('--type', 'policy-verdict', '-n').stdout,
    /^Policy verdict log: .*remote ID 2, proto 1, egress/,
  );
  assert.deepEqual(
    splitMonitorArguments(['monitor', '-t', 'x', '--capture=y', '--type', 'drop', '-t', 'trace']),
    {
      own: ['monitor', '-t', 'x', '--capture=y'],
      words: ['--type', 'drop', '-t', 'trace'],
    },
  );
});

test('aggregation as configured, or not', () => {
  const lines = (...words: readonly string[]): number =>
    Number(monitor(...words, 'cilium-dbg monitor | wc -l').stdout);
  const [aggregated, all] = [lines(), lines('--config', 'monitor-aggregation=none')];
  assert.ok(aggregated < all, `${aggregated} < ${all}`);
  assert.match(
    monitor('--config', 'debug-verbose=datapath', '-v').stdout,
    /^CPU 00: MARK 0x0 FROM 762 DEBUG: /m,
  );
});

describe('several nodes', () => {
  const request = 'pod1: curl -s http://10.96.0.80/';
  const run = (...args: readonly string[]) => packetwalk(['run', '-t', 'life-of-a-packet', request, ...args]);

  test('each line begins with its node, in the order of the packet’s way', () => {
    const lines = run('--monitor').stdout.split('\n');
    assert.match(lines[0], /^node1: Policy verdict log: .* 10\.1\.1\.10:\d+ -> 10\.1\.2\.40:8080 tcp SYN$/);
    assert.match(lines[1], /^node1: -> stack .* tcp SYN$/);
    assert.match(lines[2], /^node2: Policy verdict log: .* tcp SYN$/);
    assert.match(lines[3], /^node2: -> endpoint 2004 .* tcp SYN$/);
    assert.match(lines[4], /^node2: -> stack .* tcp SYN, ACK$/);
    assert.match(lines[5], /^node1: -> endpoint 1001 .* tcp SYN, ACK$/);
  });

  test('one node alone is as on that node', () => {
    const args = [
      '-t',
      'life-of-a-packet',
      '--capture',
      lab('life-of-a-packet-pod1.pcap'),
      '--node',
      'node1',
    ];
    assert.match(packetwalk(['monitor', ...args]).stdout, /^Policy verdict log: /);
  });

  test('flows behind a run, of each node', () => {
    const { stdout } = run(
      '--show',
      'node2: hubble observe --to-pod pod4 --first 1',
      'hubble observe --type drop',
    );
    assert.match(
      stdout,
      /\nnode2# hubble observe --to-pod pod4 --first 1\nJan {2}1 00:00:00\.000: default\/pod1:\d+ \(ID:10001\) -> default\/pod4:8080 \(ID:10004\) policy-verdict:\S+ INGRESS ALLOWED \(TCP Flags: SYN\)\n\nnode1# hubble observe --type drop\n\nnode2#/,
    );
  });
});

test('beside a summary, a recording, and JSON, which stays alone on standard output', () => {
  const command = 'cilium-dbg monitor --type trace | head -n 1';
  const first = monitor(command).stdout;
  const args = [
    'replay',
    POD,
    '-t',
    'digitalocean-pod',
    '--config',
    'monitor-aggregation=medium',
    '--monitor',
    command,
  ];
  const beside = packetwalk(args).stdout;
  assert.ok(beside.startsWith(`${first}${POD} through topology digitalocean-pod: `), beside);
  inTemporaryDirectory((directory) => {
    const recorded = packetwalk([...args, '--out', path.join(directory, 'walk.pcapng')]).stdout;
    assert.ok(recorded.startsWith(first), recorded);
  });
  const { stdout, stderr } = packetwalk([...args, '--json']);
  assert.equal(JSON.parse(stdout).topology.name, 'digitalocean-pod');
  assert.ok(stderr.includes(first));
  assert.match(
    packetwalk(['replay', '--monitor', POD, '-t', 'digitalocean-pod']).stdout,
    /^Policy verdict log: /,
  );
});

test('what is wrong is said before the run', () => {
  const told = (args: readonly string[], message: RegExp): void => {
    const { exitCode, stderr, stdout } = packetwalk(args);
    assert.equal(exitCode, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  };
  const base = ['monitor', '-t', 'digitalocean-pod', '--capture', POD];
  told(['monitor', '-t', 'vxlan'], /monitor which capture\? \(--capture FILE\)/);
  told(
    [...base, 'tcpdump -i eth0'],
    /tcpdump is no monitor; there are cilium-dbg monitor \[OPTIONS\], hubble observe/,
  );
  told([...base, 'cilium status'], /cilium status: is no monitor/);
  told([...base, '--node', 'nodeX'], /--node nodeX: no such node; there are node-7o7xd/);
  told(
    [...base, '--node', 'node-7o7xd', '--cilium-version', '1.9'],
    /1\.9: not a version from 1\.10 to 1\.18/,
  );
  told([...base, '--config', 'monitor'], /--config monitor: give KEY=VALUE/);
  told([...base, '--type', 'drops'], /did you mean "drop"\?/);
  told(
    ['replay', POD, '-t', 'digitalocean-pod', '--monitor', 'cilium monitor --typ drop'],
    /no option --typ; did you mean "--type"\?/,
  );
});

test('events that the ring had no room for are told where they are missing', () => {
  const built = builtTopology('digitalocean-pod');
  let text = '';
  const monitor = new Monitor(built, {
    printer: ciliumMonitor([], built, built.nodes, 18, () => {}),
    nodes: built.nodes,
    namesNodes: false,
    write: (part) => {
      text += part;
    },
  });
  const ring = built.nodes[0].datapath.events;
  const record = fromHex(toStack);
  let written = 0;
  for (let i = 0; i < 4000; i++) {
    const at = ring.reserve(record.length);
    if (at < 0) continue;
    ring.bytes.set(record, at);
    written++;
  }
  monitor.end();
  const lines = text.trim().split('\n');
  assert.equal(lines.length, written + 1);
  assert.equal(lines.at(-1), `CPU 00: Lost ${4000 - written} events`);
});
