import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { listTopologies } from '../../src/topologies/ready-made.js';
import { repositoryRoot } from '../support/repository.js';
import { inTemporaryDirectory, lab, packetwalk } from './run.js';

const TRACES = path.join(repositoryRoot, 'test/data/traces');

/** Traces that were read line by line; the first line is the command. */
describe('traces as they were approved', () => {
  const files = readdirSync(TRACES);
  for (const file of files) {
    const [command, ...expected] = readFileSync(path.join(TRACES, file), 'utf8').split('\n');
    test(command, () => {
      const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]);
      assert.deepEqual(words.slice(0, 3), ['$', 'packetwalk', 'trace']);
      const { stdout, stderr, exitCode } = packetwalk(words.slice(2));
      assert.deepEqual(stdout.split('\n'), expected);
      assert.equal(stderr, '');
      assert.equal(exitCode, 0);
    });
  }
  test('each ready-made topology has one', () => {
    const traced = files.map((file) => /-t (\S+)/.exec(readFileSync(path.join(TRACES, file), 'utf8'))?.[1]);
    const missing = listTopologies().filter(({ name }) => !traced.includes(name));
    assert.deepEqual(missing, []);
  });
});

interface TraceJson {
  readonly version: number;
  readonly walk: {
    readonly steps: readonly Record<string, unknown>[];
    readonly outcome: Record<string, unknown>;
  };
  readonly reply: unknown;
  readonly listings?: readonly { readonly place: string; readonly text: string }[];
}

function traceJson(args: readonly string[]): TraceJson {
  return JSON.parse(packetwalk(['trace', ...args, '--json']).stdout);
}

describe('JSON', () => {
  const { version, walk, reply } = traceJson(['-t', 'life-of-a-packet', 'tcp pod1 -> pod4:9090']);
  test('its fields', () => {
    assert.equal(version, 1);
    assert.equal(reply, null);
    assert.deepEqual(walk.outcome, {
      fate: 'dropped',
      reason: 133,
      answered: false,
      place: { machine: 'node1', pod: null, device: 'lxc00aa' },
      text: 'dropped at node1/lxc00aa: Policy denied (133)',
    });
    assert.deepEqual(
      walk.steps.map(({ number, kind }) => `${number} ${kind}`),
      ['1 start', '2 move', '3 move', '4 hook', '5 end'],
    );
  });
  test('a move', () =>
    assert.deepEqual(walk.steps[1], {
      kind: 'move',
      frame: 1,
      place: { machine: 'node1', pod: 'pod1', device: 'eth0' },
      how: 'route',
      from: { machine: 'node1', pod: 'pod1', device: null },
      route: 'default via 10.1.1.1 dev eth0',
      changes: [{ field: 'MACs', before: '', after: '0a:00:0a:01:01:0a → 0a:00:00:00:11:aa' }],
      text: 'routed to eth0',
      number: 2,
    }));
  test('a lookup, and a policy decision', () => {
    const actions = walk.steps[3].actions as readonly Record<string, unknown>[];
    assert.deepEqual(
      actions.find(({ entry }) => (entry as { map?: string })?.map === 'cilium_ipcache_v2'),
      {
        kind: 'lookup',
        entry: {
          map: 'cilium_ipcache_v2',
          key: '10.1.2.40/32',
          matched: '10.1.2.40/32',
          value: [
            ['identity', '10004'],
            ['tunnelendpoint', '10.255.255.12'],
          ],
          about: 'pod4',
        },
        state: 'none',
      },
    );
    assert.deepEqual(
      actions.find(({ kind }) => kind === 'policy'),
      {
        kind: 'policy',
        direction: 'egress',
        endpoint: 'pod1',
        peer: '10004 (pod4)',
        port: '9090/TCP',
        verdict: 'denied',
        match: '',
        policies: ['client'],
        why: '(no rule of policy client allows this egress)',
      },
    );
  });
});

