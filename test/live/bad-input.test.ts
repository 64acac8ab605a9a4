/** What a lab refuses, and what it fails of while it runs: a line that says what to do, an exit code, nothing left. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { cannotRun, type Ended, Lab, MAIN, namespacesOf, packetwalk, pause, run } from './lab.js';

const skip = cannotRun('ping', 'setpriv', 'unshare', 'sh');
const directory = mkdtempSync(join(tmpdir(), 'packetwalk-bad-'));
after(() => rmSync(directory, { recursive: true }));

let last = 0;
const newName = (): string => `b${process.pid}-${++last}`;

/** That it ended of a fault, in one line that says this, and left nothing. */
function refused({ code, stderr }: Ended, name: string, exitCode: number, message: RegExp): void {
  assert.match(stderr, message);
  assert.match(stderr, /^packetwalk: error: [^\n]*\n$/);
  assert.equal(code, exitCode);
  assert.deepEqual(namespacesOf(name), []);
  assert.ok(!existsSync(`/run/packetwalk/${name}.json`));
}

/** `packetwalk …` behind a program that takes something away from it. */
function behind(words: readonly string[], args: readonly string[], env = process.env): Promise<Ended> {
  return run('env', [`PATH=${env.PATH}`, ...words, process.execPath, MAIN, ...args]);
}

describe('a lab that cannot be', { skip, timeout: 180_000, concurrency: 2 }, () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const cases: readonly [string, RegExp][] = [
    ['--workers 0', /--workers: give a number from 1 to 64/],
    ['--workers two', /--workers: give a number from 1 to 64/],
    ['--workers 65', /--workers: give a number from 1 to 64/],
    ['--record /nonexistent/walk.pcapng', /\/nonexistent\/walk\.pcapng: no such file; check the path/],
    [`--state ${file}`, /file: is no directory; give --state one/],
    ['--state /proc/state', /\/proc\/state: cannot be made \(ENOENT\); give --state a directory/],
    ['--monitor=bogus', /bogus is no monitor; there are cilium-dbg monitor/],
    ['-d client=tap:lo', /tap:lo: there is an interface of this name that is no TAP with one queue/],
    ['-d client=tap:eth0/1', /is no name of an interface; give 1 to 15 characters/],
  ];
  for (const [options, message] of cases) {
    test(options.replace(directory, '…'), async () => {
      const name = newName();
      refused(await packetwalk('lab', 'vxlan', '--name', name, ...options.split(' ')), name, 2, message);
    });
  }

  for (const [right, message] of [
    ['net_admin', /run as root: network namespaces need CAP_SYS_ADMIN and CAP_NET_ADMIN/],
    ['sys_admin', /run as root: network namespaces need CAP_SYS_ADMIN and CAP_NET_ADMIN/],
  ] as const) {
    test(`without CAP_${right.toUpperCase()}`, async () => {
      const name = newName();
      const without = ['setpriv', `--bounding-set=-${right}`];
      refused(await behind(without, ['lab', 'vxlan', '--name', name]), name, 3, message);
    });
  }

  test('attach without CAP_NET_RAW', async () => {
    const name = newName();
    const args = ['attach', '-t', 'vxlan', '--name', name, '-d', 'node1/eth0=af-packet:lo'];
    const ended = await behind(['setpriv', '--bounding-set=-net_raw'], args);
    refused(
      ended,
      name,
      3,
      /a packet socket needs CAP_NET_RAW; run as root, or once: sudo setcap cap_net_raw\+ep/,
    );
  });

  test('without /dev/net/tun', async () => {
    const name = newName();
    const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$@"', 'sh'];
    const ended = await behind(hidden, ['lab', 'vxlan', '--name', name]);
    refused(ended, name, 3, /there is no \/dev\/net\/tun; load the driver: sudo modprobe tun/);
  });

  test('without iproute2', async () => {
    const name = newName();
    const programs = join(directory, 'programs');
    mkdirSync(programs);
    symlinkSync(execFileSync('which', ['sh'], { encoding: 'utf8' }).trim(), join(programs, 'sh'));
    const ended = await run('/usr/bin/env', [
      `PATH=${programs}`,
      process.execPath,
      MAIN,
      'lab',
      'vxlan',
      '--name',
      name,
    ]);
    refused(ended, name, 3, /ip: iproute2 is not installed; apt install iproute2/);
  });

  test('on an interface whose MTU is too small', async () => {
    const name = newName();
    const link = `pwb${process.pid}`;
    execFileSync('ip', ['link', 'add', link, 'mtu', '1400', 'type', 'veth', 'peer', `${link}p`]);
    try {
      const device = `node1/eth0=af-packet:${link}`;
      const ended = await packetwalk('attach', '-t', 'vxlan', '--name', name, '-d', device);
      refused(ended, name, 2, /its MTU is 1400, that of node1\/eth0 is 1500; ip link set pwb\d+ mtu 1500/);
    } finally {
      execFileSync('ip', ['link', 'del', link]);
    }
  });
});

