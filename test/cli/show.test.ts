/** `packetwalk show` and `replay --show`, run as users do. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { split as splitShowArguments } from '../../src/cli/commands/show.js';
import { readArguments } from '../../src/cli/shell/words.js';
import type { Output } from '../../src/cli/show/command.js';
import { goJson } from '../../src/cli/show/json-text.js';
import { bytesText } from '../../src/cli/show/net-tools.js';
import { findPlace } from '../../src/cli/show/places.js';
import { runLine } from '../../src/cli/show/run-line.js';
import { Clock } from '../../src/engine/clock.js';
import { SeededRandom } from '../../src/engine/random.js';
import { buildTopology } from '../../src/topologies/build.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { bpftoolJson, ipJson } from '../../src/topologies/listings/json-text.js';
import { loadTopology, readTopology } from '../../src/topologies/load.js';
import { inTemporaryDirectory, lab, packetwalk } from './run.js';

/** Topologies are built once: all listings of this file look at the same ones. */
const built = new Map<string, BuiltTopology>();

function topology(name: string): BuiltTopology {
  const made =
    built.get(name) ??
    buildTopology(loadTopology(name).spec, { clock: new Clock(), random: new SeededRandom(1) });
  built.set(name, made);
  return made;
}

/** The command line of `show` behind `-t name`, without a process of its own. */
function output(name: string, ...args: readonly string[]): Output {
  const { own, words } = splitShowArguments(['show', ...args]);
  const option = (long: string): string | null => (own.includes(long) ? own[own.indexOf(long) + 1] : null);
  const place = findPlace(topology(name), option('--node'), option('--pod'));
  return runLine(place, readArguments(words), own.includes('--json'));
}

function show(name: string, ...args: readonly string[]): string {
  const { text, errors = '', exitCode = 0 } = output(name, ...args);
  assert.equal(errors, '');
  assert.equal(exitCode, 0);
  return text;
}

describe('the pod and the node of the write-up on DigitalOcean', () => {
  test('route -n in the pod', () => {
    assert.equal(
      show('digitalocean-pod', '--pod', 'pod', 'route', '-n'),
      `Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
0.0.0.0         10.244.0.201    0.0.0.0         UG    0      0        0 eth0
10.244.0.201    0.0.0.0         255.255.255.255 UH    0      0        0 eth0
`,
    );
  });

  test('the neighbour table of the pod, by arp and by ip', () => {
    const pod = (...words: readonly string[]) => show('digitalocean-pod', '--pod', 'pod', ...words);
    assert.equal(pod('arp', '-an'), '? (10.244.0.201) at f6:93:7d:11:4d:37 [ether] on eth0\n');
    assert.equal(
      pod('arp -n'),
      `Address                  HWtype  HWaddress           Flags Mask            Iface
10.244.0.201             ether   f6:93:7d:11:4d:37   C                     eth0
`,
    );
    assert.equal(pod('ip neigh'), '10.244.0.201 dev eth0 lladdr f6:93:7d:11:4d:37 REACHABLE \n');
    assert.equal(
      pod('ip', '-j', 'n'),
      '[{"dst":"10.244.0.201","dev":"eth0","lladdr":"f6:93:7d:11:4d:37","state":["REACHABLE"]}]\n',
    );
  });

  test('ip addr', () => {
    assert.equal(
      show('digitalocean-pod', 'ip', 'a', 'show', 'dev', 'lxcf4cd39e34601').replace('@if2:', '@ifN:'),
      `25: lxcf4cd39e34601@ifN: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether f6:93:7d:11:4d:37 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet6 fe80::f493:7dff:fe11:4d37/64 scope link${' '}
       valid_lft forever preferred_lft forever
`,
    );
    // A pod's device has no queue length: the line ends in a space.
    assert.match(
      show('digitalocean-pod', '--pod', 'pod', 'ip', '-4', 'addr', 'show', 'eth0'),
      / state UP group default {2}link-netnsid 0\n {4}inet 10\.244\.0\.213\/32 scope global eth0\n/,
    );
  });

  test('ifconfig cilium_host', () => {
    assert.equal(
      show('digitalocean-pod', 'ifconfig', 'cilium_host'),
      `cilium_host: flags=4291<UP,BROADCAST,RUNNING,NOARP,MULTICAST>  mtu 1500
        inet 10.244.0.201  netmask 255.255.255.255  broadcast 0.0.0.0
        inet6 fe80::a0a3:2ff:fe88:734  prefixlen 64  scopeid 0x20<link>
        ether a2:a3:02:88:07:34  txqueuelen 1000  (Ethernet)
        RX packets 0  bytes 0 (0.0 B)
        RX errors 0  dropped 0  overruns 0  frame 0
        TX packets 0  bytes 0 (0.0 B)
        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0

`,
    );
    assert.equal(bytesText(20100), '20100 (19.6 KiB)');
    assert.equal(bytesText(302532), '302532 (295.4 KiB)');
    assert.equal(bytesText(1098), '1098 (1.0 KiB)');
    assert.equal(bytesText(266), '266 (266.0 B)');
  });

  test('no BPF NAT where iptables masquerades', () => {
    const of = (map: string) =>
      `Unable to open /sys/fs/bpf/tc/globals/${map}: loading pinned map /sys/fs/bpf/tc/globals/${map}: ` +
      'no such file or directory. Skipping.\n';
    assert.deepEqual(output('digitalocean-pod', 'cilium', 'bpf', 'nat', 'list'), {
      text: '',
      errors: of('cilium_snat_v4_external') + of('cilium_snat_v6_external'),
    });
  });
});

