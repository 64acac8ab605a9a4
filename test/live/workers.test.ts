/** A lab of two workers: real connections, whose two directions come by different queues. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRun, download, iperf, Lab, pause, run, SHA256_OF_100_MB } from './lab.js';

const skip = cannotRun('curl', 'bash', 'sha256sum', 'ping', 'iperf3');

describe('--workers 2', { skip, timeout: 180_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.start(['dual-stack', '--serve', '--workers', '2']);
  });
  after(() => lab.stop());

  const ways: readonly [from: string, url: string, answer: RegExp][] = [
    ['client', 'http://10.96.0.80/', /^(server answers 10\.0\.1\.10 port \d+\n){20}$/],
    ['client', 'http://1.1/', /^(outside answers 172\.16\.1\.1 port \d+\n){20}$/],
    ['outside', 'http://172.16.1.1:30080/', /^(server answers 172\.16\.1\.1 port \d+\n){20}$/],
    ['client', 'http://[fd00:c::80]/', /^(server answers fd00:a:1::10 port \d+\n){20}$/],
  ];
  for (const [from, url, answers] of ways) {
    test(`20 connections: ${from} to ${url}`, async () => {
      const command = `for i in $(seq 20); do curl -gsSm 5 '${url}' || exit; done`;
      const { stdout, stderr } = await lab.run(from, ['bash', '-c', command], 30);
      assert.match(stdout, answers, stderr);
    });
  }

  test('100 MB by a service arrive whole', async () => {
    assert.equal(await download(lab, 'client', 'http://10.96.0.80/bytes/100000000'), SHA256_OF_100_MB);
  });

  test('a connection goes on after the kernel has forgotten whose it was', async () => {
    // The kernel remembers the queue of a flow for three seconds.
    const script = `
      const agent = new (require('http').Agent)({ keepAlive: true, maxSockets: 1 });
      const get = () => new Promise((resolve, reject) =>
        require('http').get('http://10.96.0.80/', { agent }, (response) => {
          let text = ''; response.on('data', (data) => { text += data; }); response.on('end', () => resolve(text));
        }).on('error', reject));
      (async () => { const first = await get(); await new Promise((done) => setTimeout(done, 4500));
        console.log(first === await get()); process.exit(); })();`;
    const connections = Array.from({ length: 6 }, () =>
      lab.run('client', [process.execPath, '-e', script], 20),
    );
    for (const { stdout, stderr } of await Promise.all(connections)) assert.equal(stdout, 'true\n', stderr);
    assert.equal((await lab.status()).lost['from worker to worker'], undefined);
  });

  test('a listing has the connections of all workers, and sums of what they have counted', async () => {
    const list = async (...words: string[]): Promise<string> =>
      (await lab.ask('show', '--node', 'node1', 'cilium-dbg', 'bpf', ...words)).stdout;
    const text = await list('ct', 'list', 'global');
    const lines = text.split('\n').filter((line) => line.startsWith('TCP SVC 10.0.1.10:'));
    // 20 and 7 connections by the service; each is once in it, whichever worker has it.
    assert.equal(lines.length, 27, text);
    assert.equal(new Set(lines.map((line) => line.split(' ')[2])).size, 27);
    const json = JSON.parse(
      (
        await lab.ask(
          'show',
          '--node',
          'node1',
          '--json',
          'bpftool',
          'map',
          'dump',
          'name',
          'cilium_ct4_global',
        )
      ).stdout,
    ) as unknown[];
    assert.ok(json.length >= 27);
    const forwarded = /Success\s+EGRESS\s+(\d+)/.exec(await list('metrics', 'list'));
    assert.ok(Number(forwarded?.[1]) > 1000, 'packets of 100 MB and of 60 connections');
  });

  test('each frame is counted once, and has one fate', async () => {
    const { workers, walked, merged, copies, originated, fates, ports, handedOver } = await lab.status();
    assert.equal(workers, 2);
    const ends = Object.values(fates).reduce((sum, count) => sum + count, 0);
    assert.equal(walked + copies + originated, ends);
    const received = ports.reduce((sum, { counters }) => sum + (counters.received ?? 0), 0);
    assert.equal(walked + merged, received);
    // Some first frames come to the other worker; later ones do not.
    assert.ok(handedOver < walked / 10, `${handedOver} of ${walked}`);
  });
});

describe('changes of a lab of two workers', { skip, timeout: 180_000 }, () => {
  let lab: Lab;
  const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-'));
  before(async () => {
    lab = await Lab.start(['dual-stack', '--serve', '--workers', '2']);
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await lab.stop();
  });
  const fileOf = (name: string, text: string): string => {
    const file = path.join(directory, name);
    writeFileSync(file, text);
    return file;
  };
  const answers = async (url: string): Promise<string> =>
    (await lab.run('client', ['curl', '-sm', '1', url])).stdout.split(' ')[0];

  test('no packet is lost, and no connection, that a change does not concern', async () => {
    const pings = lab.run('client', ['ping', '-q', '-c', '500', '-i', '0.005', '-W', '2', '10.0.2.10']);
    const streams = Promise.all([
      iperf(lab, 'client', ['-c', 'fd00:a:2::10', '-t', '4', '-P', '4']),
      lab.run(
        'outside',
        ['bash', '-c', 'curl -sm 20 http://172.16.1.1:30080/bytes/100000000 | sha256sum'],
        25,
      ),
    ]);
    await pause(300);
    // Session affinity changes by what flows are shared out: those that run stay whose they are.
    const affinity = fileOf(
      'affinity.yaml',
      'name: sticky\nclusterIP: 10.96.0.99\nsessionAffinity: ClientIP\nports: [{ port: 80, targetPort: 8080 }]\nbackends: [{ pod: server }]\n',
    );
    for (const change of [
      ['pod', 'add', 'second', '--node', 'node2', '--label', 'app=server'],
      ['service', 'add', affinity],
      ['backend', 'remove', 'web', 'second'],
      ['service', 'remove', 'sticky'],
      ['pod', 'remove', 'second'],
    ]) {
      const { code, stderr } = await lab.ask(...change);
      assert.equal(code, 0, stderr);
    }
    assert.match((await pings).stdout, /500 packets transmitted, 500 received, 0% packet loss/);
    const [{ bitsPerSecond }, { stdout }] = await streams;
    assert.ok(bitsPerSecond > 20e6);
    assert.equal(stdout.slice(0, 64), SHA256_OF_100_MB);
    assert.deepEqual((await lab.status()).lost, {});
  });

  test('an interface that goes down is told of once', async () => {
    lab.said = '';
    const link = ['-n', `pw-${lab.name}-server`, 'link', 'set', 'eth0'];
    await run('ip', [...link, 'down']);
    await lab.saysWithin(/node2\/lxcserver: its interface is down or gone/, 10_000);
    await run('ip', [...link, 'up']);
    await lab.saysWithin(/node2\/lxcserver: its interface is up again/, 10_000);
    await pause(500);
    assert.equal(lab.said.match(/lxcserver: its interface is down or gone/g)?.length, 1);
  });

  test('a policy takes hold in all of them at once, and a new pod is reached by all', async () => {
    const deny = fileOf(
      'deny.yaml',
      'name: deny\nendpointSelector: { app: server }\ningressDeny: [{ fromEntities: [all] }]\n',
    );
    await lab.ask('policy', 'add', deny);
    for (let i = 0; i < 4; i++) assert.equal(await answers('http://10.0.2.10/'), '');
    await lab.ask('policy', 'remove', 'deny');
    await lab.ask('pod', 'add', 'third', '--node', 'node2', '--ip', '10.0.2.77', '--ip', 'fd00:a:2::77');
    for (let i = 0; i < 8; i++) assert.equal(await answers('http://10.0.2.77/'), 'third');
  });
});

describe('--workers 2 --monitor --record', {
  skip: cannotRun('curl', 'tshark', 'capinfos'),
  timeout: 120_000,
}, () => {
  test('one file in the order of time, and each event once', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-'));
    const file = path.join(directory, 'walk.pcapng');
    const lab = await Lab.start(['same-node', '--serve', '--workers', '2', '--record', file, '--monitor']);
    const count = 12;
    const command = `for i in $(seq ${count}); do curl -gsSm 5 http://10.3.0.158/ || exit; done`;
    const { stdout } = await lab.run('client', ['bash', '-c', command], 30);
    assert.equal(stdout.split('\n').length, count + 1);
    const { walked, originated } = await lab.status();
    await lab.stop();

    const info = (await run('capinfos', ['-o', file])).stdout;
    assert.match(info, /Strict time order:\s+True/);
    const fields = [
      '-e',
      'frame.packet_id',
      '-e',
      'frame.interface_name',
      '-e',
      'tcp.flags',
      '-e',
      'tcp.srcport',
    ];
    const { stdout: shown } = await run('tshark', ['-r', file, '-T', 'fields', ...fields]);
    const rows = shown
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    const ids = new Set(rows.map(([id]) => id));
    assert.ok(ids.size <= walked + originated && ids.size > 6 * count, `${ids.size} of ${walked}`);
    // The file has each place once, and each connection's opening where the client's program saw it.
    const places = (await run('capinfos', ['-I', file])).stdout.match(/Name = .*/g) ?? [];
    assert.equal(new Set(places).size, places.length);
    const openings = rows.filter(
      ([, place, flags]) =>
        place.includes('lxcb56ea4219379') && place.includes('from_container') && Number(flags) === 2,
    );
    assert.equal(new Set(openings.map(([, , , port]) => port)).size, count);
    assert.equal(openings.length, count);
    const events = lab.printed
      .split('\n')
      .filter(
        (line) =>
          line.startsWith('<- endpoint') && line.endsWith('tcp SYN') && line.includes('-> 10.3.0.158:80'),
      );
    assert.equal(events.length, count, lab.printed.slice(0, 2000));
    rmSync(directory, { recursive: true });
  });
});