describe('labs side by side', { skip, timeout: 120_000 }, () => {
  test('one name is one lab; a TAP is of one process', async () => {
    const tap = `pwb${process.pid}`;
    const name = newName();
    const lab = new Lab(['attach', '-t', 'vxlan', '-d', `client=tap:${tap}`, '--name', name], name);
    await lab.saysWithin(/ready: /, 20_000);
    const same = await packetwalk('lab', 'vxlan', '--name', name);
    assert.match(
      same.stderr,
      /--name b\d+-\d+: a lab of this name runs \(process \d+\); end it, or give another/,
    );
    assert.equal(same.code, 2);
    const other = newName();
    const taken = await packetwalk('attach', '-t', 'vxlan', '-d', `client=tap:${tap}`, '--name', other);
    refused(taken, other, 2, /another process has it; end that one, or: ip link del/);
    assert.equal((await lab.ask('status', '--json')).code, 0);
    await lab.stop();
  });

  test('what a killed lab left is not forgotten for another of its name', async () => {
    const lab = await Lab.start(['same-node']);
    await lab.kill('SIGKILL');
    const left = namespacesOf(lab.name);
    assert.ok(left.length > 0);
    const other = await packetwalk('attach', '-t', 'vxlan', '-d', 'client=tap:x', '--name', lab.name);
    assert.match(
      other.stderr,
      /a network namespace of this name is there already; remove what a lab left \(packet/,
    );
    assert.equal(other.code, 2);
    assert.equal(
      (await packetwalk('lab', '--clean', lab.name)).stderr,
      `packetwalk: removed what lab ${lab.name} left\n`,
    );
    assert.deepEqual(namespacesOf(lab.name), []);
  });
});

describe('a lab that is cut short', { skip, timeout: 120_000 }, () => {
  test('by a recording that cannot be written any more', async () => {
    const lab = await Lab.start(['vxlan', '--record', '/dev/full']);
    const ended = once(lab.process, 'close');
    await lab.run('client', ['ping', '-c', '3', '-i', '0.2', '-W', '1', '10.0.1.1']);
    assert.deepEqual(await ended, [2, null]);
    assert.match(
      lab.said,
      /\npacketwalk: error: \/dev\/full, at byte 0: cannot be written \(ENOSPC\); make room/,
    );
    assert.deepEqual(namespacesOf(lab.name), []);
  });

  for (const milliseconds of [200, 600, 1000, 1500, 2500]) {
    test(`by Ctrl-C after ${milliseconds} ms`, async () => {
      const name = newName();
      // A process group of its own, all of which gets the signal, as from a terminal.
      const args = [MAIN, 'lab', 'vxlan', '--serve', '--name', name];
      const lab = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      lab.stderr.on('data', (data) => {
        said += data;
      });
      await pause(milliseconds);
      const ended = once(lab, 'close');
      process.kill(-lab.pid!, 'SIGINT');
      const [code, signal] = await ended;
      assert.ok(code === 0 || signal === 'SIGINT', `${code} ${signal} ${said}`);
      assert.doesNotMatch(said, /error/);
      assert.deepEqual(namespacesOf(name), []);
    });
  }
});
