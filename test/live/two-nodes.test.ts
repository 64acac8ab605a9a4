/** Two nodes, each in a process of its own, in the modes of routing between them: real tools, and what is on the wire. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { twoNodes } from '../topologies/clusters.js';
import { cannotRun, download, downloadIn, iperf, Lab, pingLoss, SHA256_OF_100_MB } from './lab.js';
import { Wire } from './wire.js';

const skip = cannotRun('ping', 'curl', 'iperf3', 'tcpdump', 'ethtool', 'bash', 'sha256sum');
const MASQUERADE = 'enable-bpf-masquerade: true, enable-ipv6-masquerade: true';
const TUNNEL = `${MASQUERADE}, routing-mode: tunnel`;

const directory = mkdtempSync(join(tmpdir(), 'packetwalk-nodes-'));
const TOPOLOGY = join(directory, 'topology.yaml');
after(() => rmSync(directory, { recursive: true }));

/** A wire, and what is at it: two labs of one node each. Where it has a third end, the gateway and client is there. */
class Nodes {
  readonly wire: Wire;
  readonly #workers: number;
  labs: Lab[] = [];

  constructor(wire: Wire, workers: number) {
    this.wire = wire;
    this.#workers = workers;
  }

  async start(cilium: string): Promise<void> {
    writeFileSync(TOPOLOGY, twoNodes(cilium));
    this.labs = await Promise.all([this.startNode(1), this.startNode(2)]);
  }

