/** Two nodes, each in a process of its own, with WireGuard between them over a veth that takes whole frames only. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { cannotRun, download, Lab, run } from './lab.js';

const skip = cannotRun('curl', 'bash', 'sha256sum', 'ethtool', 'tcpdump');
const wires = [`pwg${process.pid}a`, `pwg${process.pid}b`];
const OFFLOADS_OFF = ['tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'];

function ip(...words: string[]): void {
  execFileSync('ip', words);
}

function startNode(number: number, workers: string): Promise<Lab> {
  const device = `node${number}/eth0=af-packet:wire@${wires[number - 1]}`;
  return Lab.start([
    'wireguard',
    '--node',
    `node${number}`,
    '-d',
    device,
    '--serve',
    '--quiet',
    '--workers',
    workers,
  ]);
}

describe('WireGuard between two processes', { skip, timeout: 120_000 }, () => {
  let labs: Lab[] = [];
  before(async () => {
    for (const wire of wires) ip('netns', 'add', wire);
    ip('link', 'add', 'wire', 'netns', wires[0], 'type', 'veth', 'peer', 'name', 'wire', 'netns', wires[1]);
    for (const wire of wires) {
      ip('-n', wire, 'link', 'set', 'wire', 'up');
      ip('netns', 'exec', wire, 'ethtool', '-K', 'wire', ...OFFLOADS_OFF);
    }
    labs = await Promise.all([startNode(1, '1'), startNode(2, '2')]);
  });
  after(async () => {
    for (const lab of labs) await lab.stop();
    for (const wire of wires) ip('netns', 'del', wire);
  });

  test("sealed flows of a node are each one worker's", async () => {
    const command = 'for i in $(seq 12); do curl -sSm 5 http://10.0.2.10:8080/ || exit; done';
    const { stdout, stderr } = await labs[0].run('client', ['bash', '-c', command], 60);
    assert.equal(stdout.match(/^server answers /gm)?.length, 12, stderr);
    const { stdout: list } = await labs[1].ask(
      'show',
      '--node',
      'node2',
      'cilium-dbg',
      'bpf',
      'ct',
      'list',
      'global',
    );
    assert.equal(list.match(/^TCP IN 10\.0\.1\.10:\d+ -> 10\.0\.2\.10:8080 /gm)?.length, 12, list);
  });

  test('what is sealed is whole: a long transfer arrives, and no message is longer than the wire takes', async () => {
    const [first, second] = labs;
    const capture = ['netns', 'exec', wires[1], 'tcpdump', '-nqi', 'wire', '-c', '500', 'udp port 51871'];
    const captured = run('ip', capture, 60);
    const path = '8080/bytes/3000000';
    const whole = await download(second, 'server', `http://127.0.0.1:${path}`);
    assert.equal(await download(first, 'client', `http://10.0.2.10:${path}`, 20), whole);
    const lengths = [...(await captured).stdout.matchAll(/UDP, length (\d+)/g)].map(([, length]) =>
      Number(length),
    );
    assert.equal(lengths.length, 500);
    assert.ok(Math.max(...lengths) <= 1500 - 28, `longest: ${Math.max(...lengths)}`);
  });
});