describe('options', () => {
  const SERVICE = ['trace', '-t', 'vxlan', 'client -> web'];
  test('--expect decides the exit code', () => {
    assert.equal(packetwalk([...SERVICE, '--expect', 'delivered']).exitCode, 0);
    assert.equal(packetwalk([...SERVICE, '--expect', 'answered']).exitCode, 0);
    const { exitCode, stderr } = packetwalk([...SERVICE, '--expect', 'dropped']);
    assert.equal(exitCode, 1);
    assert.equal(stderr, 'packetwalk: error: expected dropped, but: delivered to server on node2\n');
  });
  test('--repeat and --established find the connection', () => {
    assert.match(packetwalk([...SERVICE, '--repeat', '3']).stdout, /ESTABLISHED: .* packets=2 /);
    assert.match(
      packetwalk([...SERVICE, '--established']).stdout,
      /^10\.0\.1\.10:41234 → 10\.96\.0\.80:80 tcp PSH,ACK/,
    );
  });
  test('--from another place than the source is at', () => {
    const { stdout } = packetwalk(['trace', '-t', 'vxlan', 'tcp 10.9.9.9 -> server:80', '--from', 'client']);
    assert.match(stdout, /dropped at node1\/lxcclient: Invalid source ip \(132\)\n$/);
  });
  test('a frame of a capture, and the same in hex', () => {
    const capture = ['--capture', lab('life-of-a-packet-pod1.pcap'), '--frame', '3'];
    const hex = '0a00000011aa0a000a01010a08004500001cb628400040016eac0a01010a0a0101010800e40c13f20001';
    const inHex = packetwalk(['trace', '-t', 'life-of-a-packet', '--hex', hex, '--brief']);
    const captured = packetwalk(['trace', '-t', 'life-of-a-packet', ...capture, '--brief']);
    assert.match(captured.stdout, /^10\.1\.1\.10 → 10\.1\.1\.1 icmp echo request, 98 bytes\n/);
    assert.equal(inHex.stdout.split('\n').slice(1).join(), captured.stdout.split('\n').slice(1).join());
  });
  test('--show prints listings of what is left', () => {
    const { stdout } = packetwalk([...SERVICE, '--show', 'node2: cilium-dbg bpf ct list global']);
    assert.match(
      stdout,
      /\nnode2# cilium-dbg bpf ct list global\nTCP IN 10\.0\.1\.10:41234 -> 10\.0\.2\.10:8080 /,
    );
    const { listings } = traceJson(['-t', 'vxlan', 'client -> web', '--show', 'node1: route -n']);
    assert.equal(listings?.[0].place, 'node1');
  });
  test('lines are as wide as COLUMNS only on a terminal', () => {
    const longest = Math.max(
      ...packetwalk(SERVICE)
        .stdout.split('\n')
        .map((line) => line.length),
    );
    assert.ok(longest > 110);
  });
});

const SOCKETS = `
name: sockets
cilium: { routing-mode: native, kube-proxy-replacement: true }
nodes:
  - name: n1
    podCIDR: 10.0.1.0/24
    devices: [{ name: eth0, addresses: [172.16.0.1/24] }]
    routes: [{ to: default, via: 172.16.0.254, dev: eth0 }]
    neighbours: [{ address: 172.16.0.254, mac: "02:00:00:00:00:fe", dev: eth0 }]
    pods: [{ name: a, ip: 10.0.1.10, labels: { app: a } }]
hosts: [{ name: example.com, addresses: [1.0.0.1], serves: { http: 80 } }]
services: [{ name: empty, clusterIP: 10.96.0.81, ports: [{ port: 80 }], selector: { app: nobody } }]
`;

describe('what is not a packet between two pods', () => {
  const trace = (args: readonly string[], yaml = SOCKETS): ReturnType<typeof packetwalk> =>
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'sockets.yaml');
      writeFileSync(file, yaml);
      return packetwalk(['trace', '-t', file, ...args]);
    });
  test('a call that the program at the socket refuses', () => {
    const { stdout, exitCode } = trace(['a -> empty', '--expect', 'refused']);
    assert.match(stdout, /\n {4}verdict +SYS_REJECT: refused: the call fails with EHOSTUNREACH\n/);
    assert.match(stdout, /\nno packet is sent: the call fails with EHOSTUNREACH\n$/);
    assert.equal(exitCode, 0);
  });
  test('--raw goes past the sockets: nobody translates it', () => {
    const { stdout } = trace(['a -> empty', '--raw']);
    assert.match(stdout, /\n {4}verdict .*\n 7 {2}sent out of n1\/eth0\n/);
    assert.doesNotMatch(stdout, /cgroup/);
  });
  test('the answer of the datapath is no delivery', () => {
    const yaml = SOCKETS.replace('true }', 'true, bpf-lb-sock: false }');
    const { stdout, exitCode } = trace(['a -> empty', '--expect', 'delivered'], yaml);
    assert.match(
      stdout,
      /\nanswered by a program; the answer is delivered to a on n1 as 10\.96\.0\.81 → 10\.0\.1\.10 icmp unreachable\n$/,
    );
    assert.equal(exitCode, 1);
  });
  test('a host outside, there and back', () => {
    const { stdout, exitCode } = trace(['tcp a -> example.com', '--expect', 'answered', '--brief']);
    assert.match(stdout, /\nexample\.com\n 8 {2}the network outside/);
    assert.match(stdout, /\nreply: delivered to a on n1\n$/);
    assert.equal(exitCode, 0);
  });
});