  startNode(number: number): Promise<Lab> {
    const node = `node${number}`;
    const device = `${node}/eth0=${this.wire.port(number - 1)}`;
    const workers = ['--workers', String(this.#workers)];
    return Lab.start([TOPOLOGY, '--node', node, '-d', device, '--serve', ...workers]);
  }

  get client(): Lab {
    return this.labs[0];
  }

  async stop(): Promise<void> {
    for (const lab of this.labs) await lab.stop();
    this.wire.remove();
  }
}

/** Tests of two nodes of this configuration; each end of the wire is a namespace. */
function withNodes(
  name: string,
  cilium: string,
  ends: number,
  tests: (nodes: () => Nodes) => void,
  workers = 1,
): void {
  describe(name, { skip, timeout: 180_000 }, () => {
    let nodes: Nodes;
    before(async () => {
      nodes = new Nodes(new Wire(`pwt${process.pid}`, ends), workers);
      await nodes.start(cilium);
    });
    after(() => nodes.stop());
    tests(() => nodes);
  });
}

/** Checksums that tcpdump finds wrong, and the length of the longest IP packet, the outer ones of tunnels. */
function faultsOf(text: string): { wrong: string[]; longest: number } {
  const lengths = [...text.matchAll(/^\d\d:.*?, length (\d+): /gm)].map(([, length]) => Number(length) - 14);
  return {
    wrong: text.match(/.*(incorrect|bad ip cksum|bad udp cksum).*/g) ?? [],
    longest: Math.max(...lengths),
  };
}

/** Ping, 100 MB, and iperf3 from pod to pod, over both families. */
function carriesAll(nodes: () => Nodes): void {
  const families = [
    ['IPv4', '10.1.2.10', '10.96.0.1'],
    ['IPv6', 'fd01:2::10', '[fd96::1]'],
  ] as const;
  for (const [family, pod, service] of families) {
    test(`${family}: ping, 100 MB from the service, iperf3`, async () => {
      const { client } = nodes();
      assert.equal(await pingLoss(client, 'pod1', pod), 0);
      assert.equal(await download(client, 'pod1', `http://${service}/bytes/100000000`, 30), SHA256_OF_100_MB);
      const tcp = await iperf(client, 'pod1', ['-c', pod, '-t', '1']);
      assert.ok(tcp.bitsPerSecond > 20e6, `${tcp.bitsPerSecond} bit/s`);
      const udp = await iperf(client, 'pod1', ['-c', pod, '-t', '1', '-u', '-b', '5M', '-l', '1000']);
      assert.ok(udp.lostPercent < 1, `${udp.lostPercent} % lost`);
    });
  }

  test('no frame was longer than a device takes', async () => {
    for (const lab of nodes().labs) {
      const { dropped, ports } = await lab.status();
      assert.equal(dropped['frame is longer than the device takes'], undefined);
      for (const { counters } of ports) assert.equal(counters['longer than the MTU'] ?? 0, 0);
    }
  });
}

/** What is on the wire while pods talk: of these looks, with right checksums, and no longer than its MTU. */
function looksLike(nodes: () => Nodes, filter: string, patterns: readonly RegExp[], longest: number): void {
  test('frames on the wire have right checksums and fit its MTU', async () => {
    const { client, wire } = nodes();
    for (const service of ['10.96.0.1', '[fd96::1]']) {
      const seen = await wire.capture(1, 300, filter);
      await download(client, 'pod1', `http://${service}/bytes/3000000`);
      const text = await seen();
      for (const pattern of patterns) assert.match(text, pattern);
      assert.equal(text.match(/Flags \[.*cksum 0x[\da-f]{4} \(correct\)/g)?.length, 300);
      assert.deepEqual(faultsOf(text), { wrong: [], longest });
    }
  });
}

withNodes('VXLAN', `${TUNNEL}, tunnel-protocol: vxlan`, 2, (nodes) => {
  carriesAll(nodes);
  looksLike(
    nodes,
    'udp port 8472',
    [/192\.168\.0\.2\.\d+ > 192\.168\.0\.1\.8472: .*OTV, .*instance 1002/],
    1500,
  );

  test('pods of one node see the other node die and come back', async () => {
    const { client, labs } = nodes();
    await labs[1].stop();
    const { code } = await client.run('pod1', ['curl', '-sm', '1', 'http://10.96.0.1/']);
    assert.equal(code, 28);
    labs[1] = await nodes().startNode(2);
    const { stdout } = await client.run('pod1', ['curl', '-sm', '5', 'http://10.96.0.1/']);
    assert.match(stdout, /^pod2 answers 10\.1\.1\.10 port \d+\n$/);
  });
});

// The kernel spreads the wire's frames by what is outside; the packets inside have their worker all the same.
withNodes('VXLAN, two workers each', `${TUNNEL}, tunnel-protocol: vxlan`, 2, carriesAll, 2);

withNodes('Geneve', `${TUNNEL}, tunnel-protocol: geneve`, 2, (nodes) => {
  carriesAll(nodes);
  looksLike(
    nodes,
    'udp port 6081',
    [/192\.168\.0\.2\.\d+ > 192\.168\.0\.1\.6081: .*Geneve, .*vni 0x3ea/],
    1500,
  );
});

withNodes('Geneve over IPv6', `${TUNNEL}, tunnel-protocol: geneve, underlay-protocol: ipv6`, 2, (nodes) => {
  carriesAll(nodes);
  looksLike(
    nodes,
    'udp port 6081',
    [/fd00::2\.\d+ > fd00::1\.6081: \[udp sum ok\] Geneve, .*vni 0x3ea/],
    1500,
  );
});

const NATIVE = 'routing-mode: native, auto-direct-node-routes: true';
const POD_NETWORKS = 'ipv4-native-routing-cidr: 10.1.0.0/16, ipv6-native-routing-cidr: "fd01::/16"';

withNodes('direct routing', `${MASQUERADE}, ${NATIVE}, ${POD_NETWORKS}`, 2, (nodes) => {
  carriesAll(nodes);
  looksLike(
    nodes,
    'tcp port 8080',
    [/ 10\.1\.2\.10\.8080 > 10\.1\.1\.10\.| fd01:2::10\.8080 > fd01:1::10\./],
    1500,
  );
});

const DSR = 'tunnel-protocol: geneve, bpf-lb-mode: dsr, bpf-lb-dsr-dispatch: geneve';

withNodes('DSR by Geneve', `${TUNNEL}, ${DSR}`, 3, (nodes) => {
  const GATEWAY = 2;
  before(() => {
    const { wire } = nodes();
    wire.configure(GATEWAY, 'link', 'set', 'wire', 'address', '02:00:00:00:00:fe');
    wire.configure(GATEWAY, 'addr', 'add', '192.168.0.254/24', 'dev', 'wire');
    wire.configure(GATEWAY, 'addr', 'add', 'fd00::fe/64', 'dev', 'wire', 'nodad');
  });

  // SYNs alone carry the option: class 0x014b, type 1 (critical), what the client asked: address and port 30080.
  const families = [
    ['IPv4', '192.168.0.1', '192.168.0.254', 'len 12 data c0a80001 75800000'],
    ['IPv6', '[fd00::1]', 'fd00::fe', 'len 24 data fd000000 00000000 00000000 00000001 75800000'],
  ] as const;
  for (const [family, node, client, option] of families) {
    test(`${family}: the pod of the other node sees the client, and answers past the first node`, async () => {
      const { wire } = nodes();
      const forwarded = await wire.capture(0, 3, 'udp port 6081 and ether src 02:00:00:00:01:00');
      const answers = await wire.capture(GATEWAY, 3, 'src port 30080');
      const { stdout } = await wire.run(GATEWAY, ['curl', '-gsm', '5', `http://${node}:30080/`]);
      assert.match(stdout, new RegExp(`^pod2 answers ${client} port \\d+\n$`));
      const [, ...tunnelled] = (await forwarded()).split('Geneve, ');
      const options = tunnelled.map((packet) => /\[class (.*)\]\n/.exec(packet)?.[1]);
      assert.match(tunnelled[0], /Flags \[S\]/);
      assert.deepEqual(options, [`Unknown (0x14b) type 0x81(C) ${option}`, undefined, undefined]);
      const senders = (await answers()).match(/(?<=^\d\d:[^ ]* )[\d:a-f]{17} > [\d:a-f]{17}/gm);
      assert.deepEqual(new Set(senders), new Set(['02:00:00:00:02:00 > 02:00:00:00:00:fe']));
    });

    test(`${family}: 100 MB`, async () => {
      const { wire } = nodes();
      const url = `http://${node}:30080/bytes/100000000`;
      assert.equal(await downloadIn(wire.ends[GATEWAY], url, 30), SHA256_OF_100_MB);
    });
  }
});
