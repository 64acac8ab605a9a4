/** What the tools print here is what the installed ones print, numbers apart. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { runTool, simulate } from '../topologies/run-support.js';

function real(
  tool: string,
  ...args: readonly string[]
): { stdout: string; stderr: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(tool, args, { timeout: 10_000, encoding: 'utf8' });
  return { stdout, stderr, code: status };
}

function missing(tool: string, version: RegExp, ...args: readonly string[]): string | false {
  const { stdout, stderr } = spawnSync(tool, args, { timeout: 10_000, encoding: 'utf8' });
  return version.test(`${stdout}${stderr}`) ? false : `needs ${tool} as in ${version}`;
}

/** Times and the names of addresses differ. */
function plain(text: string): string {
  return text
    .replaceAll('127.0.0.1', 'ADDRESS')
    .replaceAll('172.16.0.1', 'ADDRESS')
    .replace(/time=[\d.]+ ms/g, 'time=T ms')
    .replace(/time \d+ms/g, 'time Tms')
    .replace(/after \d+ ms/g, 'after T ms')
    .replace(/= [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms/, '= T ms');
}

test('ping', { skip: missing('ping', /iputils 20(2[1-9]|[3-9])/, '-V') }, (t) => {
  const there = real('ping', '-c', '2', '-i', '0.2', '-s', '20', '127.0.0.1');
  if (there.code !== 0) {
    t.skip(`no ping here: ${there.stderr.trim()}`);
    return;
  }
  const here = runTool(simulate('socket-lb'), 'node1: ping -c 2 -i 0.2 -s 20 172.16.0.1');
  assert.equal(plain(here.stdout), plain(there.stdout));
});

test('curl', { skip: missing('curl', /^curl 7\.8[78]/, '--version') }, () => {
  const there = real('curl', '-sS', '-v', 'http://127.0.0.1:9/');
  const here = runTool(simulate('socket-lb'), 'node1: curl -sS -v http://172.16.0.1:9/');
  assert.equal(here.code, there.code);
  assert.equal(plain(here.stderr), plain(there.stderr));
});
