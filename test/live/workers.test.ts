/** A lab of two workers: real connections, whose two directions come by different queues. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cannotRun, download, Lab, packetwalk, SHA256_OF_100_MB } from './lab.js';

const skip = cannotRun('curl', 'bash', 'sha256sum');

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

  test('listings are of all workers', async () => {
    const { stdout } = await lab.ask('show', '--node', 'node1', 'cilium-dbg', 'bpf', 'ct', 'list', 'global');
    assert.match(stdout, /^==> worker 0 <==\n[\s\S]*\n==> worker 1 <==\n/);
  });
});

test('what only one worker can do is refused with several', {
  skip: cannotRun(),
  timeout: 180_000,
}, async () => {
  const { code, stderr } = await packetwalk(
    'lab',
    'same-node',
    '--name',
    't-refused',
    '--workers',
    '2',
    '--record',
    'x',
  );
  assert.match(stderr, /--workers 2 and --record: give one of the two/);
  assert.equal(code, 2);
});
