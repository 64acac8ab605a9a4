/** Every ready-made topology with its hosts answering: what reaches whom, under which address, and what does not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listTopologies } from '../../src/topologies/ready-made.js';
import { type Ran, runTool, simulate } from './run-support.js';

/** Who serves, under which address, and as whom it sees the client: `web1 (10.0.2.10) answers 10.0.1.10`. */
function page({ code, stdout }: Ran): string {
  assert.equal(code, 0);
  return stdout.trim().replace(/:\d+$/, '');
}

const WORLD = `
hosts:
  - { name: world, addresses: [1.0.0.1, "2606:4700::1"], serves: { http: 80 } }
`;

/** The client's end of a TCP connection attempt that nobody answers. */
const TIMED_OUT =
  /^curl: \(28\) Failed to connect to \S+ port \d+ after 131\d{3} ms: Couldn't connect to server\n$/;

const RUNS: Readonly<Record<string, (run: (line: string) => Ran) => void>> = {
  'digitalocean-pod': (run) => {
    assert.equal(run('pod: ping -c 1 10.244.0.201').code, 0);
    assert.match(
      run('node-7o7xd: ping -c 1 10.244.0.213').stdout,
      /^64 bytes from 10\.244\.0\.213: icmp_seq=1 ttl=64/m,
    );
    assert.deepEqual(run('pod: ping -c 2 -W 1 1.0.0.1').losses, ['node-7o7xd/eth0 x2']);
  },
  'dual-stack': (run) => {
    for (const [address, server, client] of [
      ['10.0.2.10:8080', '10.0.2.10', '10.0.1.10'],
      ['10.96.0.80', '10.0.2.10', '10.0.1.10'],
      ['[fd00:a:2::10]:8080', 'fd00:a:2::10', '[fd00:a:1::10]'],
      ['[fd00:c::80]', 'fd00:a:2::10', '[fd00:a:1::10]'],
    ]) {
      assert.equal(page(run(`client: curl -gs http://${address}/`)), `server (${server}) answers ${client}`);
    }
    assert.equal(page(run('node1: curl -s http://10.96.0.80/')), 'server (10.0.2.10) answers 172.16.1.1');
    assert.match(run('client: ping -6 -c 1 fd00:a:2::10').stdout, /icmp_seq=1 ttl=61 time/);
    assert.match(
      run('client: ping -c 1 -t 2 10.0.2.10').stdout,
      /^From 172\.16\.1\.254 icmp_seq=1 Time to live exceeded$/m,
    );
  },
  'egress-gateway': (run) => {
    assert.equal(run('billing: ping -c 1 172.16.0.2').code, 0);
    assert.deepEqual(run('billing: curl -s http://192.0.2.5/').losses, ['node2/eth0 x11']);
    assert.deepEqual(run('billing: curl -s http://198.51.100.5/').losses, ['node1/eth0 x11']);
  },
  'host-firewall': (run) => {
    assert.equal(run('prometheus: ping -c 1 10.0.1.20').code, 0);
    assert.equal(
      run('prometheus: nc -zv 172.16.0.1 9100').stderr,
      'nc: connect to 172.16.0.1 port 9100 (tcp) failed: Connection refused\n',
    );
    const denied = run('web: nc -zv -w 3 172.16.0.1 9100');
    assert.equal(
      denied.stderr,
      'nc: connect to 172.16.0.1 port 9100 (tcp) timed out: Operation now in progress\n',
    );
    assert.equal(denied.losses.length, 1);
    assert.match(denied.losses[0], /: Policy denied x3$/);
  },
  'life-of-a-packet': (run) => {
    assert.equal(page(run('pod1: curl -s http://10.96.0.80/')), 'pod4 (10.1.2.40) answers 10.1.1.10');
    assert.equal(page(run('pod1: curl -s http://web/')), 'pod4 (10.1.2.40) answers 10.1.1.10');
    const denied = run('pod1: curl -s -S http://10.1.2.40:9090/');
    assert.match(denied.stderr, TIMED_OUT);
    assert.deepEqual(denied.losses, ['node1/lxc00aa: Policy denied x11']);
    const refused = run('pod1: curl -s -S http://10.1.2.40:1/');
    assert.equal(
      refused.stderr,
      "curl: (7) Failed to connect to 10.1.2.40 port 1 after 0 ms: Couldn't connect to server\n",
    );
    assert.deepEqual(run('pod1: ping -c 1 -s 3000 -W 1 10.1.2.40').losses, [
      'node1/lxc00aa: Invalid packet x3',
    ]);
  },
  'node-port': (run) => {
    assert.match(
      page(run('node2: curl -s http://10.96.0.80/')),
      /^web[12] \(10\.0\.[23]\.10\) answers (172\.16\.0\.2|10\.0\.2\.1)$/,
    );
    assert.equal(run('node1: nc -l 30080').stderr, 'nc: Address already in use\n');
    assert.equal(run('node1: nc -u -l 30053').stderr, 'nc: Address already in use\n');
  },
  'same-node': (run) => {
    assert.equal(page(run('client: curl -s http://10.3.0.158/')), 'server (10.3.0.158) answers 10.3.0.115');
    assert.equal(run('client: ping -c 3 10.3.0.158').code, 0);
    assert.deepEqual(run('client: nc -z -w 1 10.3.0.158 81').losses, [
      'aq-dev-server/lxcserver: Policy denied x1',
    ]);
  },
  'socket-lb': (run) => {
    assert.match(
      page(run('client: curl -s http://web/')),
      /^web[12] \(10\.0\.2\.1[01]\) answers 10\.0\.1\.10$/,
    );
    assert.match(
      page(run('client: curl -gs http://[fd00:c::80]/')),
      /^web[12] \(fd00:a:2::1[01]\) answers \[fd00:a:1::10\]$/,
    );
    assert.match(
      page(run('world: curl -s http://172.16.0.1:30080/')),
      /^web[12] \(10\.0\.2\.1[01]\) answers 172\.16\.0\.1$/,
    );
    assert.match(
      page(run('world: curl -gs http://[fd00:b::1]:30080/')),
      /^web[12] \(fd00:a:2::1[01]\) answers \[fd00:b::1\]$/,
    );
    assert.equal(page(run('client: wget -q -O - http://1.1')), 'world (1.0.0.1) answers 172.16.0.1');
    assert.match(run('client: ping -c 1 1.1').stdout, /icmp_seq=1 ttl=62 time=10\.0 ms/);
    assert.match(
      run('client: nslookup web').stdout,
      /^Server:\t\t10\.96\.0\.10\nAddress:\t10\.96\.0\.10#53$/m,
    );
    assert.deepEqual(run('client: ping -c 1 -W 1 10.0.2.10').losses, ['node2/eth0: Policy denied x1']);
    assert.equal(run('node2: nc -l 30080').stderr, 'nc: Address already in use\n');
  },
  vxlan: (run) => {
    assert.equal(page(run('client: curl -s http://10.96.0.80/')), 'server (10.0.2.10) answers 10.0.1.10');
    assert.equal(page(run('client: curl -s http://server:8080/')), 'server (10.0.2.10) answers 10.0.1.10');
    assert.deepEqual(run('client: ping -c 2 -W 1 10.0.2.10').losses, [
      'node2/cilium_vxlan: Policy denied x2',
    ]);
  },
  wireguard: (run) => {
    assert.equal(page(run('client: curl -s http://10.96.0.80/')), 'server (10.0.2.10) answers 10.0.1.10');
  },
};