test('routes in ip’s words', () => {
  const node = (...words: readonly string[]) => show('life-of-a-packet', '--node', 'node1', ...words);
  assert.equal(
    node('ip', 'route', 'show', 'dev', 'bond0'),
    'default via 10.255.255.1 \n10.255.255.0/24 proto kernel scope link src 10.255.255.11 \n',
  );
  assert.equal(
    node('ip', 'r', 'get', '8.8.8.8'),
    '8.8.8.8 via 10.255.255.1 dev bond0 src 10.255.255.11 uid 0 \n    cache \n',
  );
  assert.match(
    node('--json', 'ip', 'route'),
    /^\[\{"dst":"default","gateway":"10\.255\.255\.1","dev":"bond0","flags":\[\]\},/,
  );
});

test('what the agent lists: endpoints with their labels, identities', () => {
  const node = (...words: readonly string[]) => show('life-of-a-packet', '--node', 'node1', ...words);
  assert.equal(
    node('cilium-dbg', 'endpoint', 'list'),
    `ENDPOINT   POLICY (ingress)   POLICY (egress)   IDENTITY   LABELS (source:key[=value])   IPv6   IPv4        STATUS   ${''}
           ENFORCEMENT        ENFORCEMENT                                                                   ${''}
101        Disabled           Disabled          1          reserved:host                                    ready   ${''}
1001       Disabled           Enabled           10001      k8s:app=client                       10.1.1.10   ready   ${''}
`,
  );
  assert.match(
    node('cilium', 'identity', 'list'),
    /^ID {6}LABELS\n1 {7}reserved:host\n.*\n10004 {3}k8s:app=server\n$/s,
  );
});

test('a router between nodes has routes and neighbours, and no Cilium', () => {
  const text = `
name: routed
nodes:
  - name: n1
    podCIDR: 10.1.1.0/24
    devices: [{ name: eth0, addresses: [192.168.1.1/24] }]
links:
  - { name: left, devices: [n1/eth0, tor/left] }
routers:
  - name: tor
    devices: [{ name: left, mac: 02:00:00:00:00:01, addresses: [192.168.1.254/24] }]
`;
  built.set(
    'routed',
    buildTopology(readTopology(text, 'routed').spec, { clock: new Clock(), random: new SeededRandom(1) }),
  );
  assert.equal(
    show('routed', '--node', 'tor', 'ip', 'route'),
    '10.1.1.0/24 via 192.168.1.1 dev left \n192.168.1.0/24 dev left proto kernel scope link src 192.168.1.254 \n',
  );
  assert.match(
    show('routed', '--node', 'tor', 'ip', 'addr'),
    /\n {4}inet 192\.168\.1\.254\/24 scope global left\n/,
  );
  assert.throws(() => output('routed', '--node', 'tor', 'cilium', 'bpf', 'lb', 'list'), {
    name: 'UsageError',
    message: /tor is a router/,
  });
});

test('a key looked up in a map', () => {
  const lookup = (key: string, ...options: readonly string[]) =>
    output('life-of-a-packet', '--node', 'node1', `bpftool map lookup name ${key}`, ...options);
  assert.deepEqual(lookup('cilium_lb4_reverse_nat key hex 00 02'), {
    text: 'key: 00 02  value: 0a 60 00 35 00 35\n',
  });
  assert.deepEqual(lookup('cilium_lb4_reverse_nat key 0 9'), {
    text: 'key:\n00 09\n\nNot found\n',
    exitCode: 254,
  });
  assert.equal(lookup('cilium_lb4_reverse_nat key 0 9', '-j').text, 'null\n');
  assert.throws(() => lookup('cilium_lb4_reverse_nat key 0 1 2'), {
    message: /keys of cilium_lb4_reverse_nat have 2 bytes, this one 3/,
  });
});

test('ipcache get answers by the longest prefix', () => {
  const get = (address: string) => show('same-node', 'cilium-dbg', 'bpf', 'ipcache', 'get', address);
  const rest = 'encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>\n';
  assert.equal(get('10.3.0.179'), `10.3.0.179 maps to identity identity=1 ${rest}`);
  assert.equal(get('8.8.8.8'), `8.8.8.8 maps to identity identity=2 ${rest}`);
  assert.deepEqual(output('same-node', 'cilium-dbg', 'bpf', 'ipcache', 'get', 'fd00::1'), {
    text: 'fd00::1 does not map to any identity\n',
    exitCode: 1,
  });
});

test('maps as bpftool shows and dumps them, by full name and by the kernel’s', () => {
  const node = (...words: readonly string[]) => show('life-of-a-packet', '--node', 'node1', ...words);
  assert.match(
    node('bpftool', 'map', 'show', 'name', 'cilium_ipcache_v2', '-f'),
    /^\d+: lpm_trie {2}name cilium_ipcache_ {2}flags 0x1\n\tkey 24B {2}value 24B {2}max_entries 512000 {2}memlock \d+B\n\tpinned \/sys\/fs\/bpf\/tc\/globals\/cilium_ipcache_v2\n$/,
  );
  const text =
    'key: 00 01  value: 0a 60 00 50 00 50\nkey: 00 02  value: 0a 60 00 35 00 35\nFound 2 elements\n';
  assert.equal(node('bpftool', 'map', 'dump', 'name', 'cilium_lb4_reverse_nat'), text);
  assert.equal(node('bpftool', 'map', 'dump', 'name', 'cilium_lb4_reve'), `${text}Found 0 elements\n`);
  assert.equal(
    node('bpftool', '-j', 'map', 'dump', 'name', 'cilium_lb4_reverse_nat'),
    '[{"key":["0x00","0x01"],"value":["0x0a","0x60","0x00","0x50","0x00","0x50"]},' +
      '{"key":["0x00","0x02"],"value":["0x0a","0x60","0x00","0x35","0x00","0x35"]}]\n',
  );
});

test('a dump of a real map, taken in and listed', () => {
  inTemporaryDirectory((directory) => {
    const file = path.join(directory, 'ct.json');
    const hex = (text: string) => Array.from(Buffer.from(text, 'hex'), (byte) => `0x${byte.toString(16)}`);
    const value = `${'00'.repeat(32)}64000000${'00'.repeat(20)}`;
    writeFileSync(file, JSON.stringify([{ key: hex('0af400d5010000010050b5960600'), value: hex(value) }]));
    const load = (map: string, ...words: readonly string[]) =>
      packetwalk(['show', '-t', 'same-node', '--load', `${map}=${file}`, ...words]);
    const loaded = load('cilium_ct4_global', 'cilium-dbg', 'bpf', 'ct', 'list', 'global');
    assert.equal(loaded.stderr, '');
    assert.match(loaded.stdout, /^TCP OUT 10\.244\.0\.213:46486 -> 1\.0\.0\.1:80 expires=100 /);
    const wrong = load('cilium_lxc', 'ip', 'a');
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, /map cilium_lxc: entry 1: key has 14 bytes, the map's have 20/);
  });
});

describe('what cannot be shown', () => {
  const fails = (name: string, line: string, message: RegExp): void => {
    assert.throws(() => output(name, ...line.split(' ')), { name: 'UsageError', message });
  };

  test('is told with what comes nearest', () => {
    fails('same-node', 'cilium bpf ctt list', /nearest ones are\n {2}cilium-dbg bpf ct list/);
    fails('same-node', 'ifcnfig', /nearest ones are\n {2}ifconfig \[DEVICE\]/);
    fails('same-node', 'bpftool map dump name cilium_lx', /near it: cilium_lxc/);
    fails('same-node', 'route -x', /option -x is not known here; it takes -n/);
    fails('same-node', 'cilium bpf ct list global -o yaml', /there is json alone/);
    fails('same-node', '--json route', /route has no JSON output/);
    fails('same-node', 'cilium-dbg bpf policy get 5', /no endpoint 5 .* there are 101 \(client\)/);
    fails('same-node', 'cilium-dbg bpf ipcache get', /ipcache get what\?/);
  });

  test('needs a place in the topology', () => {
    fails('life-of-a-packet', 'route', /give --node node1 or node2/);
    fails('life-of-a-packet', '--node noed1 route', /did you mean "node1"/);
    fails('life-of-a-packet', '--pod pod9 route', /no such pod/);
  });

  test('needs a topology and a command; ends with 2', () => {
    const nowhere = packetwalk(['show', 'route']);
    assert.match(nowhere.stderr, /in which topology/);
    assert.equal(nowhere.exitCode, 2);
    const nothing = packetwalk(['show', '-t', 'same-node']);
    assert.match(nothing.stderr, /show what\?/);
    assert.equal(nothing.exitCode, 2);
  });

  test('is a device that is not there: as the tool says it', () => {
    const { exitCode, stderr } = packetwalk(['show', '-t', 'same-node', 'ifconfig', 'eth9']);
    assert.equal(exitCode, 1);
    assert.equal(stderr, 'eth9: error fetching interface information: Device not found\n');
  });
});

describe('replay --show', () => {
  test('prints the state that a run leaves behind, node by node', () => {
    const { exitCode, stdout } = packetwalk([
      'replay',
      lab('life-of-a-packet-pod1.pcap'),
      '-t',
      'life-of-a-packet',
      '--show',
      'node1: cilium-dbg bpf ct list global',
      'cilium-dbg bpf lb list --revnat',
    ]);
    assert.equal(exitCode, 0);
    assert.match(
      stdout,
      /\nnode1# cilium-dbg bpf ct list global\nTCP SVC 10\.1\.1\.10:\d+ -> 10\.96\.0\.80:80 /,
    );
    const reverse = 'ID   BACKEND ADDRESS (REVNAT_ID) (SLOT)\n1    10.96.0.80:80   \n2    10.96.0.53:53   \n';
    assert.ok(stdout.endsWith(`\nnode2# cilium-dbg bpf lb list --revnat\n${reverse}`));
  });

  test('in JSON beside the summary; a wrong command is told before the run', () => {
    const replay = ['replay', lab('same-node-client.pcap'), '-t', 'same-node', '--json', '--show'];
    const { stdout } = packetwalk([...replay, 'client: arp -an']);
    const { listings } = JSON.parse(stdout) as { listings: unknown };
    assert.deepEqual(listings, [
      {
        place: 'client',
        command: 'arp -an',
        text: '? (10.3.0.179) at 3a:e7:76:b3:40:73 [ether] on eth0\n',
      },
    ]);
    const wrong = packetwalk([...replay, 'clint: arp -an']);
    assert.equal(wrong.exitCode, 2);
    assert.equal(wrong.stdout, '');
    assert.match(wrong.stderr, /no node, router or pod clint; did you mean "client"/);
  });
});

test('the command begins with the first word that is none of our options', () => {
  assert.deepEqual(splitShowArguments(['show', '-t', 'x', '--json', 'ip -j', 'a', '-t']), {
    own: ['show', '-t', 'x', '--json'],
    words: ['ip -j', 'a', '-t'],
  });
  assert.deepEqual(readArguments(['ip -j', 'a', '-t']), [['ip', '-j', 'a', '-t']]);
  assert.deepEqual(splitShowArguments(['show', '--topology=x', '--', 'arp']), {
    own: ['show', '--topology=x'],
    words: ['arp'],
  });
});

test('JSON as Go, bpftool and iproute2 write it', () => {
  assert.equal(
    goJson({ a: ['x => <y> & é'], n: 18446744073709551615n, e: [], o: {} }),
    '{\n  "a": [\n    "x =\\u003e \\u003cy\\u003e \\u0026 é"\n  ],\n' +
      '  "n": 18446744073709551615,\n  "e": [],\n  "o": {}\n}\n\n',
  );
  assert.equal(
    bpftoolJson([{ key: ['0x01', '0x00'], id: 1 }, { empty: [] }], true),
    '[{\n        "key": ["0x01","0x00"\n        ],\n        "id": 1\n    },{\n        "empty": []\n    }\n]\n',
  );
  assert.equal(
    ipJson([{ flags: ['UP', 'LOWER_UP'], none: [] }, { mtu: 1500 }], true),
    '[ {\n        "flags": [ "UP","LOWER_UP" ],\n        "none": [ ]\n    },{\n        "mtu": 1500\n    } ]\n',
  );
});
