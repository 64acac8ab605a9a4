/** What happens to traffic while the lab changes, loses an interface, or is killed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRun, iperf, Lab, namespacesOf, packetwalk, pause, pingLoss } from './lab.js';

const skip = cannotRun('ping', 'curl', 'iperf3');

describe('changes while traffic flows', { skip, timeout: 180_000 }, () => {
  let lab: Lab;
  const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-'));
  before(async () => {
    lab = await Lab.start(['dual-stack', '--serve']);
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await lab.stop();
  });
  const answers = async (): Promise<string> =>
    (await lab.run('client', ['curl', '-sm', '1', 'http://10.96.0.80/'])).stdout.split(' ')[0];

  test('no packet is lost that a change does not concern', async () => {
    const pings = lab.run('client', ['ping', '-q', '-c', '400', '-i', '0.005', '-W', '2', '10.0.2.10']);
    const stream = iperf(lab, 'client', ['-c', 'fd00:a:2::10', '-t', '3']);
    await pause(300);
    const policy = path.join(directory, 'policy.yaml');
    writeFileSync(
      policy,
      'name: web\nendpointSelector: { app: nobody }\ningress: [{ fromEntities: [all] }]\n',
    );
    for (const change of [
      ['pod', 'add', 'second', '--node', 'node2', '--label', 'app=server'],
      ['backend', 'remove', 'web', 'second'],
      ['policy', 'add', policy],
      ['policy', 'remove', 'web'],
      ['pod', 'remove', 'second'],
    ]) {
      const { code, stderr } = await lab.ask(...change);
      assert.equal(code, 0, stderr);
    }
    const { stdout } = await pings;
    assert.match(stdout, /400 packets transmitted, 400 received, 0% packet loss/);
    assert.ok((await stream).bitsPerSecond > 20e6);
  });

  test('a policy takes hold at once, also on connections that are open', async () => {
    assert.equal(await answers(), 'server');
    const policy = path.join(directory, 'deny.yaml');
    writeFileSync(
      policy,
      'name: deny\nendpointSelector: { app: server }\ningressDeny: [{ fromEntities: [all] }]\n',
    );
    await lab.ask('policy', 'add', policy);
    assert.equal(await answers(), '');
    assert.equal(await pingLoss(lab, 'client', '10.0.2.10'), 100);
    const { dropped } = await lab.status();
    assert.ok(dropped['Policy denied by denylist (181)'] >= 50, JSON.stringify(dropped));
    await lab.ask('policy', 'remove', 'deny');
    assert.equal(await answers(), 'server');
  });

  test('backends and pods come and go', async () => {
    const { code, stderr } = await lab.ask('pod', 'add', 'other', '--node', 'node1', '--label', 'app=server');
    assert.equal(code, 0, stderr);
    await lab.ask('backend', 'add', 'web', 'other');
    await lab.ask('backend', 'remove', 'web', 'server');
    for (let i = 0; i < 5; i++) assert.equal(await answers(), 'other');
    await lab.ask('backend', 'add', 'web', 'server');
    await lab.ask('backend', 'remove', 'web', 'other');
    for (let i = 0; i < 5; i++) assert.equal(await answers(), 'server');
    await lab.ask('pod', 'remove', 'other');
    assert.ok(!namespacesOf(lab.name).some((name) => name.endsWith('-other')));
  });

  test('a faulty change changes nothing and says where the fault is', async () => {
    const { code, stderr } = await lab.ask('backend', 'add', 'web', 'nobody');
    assert.equal(code, 2);
    assert.match(stderr, /services\[0\]\.backends\[1\]\.pod: there is no pod nobody/);
    assert.equal(await answers(), 'server');
  });

  test('listings show the running state', async () => {
    const { stdout } = await lab.ask('show', '--node', 'node1', 'cilium-dbg', 'bpf', 'ct', 'list', 'global');
    assert.match(stdout, /^TCP SVC 10\.0\.1\.10:\d+ -> 10\.96\.0\.80:80 /m);
  });
});

describe('an interface that fails', { skip, timeout: 180_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.start(['vxlan', '--serve']);
  });
  after(() => lab.stop());
  const link = (...words: string[]): void => {
    execFileSync('ip', ['-n', `pw-${lab.name}-server`, 'link', ...words]);
  };

  test('is reported when it is down and when it is up again; the rest runs on', async () => {
    link('set', 'eth0', 'down');
    await lab.saysWithin(
      /warning: node2\/lxcserver: its interface is down or gone; the rest runs on/,
      10_000,
    );
    assert.equal(await pingLoss(lab, 'client', '8.8.8.8'), 0);
    link('set', 'eth0', 'up');
    await lab.saysWithin(/warning: node2\/lxcserver: its interface is up again/, 10_000);
  });

  test('is reported when it vanishes; the rest runs on', async () => {
    lab.said = '';
    link('del', 'eth0');
    await lab.saysWithin(
      /warning: node2\/lxcserver: its interface is down or gone; the rest runs on/,
      10_000,
    );
    assert.equal(await pingLoss(lab, 'client', '8.8.8.8'), 0);
  });
});

describe('a lab that is killed', { skip, timeout: 180_000 }, () => {
  test('leaves what --clean removes', async () => {
    const lab = await Lab.start(['same-node', '--serve']);
    await lab.kill('SIGKILL');
    assert.equal(namespacesOf(lab.name).length, 3);
    const again = await packetwalk('lab', 'same-node', '--name', lab.name);
    assert.equal(again.code, 2);
    assert.match(
      again.stderr,
      /-client: a network namespace of this name is there already; .*packetwalk lab --clean/,
    );
    const { code, stderr } = await packetwalk('lab', '--clean', lab.name);
    assert.equal(code, 0);
    assert.match(stderr, /removed what lab .* left/);
    assert.deepEqual(namespacesOf(lab.name), []);
  });
});