describe('mistakes', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['pod1 -> web'], /trace in which topology\?/],
    [['-t', 'vxlan'], /which packet\?/],
    [
      ['-t', 'vxlan', 'clint -> web'],
      /is called "clint"; did you mean "client"\?\n {2}clint -> web\n {2}\^{5}\n$/,
    ],
    [['-t', 'vxlan', 'client -> web', '--hex', '00'], /one of PACKET, --capture and --hex/],
    [['-t', 'vxlan', '--hex', '0x00'], /--hex takes pairs of hex digits/],
    [['-t', 'vxlan', '--hex', '0000'], /2 bytes are no frame/],
    [['-t', 'vxlan', '--capture', lab('same-node-client.pcap'), '--frame', '9999'], /has 209 frames/],
    [['-t', 'vxlan', '--capture', 'no-such.pcap'], /no-such\.pcap/],
    [['-t', 'vxlan', 'client -> web', '--from', 'clien'], /--from clien: .*did you mean "client"\?/],
    [['-t', 'vxlan', 'client -> web', '--repeat', '0'], /--repeat takes a number from 1/],
    [['-t', 'vxlan', 'client -> web', '--json', '--brief'], /one of --brief, --verbose/],
    [['-t', 'vxlan', 'client -> web', '--out', 'x.svg'], /--out takes a --diagram/],
    [['-t', 'vxlan', 'client -> web', '--diagram', 'png'], /--diagram: "png" is none of mermaid, svg\n$/],
    [['-t', 'vxlan', 'client -> web', '--show', 'cilium bpf xx list'], /no listing for/],
  ];
  for (const [args, message] of cases) {
    test(args.join(' '), () => {
      const { exitCode, stdout, stderr } = packetwalk(['trace', ...args]);
      assert.match(stderr, message);
      assert.equal(exitCode, 2);
      assert.equal(stdout, '');
    });
  }
});

const hasXmllint = spawnSync('xmllint', ['--version']).error === undefined;

describe('diagrams', () => {
  test('SVG is well-formed', { skip: hasXmllint ? false : 'xmllint is not installed' }, () => {
    for (const args of [
      ['-t', 'vxlan', 'client -> web', '--reply'],
      ['-t', 'life-of-a-packet', 'tcp pod1 -> pod4:9090'],
      ['-t', 'egress-gateway', 'tcp billing -> 192.0.2.10:443', '--reply'],
    ]) {
      const { stdout } = packetwalk(['trace', ...args, '--diagram', 'svg']);
      const checked = spawnSync('xmllint', ['--noout', '--nonet', '-'], { input: stdout });
      assert.equal(checked.stderr.toString(), '');
      assert.equal(checked.status, 0);
    }
  });
  test('a drop is a cross where it happens; --out leaves the text', () =>
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'walk.svg');
      const args = ['trace', '-t', 'life-of-a-packet', 'tcp pod1 -> pod4:9090'];
      const { stdout } = packetwalk([...args, '--diagram', 'svg', '--out', file]);
      assert.equal(stdout, packetwalk(args).stdout);
      const svg = readFileSync(file, 'utf8');
      assert.equal(svg.match(/class="cross"/g)?.length, 1);
      assert.match(svg, />dropped: Policy denied \(133\)</);
      assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(svg), 'needs nothing from elsewhere');
    }));
  test('Mermaid', () => {
    const args = ['trace', '-t', 'life-of-a-packet', 'tcp pod1 -> pod4:9090', '--diagram', 'mermaid'];
    assert.deepEqual(packetwalk(args).stdout.split('\n').slice(0, 13), [
      'flowchart TB',
      '  subgraph w["10.1.1.10:41234 → 10.1.2.40:9090 tcp SYN"]',
      '    direction LR',
      '    subgraph w0["pod1 on node1"]',
      '      w0_0["<b>stack</b>"]:::stop',
      '      w0_1["<b>eth0</b>"]:::stop',
      '    end',
      '    subgraph w1["node1"]',
      '      w1_0["<b>lxc00aa</b><br/>4 <b>cil_from_container</b> (tcx ingress)<br/>egress policy: denied by client<br/>TC_ACT_SHOT: dropped: Policy denied (133)<br/><b>✗ dropped at node1/lxc00aa: Policy denied (133)</b>"]:::drop',
      '    end',
      '    w0_0 -->|"2 route"| w0_1',
      '    w0_1 -->|"3 veth"| w1_0',
      '  end',
    ]);
  });
});