describe('runs of the ready-made topologies', () => {
  for (const { name } of listTopologies()) {
    const check = RUNS[name];
    test(name, { skip: check === undefined ? 'its runs are tested elsewhere' : false }, () => {
      const simulation = simulate(name);
      check((line) => runTool(simulation, line));
    });
  }
});

const MASQUERADING = `
cilium: { routing-mode: native, ipv4-native-routing-cidr: 10.0.0.0/8, enable-ipv6: true, ipv6-native-routing-cidr: "fd00::/16", kube-proxy-replacement: true, enable-bpf-masquerade: true, enable-ipv6-masquerade: true }
nodes:
  - name: node1
    podCIDRs: [10.0.1.0/24, "fd00:1::/64"]
    devices: [{ name: eth0, addresses: [172.16.0.1/24, "fd00:b::1/64"] }]
    routes: [{ to: default, via: 172.16.0.254, dev: eth0 }, { to: default6, via: "fd00:b::fe", dev: eth0 }]
    pods:
      - { name: a, labels: { app: a }, ips: [10.0.1.10, "fd00:1::10"] }
      - { name: b, ips: [10.0.1.11, "fd00:1::11"], serves: { udp-echo: 7, tcp-echo: 7 } }
services:
  - { name: me, clusterIP: 10.96.0.81, ports: [{ port: 80, targetPort: 8080 }], selector: { app: a } }
${WORLD}`;

describe('the world outside', () => {
  test('its gateway is found by ARP and ND, pods are masqueraded', () => {
    const simulation = simulate(MASQUERADING);
    assert.equal(
      page(runTool(simulation, 'a: curl -s http://1.0.0.1/')),
      'world (1.0.0.1) answers 172.16.0.1',
    );
    assert.equal(
      page(runTool(simulation, 'a: curl -gs http://[2606:4700::1]/')),
      'world (2606:4700::1) answers [fd00:b::1]',
    );
    const { neighbours } = simulation.built.nodes[0].node.host;
    const gateway = neighbours.entries().find(({ address }) => address.join('.') === '172.16.0.254');
    assert.deepEqual([...gateway!.mac], [0x02, 0x70, 0xff, 0xff, 0xff, 0xff]);
  });

  test('a neighbour that nobody is ends the ping that wants it', () => {
    const ran = runTool(simulate(MASQUERADING), 'node1: ping -c 1 172.16.0.77');
    assert.match(ran.stdout, /^From 172\.16\.0\.1 icmp_seq=1 Destination Host Unreachable$/m);
    assert.equal(ran.code, 1);
  });

  test('a pod reaches itself through its own service', () => {
    const perPacket = MASQUERADING.replace(
      'kube-proxy-replacement: true',
      'kube-proxy-replacement: true, bpf-lb-sock: false',
    );
    assert.equal(
      page(runTool(simulate(perPacket), 'a: curl -s http://10.96.0.81/')),
      'a (10.0.1.10) answers 169.254.42.1',
    );
    assert.equal(
      page(runTool(simulate(MASQUERADING), 'a: curl -s http://10.96.0.81/')),
      'a (10.0.1.10) answers 10.0.1.10',
    );
  });

  test('echoes over UDP and TCP', () => {
    const simulation = simulate(MASQUERADING);
    for (const line of [
      'a: nc -w 1 10.0.1.11 7',
      'a: nc -u -w 1 10.0.1.11 7',
      'a: nc -u -w 1 fd00:1::11 7',
    ]) {
      assert.equal(runTool(simulation, line, 'hello\n').stdout, 'hello\n', line);
    }
    assert.equal(
      runTool(simulation, 'a: nc -zuv 10.0.1.11 9').stderr,
      'nc: connect to 10.0.1.11 port 9 (udp) failed: Connection refused\n',
    );
  });
});
