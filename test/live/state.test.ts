/** Connections outlive a lab that was killed; a state that is torn or comes from elsewhere is refused. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRun, type Ended, Lab, pause } from './lab.js';

const skip = cannotRun('curl', 'iperf3');

describe('--state', { skip, timeout: 180_000 }, () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  for (const workers of ['1', '2']) {
    test(`a lab of ${workers} that is killed and started again goes on with its connections`, async () => {
      const state = path.join(directory, `killed-${workers}`);
      const args = ['dual-stack', '--state', state, '--workers', workers];
      const first = await Lab.start(args);
      const servers = [
        first.run('server', ['iperf3', '-s', '-1', '-p', '8080'], 40),
        first.run('outside', ['iperf3', '-s', '-1', '-p', '5201'], 40),
      ];
      await pause(300);
      // By a service; and under the node's address, where the first to speak again is the other end. Several connections,
      // so that each worker has some.
      const load = ['-t', '15', '-b', '10M', '-P', '5'];
      const streams = [
        first.run('client', ['iperf3', '-J', '-c', '10.96.0.80', '-p', '80', ...load], 40),
        first.run('client', ['iperf3', '-J', '-R', '-c', '1.1.1.1', ...load], 40),
      ];
      await pause(2500);
      await first.kill('SIGKILL');
      const second = await Lab.start(args, first.name);
      for (const ended of await Promise.all(streams)) assertWentOn(ended, 5);
      await Promise.all(servers);
      await second.stop();
    });
  }

  test('changes of the topology are kept', async () => {
    const state = path.join(directory, 'changed');
    const first = await Lab.start(['same-node', '--state', state]);
    await first.ask('policy', 'remove', 'server');
    await first.stop();
    const second = await Lab.start(['same-node', '--state', state], first.name);
    const { stdout } = await second.ask('topology');
    assert.deepEqual(JSON.parse(stdout).policies, []);
    await second.stop();
  });

  test('what is torn or foreign is refused, and nothing is left behind', async () => {
    const state = path.join(directory, 'torn');
    const lab = await Lab.start(['same-node', '--state', state]);
    await lab.stop();
    const node = path.join(state, 'aq-dev-server');
    const map = path.join(node, 'cilium_ct4_global');
    const saved = path.join(directory, 'saved');
    copyFileSync(map, saved);

    assert.ok(readdirSync(node).includes('cilium_snat_v4_external'));
    truncateSync(map, 100_000);
    await refuses(
      state,
      /cilium_ct4_global: has 100000 bytes where \d+ belong: it is torn, or of another version; remove/,
    );
    copyFileSync(path.join(node, 'cilium_ct_any4_global'), map);
    await refuses(state, /cilium_ct4_global: has \d+ bytes where \d+ belong/);
    copyFileSync(saved, map);
    const other = path.join(directory, 'other');
    await (await Lab.start(['same-node', '--state', other])).stop();
    copyFileSync(path.join(other, 'aq-dev-server', 'cilium_ct4_global'), map);
    await refuses(state, /cilium_ct4_global: is of another run; remove the directory/);
    writeFileSync(path.join(state, 'run'), Buffer.alloc(4096 + 4 * (1 + 2 * 16_384), 'x'));
    await refuses(state, /run: is no state of packetwalk, or torn; remove the directory/);
    writeFileSync(path.join(state, 'topology.json'), '{"topology":');
    await refuses(state, /topology\.json: is no topology that was saved here, or torn/);
  });

  test('several workers have a directory each, and are as many as before', async () => {
    const state = path.join(directory, 'workers');
    const two = ['same-node', '--state', state, '--workers', '2'];
    await (await Lab.start(two)).stop();
    assert.deepEqual(readdirSync(state).sort(), ['topology.json', 'worker-0', 'worker-1']);
    await refuses(
      state,
      /workers: is of 2 workers, not of 1; give --workers 2, or remove the directory to begin afresh/,
    );
    const maps = ['worker-0', 'worker-1'].map((worker) => path.join(state, worker, 'aq-dev-server'));
    const saved = path.join(directory, 'saved-map');
    copyFileSync(path.join(maps[0], 'cilium_ct4_global'), saved);
    copyFileSync(path.join(maps[1], 'cilium_ct4_global'), path.join(maps[0], 'cilium_ct4_global'));
    const again = ['--workers', '2'];
    await refuses(state, /worker-0\/aq-dev-server\/cilium_ct4_global: is a map of another layout/, again);
    copyFileSync(saved, path.join(maps[0], 'cilium_ct4_global'));
    copyFileSync(path.join(state, 'worker-0', 'run'), path.join(state, 'worker-1', 'run'));
    await refuses(state, /worker-1\/run: is of another worker/, again);
    rmSync(path.join(state, 'worker-0'), { recursive: true });
    rmSync(path.join(state, 'worker-1', 'run'));
    await refuses(state, /worker-1\/aq-dev-server\/[a-z0-9_]+: is of another run/, again);
  });

  test('one directory is of one lab at a time, and of one topology', async () => {
    const state = path.join(directory, 'shared');
    const lab = await Lab.start(['same-node', '--state', state]);
    await refuses(state, new RegExp(`shared: process ${lab.process.pid} uses it`));
    await lab.stop();
    await refuses(state, /shared: is of the topology same-node, not of vxlan/, [], 'vxlan');
  });
});

/** Bytes of each of `count` connections arrived in the last seconds, after the lab was there again. */
function assertWentOn({ code, stdout }: Ended, count: number): void {
  const { intervals, error } = JSON.parse(stdout) as {
    intervals: { streams: { bytes: number }[] }[];
    error?: string;
  };
  assert.equal(error, undefined);
  assert.equal(code, 0);
  const last = intervals.slice(-2).flatMap(({ streams }) => streams.map(({ bytes }) => bytes));
  assert.equal(last.length, 2 * count);
  assert.ok(
    last.every((bytes) => bytes > 2e5),
    `bytes per second: ${intervals.map(({ streams }) => streams.map(({ bytes }) => bytes).join(' ')).join(', ')}`,
  );
}

async function refuses(
  state: string,
  message: RegExp,
  args: readonly string[] = [],
  topology = 'same-node',
): Promise<void> {
  await assert.rejects(Lab.start([topology, '--state', state, ...args]), ({ message: said }: Error) => {
    assert.match(said, message);
    return true;
  });
}
